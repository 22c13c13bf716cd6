//! A tree as a list that is not too long, of rows that are not too long.
//!
//! Nothing here calls itself for what is in a scope: trees may be deeper than a stack.

use anyscope_core::observe::tree::{ChildView, ScopeView, Snapshot};
use serde_json::{Map, Value, to_value};
use std::fmt::Write;

/// How many rows there are at most.
const ROWS: usize = 10_000;
/// How many rows right below another one.
const INSIDE: usize = 1_000;
/// How long a text is, in characters, and a list.
const TEXT: usize = 300;
const LIST: usize = 50;

/// A tree, as it is sent.
#[derive(Default)]
pub(crate) struct Rows {
    /// As JSON, with commas in between.
    pub(crate) json: String,
    /// A line for each.
    pub(crate) text: String,
    /// How many are not there.
    pub(crate) left_out: usize,
}

/// Returns the rows of a tree: those that are nearest to the outside, and began first, if there are too many.
pub(crate) fn flatten(snapshot: Snapshot) -> Rows {
    let mut budget = Budget::new(&snapshot);
    let mut rows = Rows::default();
    let mut roots = snapshot.scopes.into_iter().map(Row::Scope).collect();
    rows.left_out += forget(budget.limit(0, &mut roots));
    let mut stack: Vec<_> = roots.into_iter().rev().map(|row| (0, row)).collect();
    while let Some((depth, mut row)) = stack.pop() {
        let mut inside = row.take_inside();
        let rest = budget.limit(depth + 1, &mut inside);
        rows.push(depth, &row, rest.len());
        rows.left_out += forget(rest);
        stack.extend(inside.into_iter().rev().map(|row| (depth + 1, row)));
    }
    rows
}

/// Returns what was serialized, with long texts and lists cut.
pub(crate) fn bounded(serialized: serde_json::Result<Value>) -> Value {
    // No view has what JSON cannot say.
    let mut value = serialized.unwrap_or_default();
    cut(&mut value);
    value
}

fn cut(value: &mut Value) {
    match value {
        Value::String(text) => {
            if let Some((at, _)) = text.char_indices().nth(TEXT) {
                text.truncate(at);
                text.push('…');
            }
        }
        Value::Array(list) => {
            let more = list.len().saturating_sub(LIST);
            list.truncate(LIST);
            list.iter_mut().for_each(cut);
            if more > 0 {
                list.push(format!("and {more} more").into());
            }
        }
        Value::Object(members) => members.values_mut().for_each(cut),
        _ => {}
    }
}

/// A scope, or a child of the scope of that number.
enum Row {
    Scope(ScopeView),
    Child(u64, ChildView),
}

impl Row {
    /// Takes out what is in it.
    fn take_inside(&mut self) -> Vec<Row> {
        let take = std::mem::take::<Vec<ScopeView>>;
        match self {
            Row::Scope(scope) => {
                let number = scope.number;
                let children = std::mem::take(&mut scope.children);
                let children = children.into_iter().map(|child| Row::Child(number, child));
                take(&mut scope.scopes).into_iter().map(Row::Scope).chain(children).collect()
            }
            Row::Child(_, child) => take(&mut child.scopes).into_iter().map(Row::Scope).collect(),
        }
    }

    /// Returns its members, but for what is in it.
    fn members(&self) -> Map<String, Value> {
        let (kind, key, view) = match self {
            Row::Scope(scope) => ("scope", scope.number.to_string(), bounded(to_value(scope))),
            Row::Child(scope, child) => {
                ("child", format!("{scope}/{}", child.id), bounded(to_value(child)))
            }
        };
        let Value::Object(mut members) = view else { return Map::new() };
        members.remove("scopes");
        members.remove("children");
        members.insert("kind".into(), kind.into());
        members.insert("key".into(), key.into());
        members
    }

    /// Returns its line.
    fn line(&self) -> String {
        match self {
            Row::Scope(scope) => scope.to_string(),
            Row::Child(_, child) => child.to_string(),
        }
    }
}

impl Rows {
    fn push(&mut self, depth: usize, row: &Row, left_out: usize) {
        let mut members = row.members();
        members.insert("depth".into(), depth.into());
        members.insert("left_out".into(), left_out.into());
        let comma = if self.json.is_empty() { "" } else { "," };
        let _ = write!(self.json, "{comma}{}", Value::Object(members));
        // A deep one would be wide as well.
        let indent = 2 * depth.min(INDENT);
        let _ = write!(self.text, "{:indent$}{}", "", row.line());
        if left_out > 0 {
            let _ = writeln!(self.text, "{:indent$}  and {left_out} more", "");
        }
    }
}

/// How many levels the lines are indented.
const INDENT: usize = 100;

/// Drops rows and all that is in them, and returns how many those were.
fn forget(mut rows: Vec<Row>) -> usize {
    let mut count = 0;
    while let Some(mut row) = rows.pop() {
        count += 1;
        rows.append(&mut row.take_inside());
    }
    count
}

/// Which rows there is room for.
struct Budget {
    /// All levels in front of this one are there,
    level: usize,
    /// and so many rows of it.
    left: usize,
}

impl Budget {
    fn new(snapshot: &Snapshot) -> Self {
        let mut left = ROWS;
        let mut scopes: Vec<&ScopeView> = snapshot.scopes.iter().take(INSIDE).collect();
        let mut children: Vec<&ChildView> = Vec::new();
        for level in 0.. {
            let count = scopes.len() + children.len();
            if count > left || count == 0 {
                return Budget { level, left };
            }
            left -= count;
            let below = children.iter().flat_map(|child| child.scopes.iter().take(INSIDE));
            let mut inner: Vec<&ScopeView> = below.collect();
            children = scopes
                .iter()
                .flat_map(|scope| {
                    scope.children.iter().take(INSIDE.saturating_sub(scope.scopes.len()))
                })
                .collect();
            inner.extend(scopes.iter().flat_map(|scope| scope.scopes.iter().take(INSIDE)));
            scopes = inner;
        }
        unreachable!("a level without rows is the last one")
    }

    /// Leaves those rows of one list for which there is room, and returns the others.
    fn limit(&mut self, level: usize, rows: &mut Vec<Row>) -> Vec<Row> {
        let mut most = rows.len().min(INSIDE);
        if level > self.level {
            most = 0;
        } else if level == self.level {
            most = most.min(self.left);
            self.left -= most;
        }
        rows.split_off(most)
    }
}
