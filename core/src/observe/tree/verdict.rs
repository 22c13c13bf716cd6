//! Who waits for whom, in a circle.
//!
//! Everyone who waits for one thing of ours is a node of a graph, with an edge to each of those on whom that depends.
//! At first all who wait for something else are taken to go on; then whoever waits for somebody who goes on, until nothing
//! changes. Whoever is left waits only for others who are left. That finds a deadlock of any shape (the reduction of
//! Holt, "Some deadlock properties of computer systems", 1972), and never accuses a program that goes on.

use super::take::{Names, Sight};
use crate::{
    child::{ChildId, seen::Seen},
    observe::{Called, WhoWaits},
    waits::{Facts, Wait, ends, held, watcher::Place},
};
use alloc::{
    collections::{BTreeMap, BTreeSet},
    string::String,
    vec::Vec,
};
use core::{fmt, slice};

/// Who is stuck: each waits for others who are stuck too. Prints itself as the circle that it is; with the feature `serde`
/// it can be serialized.
///
/// # Examples
///
/// See [`Tree::verdict`](super::Tree::verdict).
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verdict {
    /// A circle: each waits for the next, and the last for the first.
    pub circle: Vec<Stuck>,
    /// Those who are stuck besides, as they wait for the circle.
    pub others: Vec<Stuck>,
    #[cfg_attr(feature = "serde", serde(skip))]
    polls: BTreeMap<Who, usize>,
}

/// One who is stuck. Prints itself as [`WhoWaits`].
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Stuck {
    /// Who: `child `feed`, spawned at src/main.rs:12:9`, or `the scope my_app::serve`.
    pub who: String,
    /// The number of its scope; or its own, if it is a scope.
    pub scope: u64,
    /// Which child of that scope it is. None if it is the scope itself.
    #[cfg_attr(feature = "serde", serde(serialize_with = "super::snapshot::as_text_if_known"))]
    pub child: Option<ChildId>,
    /// What it waits for.
    pub waits_for: String,
}

/// A node: a scope, or a child of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Who {
    scope: u64,
    child: Option<ChildId>,
}

impl From<Place> for Who {
    fn from(place: Place) -> Self {
        match place {
            Place::Body { scope } => Who { scope, child: None },
            Place::Child { scope, number, is_daemon } => {
                Who { scope, child: Some(ChildId::new(number, is_daemon)) }
            }
        }
    }
}

struct Waiting<'a> {
    sight: &'a Sight,
    child: Option<&'a Seen>,
    wait: Wait,
    polls: usize,
    on: On,
}

/// On whom a wait depends.
enum On {
    /// It goes on if one of them does.
    Any(Vec<Who>),
    /// It goes on if those who are stuck leave it so many permits.
    Permits { count: usize, limit: usize, holders: Vec<(Who, usize)> },
}

impl On {
    fn goes_on(&self, stuck: &BTreeSet<Who>) -> bool {
        match self {
            On::Any(all) => all.iter().any(|who| !stuck.contains(who)),
            On::Permits { count, limit, holders } => {
                let lost = holders.iter().filter(|(who, _)| stuck.contains(who));
                *count <= limit.saturating_sub(lost.map(|(_, count)| count).sum())
            }
        }
    }

    /// Returns one of those who are stuck, on whom it depends.
    fn first(&self, stuck: &BTreeSet<Who>) -> Option<Who> {
        self.all().find(|who| stuck.contains(who))
    }

    /// Returns all on whom it depends.
    fn all(&self) -> impl Iterator<Item = Who> {
        let (any, holders) = match self {
            On::Any(all) => (&all[..], &[][..]),
            On::Permits { holders, .. } => (&[][..], &holders[..]),
        };
        any.iter().copied().chain(holders.iter().map(|(who, _)| *who))
    }
}

pub(super) fn judge(sights: &[Sight], names: &Names<'_>) -> Option<Verdict> {
    let mut waiting: BTreeMap<Who, Waiting<'_>> = BTreeMap::new();
    let end = end_by_themselves(sights);
    for (sight, _) in sights.iter().zip(end).filter(|(_, ends)| !ends) {
        let scope = sight.node.number();
        let add = |child: Option<&'_ Seen>, facts: &Facts| {
            let [wait] = facts.waits[..] else { return None };
            if facts.is_partial {
                return None;
            }
            let on = edges(wait, names)?;
            Some((Who { scope, child: child.map(|child| child.id) }, (wait, on)))
        };
        if let Some((who, (wait, on))) = add(None, &sight.body) {
            waiting.insert(who, Waiting { sight, child: None, wait, polls: sight.body.polls, on });
        }
        for child in &sight.seen.children {
            if child.is_polled || child.asked_by.is_some() {
                continue;
            }
            if let Some((who, (wait, on))) = add(Some(child), &child.facts) {
                let polls = child.facts.polls;
                waiting.insert(who, Waiting { sight, child: Some(child), wait, polls, on });
            }
        }
    }
    let stuck = reduce(&waiting);
    let circle = circle(&stuck, &waiting)?;
    let tell = |who: &Who| {
        let waiting = &waiting[who];
        Stuck {
            who: match waiting.child {
                Some(Seen { name, spawned_at, .. }) => {
                    let name = name.as_deref();
                    alloc::format!("{}", Called { name, spawned_at })
                }
                None => alloc::format!("the scope {}", waiting.sight.node.name()),
            },
            scope: who.scope,
            child: who.child,
            waits_for: names.wait(waiting.wait).text,
        }
    };
    let others = stuck.iter().filter(|who| !circle.contains(who));
    Some(Verdict {
        circle: circle.iter().map(tell).collect(),
        others: others.map(tell).collect(),
        polls: stuck.iter().map(|who| (*who, waiting[who].polls)).collect(),
    })
}

/// Returns of each scope whether it is cancelled, or may be cancelled by something that it waits for itself: a deadline, a
/// grace. Or one that it is in is.
fn end_by_themselves(sights: &[Sight]) -> Vec<bool> {
    let mut end: Vec<bool> = Vec::with_capacity(sights.len());
    for Sight { node, seen, .. } in sights {
        let outer = node.parent.map(|(Place::Body { scope } | Place::Child { scope, .. })| scope);
        // In the order of their numbers, and those outside are in front.
        let outer = outer.and_then(|number| {
            sights[..end.len()].binary_search_by_key(&number, |sight| sight.node.number()).ok()
        });
        let ends = seen.is_cancelled || seen.live > seen.children.len();
        end.push(ends || outer.is_some_and(|at| end[at]));
    }
    end
}

/// On whom the end of a wait depends. `None` if that is not known.
fn edges(wait: Wait, names: &Names<'_>) -> Option<On> {
    match wait {
        Wait::Child(at) => {
            let (sight, seen) = names.child(at)?;
            let who = Who { scope: sight.node.number(), child: Some(seen.id) };
            Some(On::Any(alloc::vec![who]))
        }
        Wait::Inside(at) => {
            let who = Who { scope: names.scope(at)?.node.number(), child: None };
            Some(On::Any(alloc::vec![who]))
        }
        // All have to end. Any that is stuck would do, but that none of them goes on is enough for most, and safe.
        Wait::Scope(at) => members(names.scope(at)?),
        Wait::Room(at) => {
            let sight = names.scope(at)?;
            // A limit that changes may be raised. Or somebody has left, and the room is for one who waits.
            (!sight.seen.is_live && sight.seen.limit? <= sight.seen.live).then(|| members(sight))?
        }
        Wait::Permits { is_live: true, .. } => None,
        Wait::Permits { of, count, limit, .. } => {
            let holders = held::holders(of);
            let holders =
                holders.iter().map(|holder| (holder.place.into(), holder.count)).collect();
            Some(On::Permits { count, limit, holders })
        }
        Wait::End { of, is_receiver, .. } => {
            let places = ends::places(of, is_receiver)?;
            Some(On::Any(places.into_iter().map(Who::from).collect()))
        }
        Wait::AnyOf(_) | Wait::Flow { .. } | Wait::What(_) => None,
        Wait::Label(_) | Wait::Detailed { .. } => None,
    }
}

/// Returns the children of a scope, unless some of them were not seen.
fn members(sight: &Sight) -> Option<On> {
    let scope = sight.node.number();
    let all: Vec<_> =
        sight.seen.children.iter().map(|child| Who { scope, child: Some(child.id) }).collect();
    (!all.is_empty() && all.len() >= sight.seen.live).then_some(On::Any(all))
}

/// Takes away whoever goes on, until nobody who is left does.
fn reduce(waiting: &BTreeMap<Who, Waiting<'_>>) -> BTreeSet<Who> {
    // Only those who depend on one who goes on are looked at again: a long queue has as many rounds as members.
    let mut behind: BTreeMap<Who, Vec<Who>> = BTreeMap::new();
    for (who, waiting) in waiting {
        waiting.on.all().for_each(|other| behind.entry(other).or_default().push(*who));
    }
    let mut stuck: BTreeSet<Who> = waiting.keys().copied().collect();
    let mut doubtful: Vec<Who> = waiting.keys().copied().collect();
    while let Some(who) = doubtful.pop() {
        if stuck.contains(&who) && waiting[&who].on.goes_on(&stuck) {
            stuck.remove(&who);
            doubtful.extend(behind.get(&who).into_iter().flatten());
        }
    }
    stuck
}

/// Follows the waits until somebody is met again.
fn circle(stuck: &BTreeSet<Who>, waiting: &BTreeMap<Who, Waiting<'_>>) -> Option<Vec<Who>> {
    let mut path = Vec::new();
    let mut next = *stuck.first()?;
    loop {
        if let Some(at) = path.iter().position(|who| *who == next) {
            return Some(path.split_off(at));
        }
        path.push(next);
        next = waiting[&next].on.first(stuck)?;
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        WhoWaits { who: &self.who, waits: slice::from_ref(&self.waits_for) }.fmt(f)
    }
}

impl Verdict {
    /// Returns whether nobody who is stuck was polled since.
    pub(super) fn holds(&self, sights: &[Sight]) -> bool {
        let now: BTreeMap<_, _> = sights
            .iter()
            .flat_map(|sight| {
                let scope = sight.node.number();
                let children = sight.seen.children.iter().map(move |child| {
                    (Who { scope, child: Some(child.id) }, (child.facts.polls, child.is_polled))
                });
                children.chain([(Who { scope, child: None }, (sight.body.polls, false))])
            })
            .collect();
        self.polls.iter().all(|(who, polls)| now.get(who) == Some(&(*polls, false)))
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("each waits for the next, for ever:\n")?;
        self.circle.iter().try_for_each(|stuck| writeln!(f, "- {stuck}"))?;
        if !self.others.is_empty() {
            writeln!(f, "and {} wait for these:", self.others.len())?;
            self.others.iter().try_for_each(|stuck| writeln!(f, "- {stuck}"))?;
        }
        Ok(())
    }
}
