//! Crawls a site and walks a tree: work that finds more work, and ends by itself.
//!
//! `main` crawls in a simulation, where minutes pass at once and every moment is exact, and then
//! walks the tree on every executor, in parallel.
//!
//! ```text
//! cargo run -p examples --bin crawl_tree -- --help
//! ```

use anyscope::{
    BlockOn, Executor, Timer, flow,
    progress::Bar,
    scope,
    sim::{Sim, SimHandle},
    smol::Smol,
    threads::ThreadPool,
    tokio::TokioHandle,
};
use clap::Parser;
use std::{cell::RefCell, collections::HashSet, time::Duration};

#[derive(Clone, Parser)]
#[command(about = "Crawls a site and walks a tree: work that finds more work")]
struct Args {
    /// How many pieces of work run at the same time.
    #[arg(long, default_value_t = 8)]
    limit: usize,
    /// How many nodes the tree has.
    #[arg(long, default_value_t = 20_000)]
    nodes: u64,
}

const SECOND: Duration = Duration::from_secs(1);

/// The links of a page, after a second. Page 13 does not exist.
async fn fetch(timer: &impl Timer, page: u32) -> Result<Vec<u32>, String> {
    timer.sleep(SECOND).await;
    match page {
        13 => Err(format!("no page {page}")),
        _ => Ok([page / 2, page * 2, page * 2 + 1].into_iter().filter(|n| *n <= 30).collect()),
    }
}

/// All pages that can be reached, each once, and what went wrong.
async fn crawl(timer: &impl Timer, limit: usize) -> (Vec<u32>, Vec<String>) {
    let seen = RefCell::new(HashSet::from([1]));
    let visit = async |page| {
        let mut links = fetch(timer, page).await?;
        links.retain(|link| seen.borrow_mut().insert(*link));
        Ok((page, links))
    };
    let mut errors = vec![];
    let walk =
        flow::expand([1], limit, visit).inspect_err(|error: &String| errors.push(error.clone()));
    (walk.filter_ok().collect().await, errors)
}

async fn crawl_in_simulation(sim: SimHandle) {
    let (pages, errors) = crawl(&sim, 4).await;
    println!("{} pages in {:?}, and {errors:?}", pages.len(), sim.elapsed());
    // Of 0 to 30: two pages are linked by that one only.
    assert_eq!((pages.len(), errors), (28, vec!["no page 13".to_owned()]));
}

/// Counts the nodes of a tree, whose work runs on the executor.
async fn count_nodes(name: &str, exec: &impl Executor, args: Args) -> usize {
    // How many there will be is not known before the end, so the bar counts.
    let bar = Bar::new(format!("the tree, on {name}")).unit("nodes");
    scope(exec, async |s| {
        let look = async |node: u64| {
            let below = [2 * node, 2 * node + 1].into_iter().filter(move |n| *n <= args.nodes);
            // .. read the node ..
            s.spawn(async move { (node, below) }).await.expect("no node panics")
        };
        // The newest first: the frontier is small, however wide the tree is.
        let nodes = flow::expand([1], args.limit, look).unordered().newest_first();
        nodes.progress(exec, bar.observer()).count().await
    })
    .await
}

fn main() {
    let args = Args::parse();
    Sim::new(1).run(crawl_in_simulation).expect("no hang, and nothing left behind");

    let runtime = tokio::runtime::Runtime::new().expect("tokio starts");
    let handle = TokioHandle::from(runtime.handle().clone());
    let pool = ThreadPool::new(2);
    let counts = [
        ("smol", smol::block_on(count_nodes("smol", &Smol, args.clone()))),
        ("tokio", runtime.block_on(count_nodes("tokio", &handle, args.clone()))),
        ("threads", pool.block_on(count_nodes("threads", &pool.handle(), args.clone()))),
    ];
    for (name, count) in counts {
        println!("{count} nodes on {name}");
        assert_eq!(count as u64, args.nodes);
    }
}
