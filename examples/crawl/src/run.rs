//! One crawl: servers, a crawler, and what became of it.

use crate::{
    args::{Args, Rule},
    crawl::Crawler,
    http::Fault,
    ledger::Ledger,
    server::{self, Capacity, Faults, Service, Site},
    track::{self, Track},
};
use anyscope::{Executor, context::Context, resilience::RetryBudget, scope, shutdown::Shutdown};
use std::{collections::BTreeMap, error::Error, sync::Arc, time::Duration};

/// What became of a crawl.
pub(crate) struct Crawled {
    pub(crate) site: Site,
    pub(crate) ledger: Ledger,
    /// How many requests ended how; none is a success.
    pub(crate) requests: BTreeMap<Option<Fault>, usize>,
    pub(crate) hosts: Vec<Track>,
    pub(crate) took: Duration,
}

/// Crawls until all is fetched, `time` is over, or the shutdown begins.
pub(crate) async fn run<E: Executor + 'static>(
    exec: &E,
    args: &Args,
    rule: Rule,
    time: Option<Duration>,
    shutdown: &Shutdown,
) -> Result<Crawled, Box<dyn Error>> {
    let crawled = scope(exec, async |s| {
        let (servers, site) = server::start(&s, hosts(args), args.pages)?;
        let crawler = Arc::new(Crawler::new(exec, args, rule));
        let tracks = Arc::default();
        s.spawn_daemon(track::watch(exec.clone(), crawler.clone(), servers, Arc::clone(&tracks)));
        let took = crawler.crawl(site.first(), args, time, shutdown).await;
        let (ledger, requests) = crawler.results();
        Ok(Crawled { site, ledger, requests, hosts: track::take(&tracks), took })
        // The servers are daemons, and end with the scope.
    });
    // For all pages together: the worse it is, the smaller the share that is tried again.
    let budget = RetryBudget::new(100).percent(25);
    Context::new().with(budget).around(crawled).await
}

/// Every second host can do half as much as the others; the last one is down for a while.
fn hosts(args: &Args) -> impl Iterator<Item = (Service, Faults)> {
    let period = Duration::from_millis(args.period_ms);
    (0..args.hosts).map(move |host| {
        let most = usize::from(args.capacity) / if host % 2 == 0 { 1 } else { 2 };
        let takes = Duration::from_millis(args.takes_ms);
        let service = Service::new(Capacity { most, takes, period });
        let down = (host + 1 == args.hosts).then(|| period / 2..period * 7 / 10);
        let seed = args.seed.wrapping_add(u64::from(host));
        (service, Faults { per_mille: args.faults, seed, down })
    })
}
