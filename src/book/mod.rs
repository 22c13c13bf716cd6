//! The book: what anyscope is for, and how it is used. It is in the documentation only.
//!
#![doc = include_str!("links.md")]
#![doc = include_str!("../../docs/book/README.md")]

// Where a page writes `[name]`, its last lines say where that is on GitHub. Here `links.md` comes
// first, so it leads into this documentation, and rustdoc checks it. As tests, programs take what they name.
macro_rules! chapters {
    ($($name:ident: $page:literal,)*) => {
        $(
            #[doc = include_str!("links.md")]
            #[cfg_attr(
                any(
                    not(doctest),
                    all(
                        feature = "backon",
                        feature = "rate",
                        feature = "shutdown",
                        feature = "sim",
                        feature = "smol",
                        feature = "threads",
                        feature = "tokio"
                    )
                ),
                doc = include_str!(concat!("../../docs/book/", $page))
            )]
            pub mod $name {}
        )*
    };
}

chapters! {
    why: "why.md",
    three_scopes: "three-scopes.md",
    choosing_an_executor: "choosing-an-executor.md",
    bounded_work: "bounded-work.md",
    cancel_and_deadlines: "cancel-and-deadlines.md",
    together: "together.md",
    when_things_fail: "when-things-fail.md",
    limits_that_adapt: "limits-that-adapt.md",
    too_much_to_do: "too-much-to-do.md",
    limits_of_your_own: "limits-of-your-own.md",
    seeing_it_run: "seeing-it-run.md",
    testing: "testing.md",
    for_library_authors: "for-library-authors.md",
    writing_an_adapter: "writing-an-adapter.md",
    adapter_pool: "adapter-pool.md",
    adapter_pool_end: "adapter-pool-end.md",
    adapter_local: "adapter-local.md",
    writing_an_operator: "writing-an-operator.md",
    no_std: "no-std.md",
    more_than_one_machine: "more-than-one-machine.md",
    performance: "performance.md",
    when_not_to_use_it: "when-not-to-use-it.md",
    coming_from: "coming-from.md",
    from_futures: "from-futures.md",
    from_tokio: "from-tokio.md",
    from_asyncio: "from-asyncio.md",
    from_streams: "from-streams.md",
    from_retries: "from-retries.md",
    from_pools: "from-pools.md",
}
