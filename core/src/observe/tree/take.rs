//! How a tree is looked at.

use super::{
    ChildView, Holder, ScopeView, Snapshot, State, Tree, Verdict, Wait,
    node::{Node, ScopeSeen},
};
use crate::{
    child::{ChildId, seen::Seen},
    observe::Called,
    time::Instant,
    waits::{Facts, Wait as Kept, details, ends, held, watcher::Place},
};
use alloc::{
    collections::BTreeMap,
    format,
    string::{String, ToString},
    sync::Arc,
    vec::Vec,
};
use core::{cell::OnceCell, time::Duration};

/// What was seen of one scope.
pub(super) struct Sight {
    pub(super) node: Arc<Node>,
    pub(super) seen: ScopeSeen,
    pub(super) body: Facts,
}

pub(super) fn snapshot(tree: &Tree) -> Snapshot {
    let now = tree.age();
    let sights = look(tree);
    let names = Names::new(&sights);
    let mut views: BTreeMap<u64, ScopeView> = BTreeMap::new();
    let mut parents = Vec::new();
    for Sight { node, seen, body } in &sights {
        parents.push((node.number(), node.parent));
        views.insert(node.number(), scope_view(node, seen, body, &names, now));
    }
    // The innermost first: whoever began later is further in.
    let mut roots = Vec::new();
    for (number, parent) in parents.into_iter().rev() {
        let Some(mut view) = views.remove(&number) else { continue };
        // All that is in it is there, the last in front.
        view.scopes.reverse();
        view.children.iter_mut().for_each(|child| child.scopes.reverse());
        match parent.and_then(|place| home(&mut views, place)) {
            Some(scopes) => scopes.push(view),
            None => roots.push(view),
        }
    }
    roots.reverse();
    Snapshot { age: now, scopes: roots }
}

pub(super) fn verdict(tree: &Tree) -> Option<Verdict> {
    let sights = look(tree);
    let verdict = super::verdict::judge(&sights, &Names::new(&sights))?;
    // Each was seen at a moment of its own. If nobody was polled since, there was a moment when all was as seen.
    let again = look(tree);
    verdict.holds(&again).then_some(verdict)
}

/// Looks at all scopes that are there, those that began first in front.
fn look(tree: &Tree) -> Vec<Sight> {
    let see = |node: Arc<Node>| node.see().map(|seen| Sight { body: node.facts(), node, seen });
    tree.nodes().into_iter().filter_map(see).collect()
}

/// Returns where the scopes at this place are.
fn home(views: &mut BTreeMap<u64, ScopeView>, place: Place) -> Option<&mut Vec<ScopeView>> {
    match place {
        Place::Body { scope } => views.get_mut(&scope).map(|view| &mut view.scopes),
        Place::Child { scope, number, is_daemon } => {
            let id = ChildId::new(number, is_daemon);
            let view = views.get_mut(&scope)?;
            match view.children.binary_search_by_key(&order(id), |child| order(child.id)) {
                Ok(at) => Some(&mut view.children[at].scopes),
                // A child that has ended, or of the scope's own.
                Err(_) => Some(&mut view.scopes),
            }
        }
    }
}

/// In the order of spawning; daemons last.
fn order(child: ChildId) -> (bool, usize) {
    (child.is_daemon(), child.number())
}

fn scope_view(
    node: &Node,
    seen: &ScopeSeen,
    body: &Facts,
    names: &Names<'_>,
    now: Duration,
) -> ScopeView {
    let mut children: Vec<_> =
        seen.children.iter().map(|child| child_view(child, names, now, node)).collect();
    children.sort_by_key(|child| order(child.id));
    let deadline = (seen.deadline != Instant::NEVER).then(|| node.left_until(seen.deadline, now));
    ScopeView {
        number: node.number(),
        name: node.name(),
        executor: node.executor(),
        age: now.saturating_sub(node.started),
        polls: body.polls,
        live: seen.live,
        spawned: seen.spawned,
        limit: seen.limit,
        is_cancelled: seen.is_cancelled,
        reason: seen.reason.clone(),
        deadline,
        waits: names.waits(body),
        more_waits: body.more,
        scopes: Vec::new(),
        children,
    }
}

fn child_view(seen: &Seen, names: &Names<'_>, now: Duration, node: &Node) -> ChildView {
    let state = match seen.facts.polls {
        _ if seen.is_polled => State::Polled,
        0 => State::Queued,
        _ => State::Waiting,
    };
    ChildView {
        id: seen.id,
        name: seen.name.clone(),
        spawned_at: seen.spawned_at,
        state,
        polls: seen.facts.polls,
        busy: node.watched().is_timed.then_some(seen.facts.busy),
        age: seen.facts.parked_at.map(|at| now.saturating_sub(at)),
        is_shielded: seen.is_shielded,
        asked_by: seen.asked_by,
        // While it is polled, nobody knows.
        waits: if seen.is_polled { Vec::new() } else { names.waits(&seen.facts) },
        more_waits: if seen.is_polled { 0 } else { seen.facts.more },
        scopes: Vec::new(),
    }
}

/// A child, by the number of its scope and its [order] there.
type Member = (u64, (bool, usize));

/// Who is at which address.
pub(super) struct Names<'a> {
    scopes: BTreeMap<usize, &'a Sight>,
    children: BTreeMap<usize, (&'a Sight, &'a Seen)>,
    numbers: BTreeMap<u64, &'a Sight>,
    /// Made when somebody is looked for.
    members: OnceCell<BTreeMap<Member, &'a Seen>>,
}

impl<'a> Names<'a> {
    pub(super) fn new(sights: &'a [Sight]) -> Self {
        let scopes = sights.iter().map(|sight| (sight.seen.address, sight)).collect();
        let children = sights
            .iter()
            .flat_map(|sight| sight.seen.children.iter().map(move |child| (sight, child)))
            .map(|(sight, child)| (child.address, (sight, child)))
            .collect();
        let numbers = sights.iter().map(|sight| (sight.node.number(), sight)).collect();
        Names { scopes, children, numbers, members: OnceCell::new() }
    }

    pub(super) fn scope(&self, address: usize) -> Option<&'a Sight> {
        self.scopes.get(&address).copied()
    }

    pub(super) fn child(&self, address: usize) -> Option<(&'a Sight, &'a Seen)> {
        self.children.get(&address).copied()
    }

    /// Returns the child of this id in the scope of this number.
    fn member(&self, scope: u64, child: ChildId) -> Option<&'a Seen> {
        let members = self.members.get_or_init(|| {
            let of = |sight: &&'a Sight| {
                let scope = sight.node.number();
                sight.seen.children.iter().map(move |seen| ((scope, order(seen.id)), seen))
            };
            self.numbers.values().flat_map(of).collect()
        });
        members.get(&(scope, order(child))).copied()
    }

    fn waits(&self, facts: &Facts) -> Vec<Wait> {
        facts.waits.iter().map(|wait| self.wait(*wait)).collect()
    }

    pub(super) fn wait(&self, wait: Kept) -> Wait {
        let other_end = self.other_end(wait);
        let (scope, child) = match wait {
            Kept::Child(at) => match self.child(at) {
                Some((sight, seen)) => (Some(sight.node.number()), Some(seen.id)),
                None => (None, None),
            },
            Kept::Scope(at) | Kept::Room(at) | Kept::Inside(at) => {
                (self.scope(at).map(|sight| sight.node.number()), None)
            }
            _ => match &other_end {
                Some(holder) => (Some(holder.scope), holder.child),
                None => (None, None),
            },
        };
        let holders = match wait {
            Kept::Permits { of, .. } => {
                held::holders(of).into_iter().filter_map(|holder| self.holder(holder)).collect()
            }
            _ => Vec::new(),
        };
        let more = match wait {
            Kept::Detailed { detail, .. } => details::words(detail),
            _ => other_end.map(|Holder { name, .. }| name),
        };
        let mut text = self.text(wait);
        if let Some(more) = more {
            text = format!("{text} ({more})");
        }
        Wait { text, scope, child, holders }
    }

    /// Returns who has the other end of a channel, if it is one, and still there.
    fn other_end(&self, wait: Kept) -> Option<Holder> {
        let Kept::End { of, is_receiver, .. } = wait else { return None };
        let [place] = ends::places(of, is_receiver)?[..] else { return None };
        self.who(place, 1)
    }

    /// Returns who holds something, if that is still there.
    fn holder(&self, held::Holder { place, count, .. }: held::Holder) -> Option<Holder> {
        self.who(place, count)
    }

    fn who(&self, place: Place, count: usize) -> Option<Holder> {
        let scope = place.scope();
        let sight = self.numbers.get(&scope)?;
        let Place::Child { number, is_daemon, .. } = place else {
            return Some(Holder { scope, child: None, name: sight.node.name(), count });
        };
        let id = ChildId::new(number, is_daemon);
        let seen = self.member(scope, id)?;
        let called = Called { name: seen.name.as_deref(), spawned_at: seen.spawned_at };
        Some(Holder { scope, child: Some(id), name: called.to_string(), count })
    }

    /// The words are those with which a listener is told; see the calls of `waits_for`.
    fn text(&self, wait: Kept) -> String {
        match wait {
            Kept::Child(at) => match self.child(at) {
                Some((_, Seen { name, spawned_at, .. })) => {
                    Called { name: name.as_deref(), spawned_at }.to_string()
                }
                None => "a child".into(),
            },
            Kept::Scope(at) => match self.scope(at) {
                Some(sight) => format!("the end of a scope, with {} to go", sight.seen.live),
                None => "the end of a scope".into(),
            },
            Kept::Inside(at) => match self.scope(at) {
                Some(sight) => format!("its scope {}", sight.node.name()),
                None => "a scope in it".into(),
            },
            Kept::Room(at) => match self.scope(at).and_then(|sight| sight.seen.limit) {
                Some(limit) => format!("room in a scope of {limit}"),
                None => "room in a scope".into(),
            },
            wait => wait.words().to_string(),
        }
    }
}
