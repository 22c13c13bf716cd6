//! The macros that run a behaviour in both forms of a bounded operation.

/// As [`behaviour!`](crate::behaviour), with the work in the awaiting task (`inline`) and as
/// children on the executor (`on`).
///
/// In the body, `for_each!(source, limit, f)` is a future that ends with the operation, and
/// `try_for_each!` one whose result is its `Result<(), E>`.
#[macro_export]
macro_rules! flow_behaviour {
    ($($(#[$doc:meta])* $name:ident |$ex:ident| $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            mod inline {
                #[allow(unused_imports)]
                use super::super::*;

                async fn show<E: $crate::executors::Exec>($ex: E) {
                    let _ = &$ex;
                    #[allow(unused_macros)]
                    macro_rules! for_each {
                        ($source:expr, $limit:expr, $f:expr) => {
                            async { $source.for_each_concurrent($limit, $f).await }
                        };
                    }
                    #[allow(unused_macros)]
                    macro_rules! try_for_each {
                        ($source:expr, $limit:expr, $f:expr) => {
                            async { $source.try_for_each_concurrent($limit, $f).await }
                        };
                    }
                    $body
                }

                $crate::each_behaviour! { @run erased }
            }

            mod on {
                #[allow(unused_imports)]
                use super::super::*;

                async fn show<E: $crate::executors::Exec>($ex: E) {
                    #[allow(unused_macros)]
                    macro_rules! for_each {
                        ($source:expr, $limit:expr, $f:expr) => {
                            async { $source.for_each_on(&$ex, $limit, $f).await.unwrap() }
                        };
                    }
                    #[allow(unused_macros)]
                    macro_rules! try_for_each {
                        ($source:expr, $limit:expr, $f:expr) => {
                            async {
                                let result = $source.try_for_each_on(&$ex, $limit, $f).await;
                                result.map_err(|error| error.into_first().unwrap())
                            }
                        };
                    }
                    $body
                }

                $crate::each_behaviour! { @run erased }
            }
        }
    )+};
}

/// As [`behaviour!`](crate::behaviour), for bounded maps. `name with virtual_time` leaves real
/// clocks out.
///
/// In the body, `map!(source, limit, f)` is the flow of a bounded map. Its work is `Send` and `'static`, so that the form on an executor can be shown by another
/// `mod` beside `inline`, with its own `map!`.
#[macro_export]
macro_rules! map_behaviour {
    ($($(#[$doc:meta])* $name:ident $(with $on:ident)? |$ex:ident| $body:block)+) => {$(
        $(#[$doc])*
        mod $name {
            mod inline {
                #[allow(unused_imports)]
                use super::super::*;

                async fn show<E: $crate::executors::Exec>($ex: E) {
                    let _ = &$ex;
                    #[allow(unused_macros)]
                    macro_rules! map {
                        ($source:expr, $limit:expr, $f:expr) => {
                            $source.map_concurrent($limit, $f)
                        };
                    }
                    $body
                }

                $crate::each_behaviour! { @run erased $($on)? }
            }
        }
    )+};
}
