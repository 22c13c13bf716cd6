//! The crawler.

use crate::{
    args::{Args, Rule},
    counts::Counts,
    host::{Host, Patience},
    http::{Fault, links},
    ledger::{End, Ledger},
    say,
    server::Page,
};
use anyscope::{
    CancelToken, Executor, Grace, Instant, JoinError, Scope, flow, progress::Bar,
    resilience::Attempts, scope, shutdown::Shutdown,
};
use std::{
    collections::{BTreeMap, HashMap},
    mem,
    net::SocketAddr,
    num::NonZeroUsize,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

pub(crate) struct Crawler<E> {
    exec: E,
    begun: Instant,
    rule: Rule,
    per_host: NonZeroUsize,
    patience: Patience,
    is_listing: bool,
    hosts: Mutex<HashMap<SocketAddr, Arc<Host>>>,
    ledger: Mutex<Ledger>,
    counts: Counts,
}

impl<E: Executor + 'static> Crawler<E> {
    pub(crate) fn new(exec: &E, args: &Args, rule: Rule) -> Self {
        let time_limit = Duration::from_millis(args.timeout_ms);
        Crawler {
            exec: exec.clone(),
            begun: exec.now(),
            rule,
            per_host: args.per_host,
            patience: Patience { time_limit, retries: args.retries },
            is_listing: args.list,
            hosts: Mutex::default(),
            ledger: Mutex::default(),
            counts: Counts::default(),
        }
    }

    /// Fetches `first` and all that can be reached from there; returns how long that took.
    ///
    /// When `time` is over or the shutdown begins, no further request is made. Those under way may end, if the grace is long
    /// enough.
    pub(crate) async fn crawl(
        self: &Arc<Self>,
        first: Page,
        args: &Args,
        time: Option<Duration>,
        shutdown: &Shutdown,
    ) -> Duration {
        let grace = Grace::For(Duration::from_millis(args.grace_ms));
        let bar = Bar::new(format!("limit {}", self.rule)).unit("pages");
        let mut observer = bar.observer();
        // A bar between the lines of a list is none.
        let observer = |progress| {
            if !self.is_listing {
                observer(progress)
            }
        };
        lock(&self.ledger).find(first);
        scope(&self.exec, async |s| {
            shutdown.phase("the crawl", &s, &self.exec, grace);
            if let Some(time) = time {
                s.spawn_daemon(ask_to_end(s.clone(), time, grace));
            }
            flow::expand([first], args.at_once, async |page| self.visit(&s, page).await)
                .unordered()
                .try_progress(&self.exec, observer)
                .count()
                .await
        })
        .await;
        self.elapsed()
    }

    /// Has a page fetched, and returns where it leads.
    async fn visit(self: &Arc<Self>, s: &Scope<E>, page: Page) -> Result<((), Vec<Page>), ()> {
        let stop = s.token();
        // A child, so that pages are worked on in parallel, and have a name when somebody asks what still runs.
        let fetched = s.spawn_named(page.to_string(), self.clone().fetch(page, stop)).await;
        let (end, text) = match fetched {
            Ok(Ok(text)) => (End::Fetched(self.elapsed()), text),
            Ok(Err(attempts)) => (attempts.into(), String::new()),
            Err(JoinError::Cancelled(_)) => (End::Interrupted, String::new()),
            Err(error) => panic!("{page}: {error}"),
        };
        if self.is_listing {
            say(&format!("{page}: {end}\n"));
        }
        let mut ledger = lock(&self.ledger);
        ledger.end(page, end);
        match end {
            End::Fetched(_) => Ok(((), links(&text).filter(|page| ledger.find(*page)).collect())),
            _ => Err(()),
        }
    }

    async fn fetch(
        self: Arc<Self>,
        page: Page,
        stop: CancelToken,
    ) -> Result<String, Attempts<Fault>> {
        let host = self.host(page.host);
        host.fetch(&self.exec, page, &self.patience, &stop, &self.counts).await
    }
}

impl<E: Executor> Crawler<E> {
    pub(crate) fn elapsed(&self) -> Duration {
        self.exec.now() - self.begun
    }

    /// A host, known from now on.
    pub(crate) fn host(&self, address: SocketAddr) -> Arc<Host> {
        lock(&self.hosts)
            .entry(address)
            .or_insert_with(|| Arc::new(Host::new(self.rule, self.per_host)))
            .clone()
    }

    /// What has become of the pages, and how many requests ended how.
    pub(crate) fn results(&self) -> (Ledger, BTreeMap<Option<Fault>, usize>) {
        (mem::take(&mut *lock(&self.ledger)), self.counts.get())
    }
}

async fn ask_to_end<E: Executor + 'static>(s: Scope<E>, time: Duration, grace: Grace) {
    s.executor().sleep(time).await;
    s.cancel_with(s.executor(), grace, "the time is over");
}

fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
