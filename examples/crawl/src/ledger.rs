//! Each page that was found, and how it ended: the proof that none is lost.

use crate::{
    http::Fault,
    server::{Page, Site},
};
use anyscope::resilience::{Attempts, Failure, GaveUp};
use std::{
    collections::{BTreeMap, HashMap},
    error::Error,
    fmt,
    time::Duration,
};

/// How a page ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// So long after the start.
    Fetched(Duration),
    /// Each request has failed, the last one so.
    Failed(Fault, Why),
    /// The crawl was asked to end before it was fetched.
    Interrupted,
}

/// Why there was no further request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Why {
    NotRetried,
    UsedUp,
    Budget,
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Fetched(_) => f.pad("fetched"),
            End::Failed(fault, why) => write!(f, "{fault}, {why}"),
            End::Interrupted => f.pad("interrupted"),
        }
    }
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Why::NotRetried => "which no retry changes",
            Why::UsedUp => "after all retries",
            Why::Budget => "with no retry left in the budget",
        })
    }
}

impl From<Attempts<Fault>> for End {
    fn from(attempts: Attempts<Fault>) -> Self {
        let why = match attempts.why {
            GaveUp::NotRetried => Why::NotRetried,
            GaveUp::Budget => Why::Budget,
            GaveUp::Cancelled(_) => return End::Interrupted,
            _ => Why::UsedUp,
        };
        match attempts.last {
            Some(Failure::Failed(Fault::Interrupted)) | None => End::Interrupted,
            Some(Failure::Failed(fault)) => End::Failed(fault, why),
            Some(_) => End::Failed(Fault::TimedOut, why),
        }
    }
}

/// What has become of all pages.
#[derive(Default)]
pub(crate) struct Ledger {
    /// None while nobody knows.
    pages: HashMap<Page, Option<End>>,
    twice: Vec<Page>,
}

impl Ledger {
    /// Adds a page that a link leads to. Returns false if it is known already.
    pub(crate) fn find(&mut self, page: Page) -> bool {
        let is_new = !self.pages.contains_key(&page);
        if is_new {
            self.pages.insert(page, None);
        }
        is_new
    }

    /// A page has ended.
    pub(crate) fn end(&mut self, page: Page, end: End) {
        match self.pages.get_mut(&page) {
            Some(none @ None) => *none = Some(end),
            _ => self.twice.push(page),
        }
    }

    pub(crate) fn found(&self) -> usize {
        self.pages.len()
    }

    pub(crate) fn interrupted(&self) -> usize {
        self.ends().filter(|(_, end)| *end == End::Interrupted).count()
    }

    /// How many pages had been fetched, `by` so long after the start.
    pub(crate) fn fetched(&self, by: Duration) -> usize {
        self.ends().filter(|(_, end)| matches!(end, End::Fetched(at) if *at <= by)).count()
    }

    /// Those that failed, by how.
    pub(crate) fn failed(&self) -> BTreeMap<(Fault, Why), Vec<Page>> {
        let mut failed = BTreeMap::<_, Vec<_>>::new();
        for (page, end) in self.ends() {
            if let End::Failed(fault, why) = end {
                failed.entry((fault, why)).or_default().push(page);
            }
        }
        failed.values_mut().for_each(|pages| pages.sort_unstable_by_key(|page| page.number));
        failed
    }

    /// Checks that each page ended once, and that the pages are those that whoever fetched so much has to know of.
    pub(crate) fn check(&self, site: &Site) -> Result<(), Wrong> {
        let fetched = self.ends().filter(|(_, end)| matches!(end, End::Fetched(_)));
        let known = site.known(fetched.map(|(page, _)| page));
        let wrong = Wrong {
            lost: self.pages.values().filter(|end| end.is_none()).count(),
            twice: self.twice.len(),
            missed: known.iter().filter(|page| !self.pages.contains_key(page)).count(),
            made_up: self.pages.keys().filter(|page| !known.contains(page)).count(),
        };
        if wrong == Wrong::default() { Ok(()) } else { Err(wrong) }
    }

    fn ends(&self) -> impl Iterator<Item = (Page, End)> {
        self.pages.iter().filter_map(|(page, end)| Some((*page, (*end)?)))
    }
}

/// What does not add up.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wrong {
    lost: usize,
    twice: usize,
    missed: usize,
    made_up: usize,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Wrong { lost, twice, missed, made_up } = self;
        write!(f, "the pages do not add up: {lost} without an end, {twice} with two, ")?;
        write!(f, "{missed} linked to and not found, {made_up} found and not linked to")
    }
}

impl Error for Wrong {}
