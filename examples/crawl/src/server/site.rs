//! Pages, and what they link to.

use std::{
    collections::BTreeSet,
    fmt::{self, Write},
    net::SocketAddr,
    str::FromStr,
};

/// The address of a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Page {
    pub(crate) host: SocketAddr,
    pub(crate) number: u32,
}

impl fmt::Display for Page {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.number)
    }
}

impl FromStr for Page {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let (host, number) = text.split_once('/').ok_or(())?;
        let (host, number) = (host.parse().map_err(drop)?, number.parse().map_err(drop)?);
        Ok(Page { host, number })
    }
}

/// All pages, spread over the hosts. Computed, so that there may be millions.
#[derive(Clone)]
pub(crate) struct Site {
    pub(crate) hosts: Vec<SocketAddr>,
    pub(crate) pages: u32,
}

impl Site {
    /// From which all others can be reached, if no page fails.
    pub(crate) fn first(&self) -> Page {
        self.page(0)
    }

    /// What a page links to: three pages below it, two from anywhere, and that above it.
    pub(crate) fn links(&self, page: Page) -> impl Iterator<Item = Page> + '_ {
        let (number, pages) = (u64::from(page.number), u64::from(self.pages));
        let below = (1..=3).map(move |n| number * 3 + n).filter(move |n| *n < pages);
        let anywhere = (1..=2).map(move |n| mix(number * 2 + n) % pages);
        let above = number.saturating_sub(1) / 3;
        below.chain(anywhere).chain([above]).map(|number| self.page(number))
    }

    /// The text of a page.
    pub(crate) fn text(&self, page: Page) -> String {
        let mut text = format!("<title>Page {}</title>\n", page.number);
        for link in self.links(page) {
            let _ = writeln!(text, "<a href=\"http://{link}\">page {}</a>", link.number);
        }
        text
    }

    /// All that whoever has fetched `fetched` knows of.
    pub(crate) fn known(&self, fetched: impl IntoIterator<Item = Page>) -> BTreeSet<Page> {
        let mut known = BTreeSet::from([self.first()]);
        fetched.into_iter().for_each(|page| known.extend(self.links(page)));
        known
    }

    fn page(&self, number: u64) -> Page {
        let host = self.hosts[(number % self.hosts.len() as u64) as usize];
        Page { host, number: u32::try_from(number).expect("less than all pages") }
    }
}

/// Another number for each number, in no order (splitmix64).
pub(super) fn mix(number: u64) -> u64 {
    let mut x = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}
