//! What a program says about itself: rows, and a verdict. Members that are not known are kept, and those that are missing are not needed.

use crate::text;
use serde_json::{Map, Value};

/// A tree as it was seen.
#[derive(Debug, Default)]
pub(crate) struct Tree {
    pub(crate) program: String,
    pub(crate) pid: u64,
    pub(crate) age: Option<f64>,
    pub(crate) left_out: u64,
    pub(crate) rows: Vec<Row>,
    /// Those who wait for each other.
    pub(crate) circle: Vec<Stuck>,
    /// How many wait for these.
    pub(crate) others: usize,
}

/// A scope or a child.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) key: String,
    pub(crate) depth: usize,
    pub(crate) parent: Option<usize>,
    pub(crate) members: Map<String, Value>,
}

/// One who waits for ever.
#[derive(Debug)]
pub(crate) struct Stuck {
    pub(crate) who: String,
    pub(crate) waits_for: String,
    pub(crate) key: String,
}

/// What a row waits for.
#[derive(Debug)]
pub(crate) struct Wait<'a> {
    pub(crate) text: &'a str,
    /// The row that it waits for, if it is one.
    pub(crate) key: Option<String>,
}

impl Tree {
    /// Reads what is at `/tree.json`.
    pub(crate) fn parse(json: &str) -> Result<Self, String> {
        let value: Value =
            serde_json::from_str(json).map_err(|error| format!("this is no tree: {error}"))?;
        if value["format"] != 1 {
            return Err("the program is too new or too old for this anyscope-top".into());
        }
        let Value::Object(mut seen) = value else { return Err("this is no tree".into()) };
        let rows = match seen.remove("rows") {
            Some(Value::Array(rows)) => rows,
            _ => return Err("this is no tree: it has no rows".into()),
        };
        let list =
            |name: &str| seen.get("verdict").and_then(|verdict| verdict.get(name)?.as_array());
        Ok(Tree {
            program: string(&seen, "program").unwrap_or_default().into(),
            pid: number(&seen, "pid").unwrap_or_default(),
            age: seen.get("age").and_then(Value::as_f64),
            left_out: number(&seen, "left_out").unwrap_or_default(),
            circle: list("circle").into_iter().flatten().filter_map(stuck).collect(),
            others: list("others").map_or(0, Vec::len),
            rows: below_each_other(rows),
        })
    }
}

impl Row {
    pub(crate) fn is_scope(&self) -> bool {
        self.string("kind") == Some("scope")
    }

    pub(crate) fn string(&self, name: &str) -> Option<&str> {
        string(&self.members, name)
    }

    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        number(&self.members, name)
    }

    /// Returns an age or the like.
    pub(crate) fn seconds(&self, name: &str) -> Option<f64> {
        self.members.get(name).and_then(Value::as_f64)
    }

    pub(crate) fn is(&self, name: &str) -> bool {
        self.members.get(name) == Some(&Value::Bool(true))
    }

    pub(crate) fn waits(&self) -> impl Iterator<Item = Wait<'_>> {
        let waits = self.members.get("waits").and_then(Value::as_array);
        waits.into_iter().flatten().filter_map(|wait| {
            // More of them than are sent.
            let text = wait.as_str().or_else(|| wait.get("text")?.as_str())?;
            Some(Wait { text, key: key(wait) })
        })
    }

    /// Returns what it is called by: the name it was given, or else where it is from.
    pub(crate) fn title(&self) -> String {
        let name = self.string("name").or_else(|| self.string("spawned_at")).unwrap_or("?");
        match self.string("id") {
            Some(id) if !self.is_scope() => format!("{id} {name}"),
            _ => name.into(),
        }
    }

    /// Returns what is special about it.
    pub(crate) fn notes(&self) -> Vec<String> {
        let mut notes = Vec::new();
        if self.is("is_cancelled") {
            notes.push(match self.string("reason") {
                Some(reason) => format!("cancelled: {reason}"),
                None => "cancelled".into(),
            });
        }
        if let Some(by) = self.string("asked_by") {
            notes.push(format!("asked to end by {by}"));
        }
        if self.is("is_shielded") {
            notes.push("behind a shield".into());
        }
        if let Some(left) = self.seconds("deadline") {
            notes.push(match left {
                0.0 => "its deadline has passed".into(),
                _ => format!("{} to its deadline", text::time(Some(left))),
            });
        }
        if let (Some(live), Some(limit)) = (self.number("live"), self.number("limit")) {
            notes.push(format!("{live} of {limit}"));
        }
        match self.number("left_out") {
            None | Some(0) => {}
            Some(more) => notes.push(format!("and {more} more in it")),
        }
        notes
    }

    /// Returns what it waits for, in words.
    pub(crate) fn waits_for(&self) -> String {
        let mut said: Vec<String> = self.waits().map(|wait| wait.text.into()).collect();
        match self.number("more_waits") {
            None | Some(0) => {}
            Some(more) => said.push(format!("{more} more")),
        }
        match self.string("state") {
            _ if !said.is_empty() => said.join(" and "),
            Some("Polled") => "(is being polled)".into(),
            Some("Queued") => "(was never polled)".into(),
            _ => String::new(),
        }
    }
}

/// Gives rows the place that they have in the tree.
fn below_each_other(rows: Vec<Value>) -> Vec<Row> {
    let mut all: Vec<Row> = Vec::with_capacity(rows.len());
    let mut above: Vec<usize> = Vec::new();
    for row in rows {
        let Value::Object(members) = row else { continue };
        let depth = number(&members, "depth").unwrap_or_default() as usize;
        above.truncate(depth);
        let key = match string(&members, "key") {
            Some(key) => key.into(),
            None => format!("row {}", all.len()),
        };
        all.push(Row { key, depth: above.len(), parent: above.last().copied(), members });
        above.push(all.len() - 1);
    }
    all
}

fn stuck(value: &Value) -> Option<Stuck> {
    Some(Stuck {
        who: value.get("who")?.as_str()?.into(),
        waits_for: value.get("waits_for")?.as_str()?.into(),
        key: key(value)?,
    })
}

/// Returns the key of a scope, or of a child in it.
fn key(value: &Value) -> Option<String> {
    let scope = value.get("scope")?.as_u64()?;
    Some(match value.get("child").and_then(Value::as_str) {
        Some(child) => format!("{scope}/{child}"),
        None => scope.to_string(),
    })
}

fn string<'a>(members: &'a Map<String, Value>, name: &str) -> Option<&'a str> {
    members.get(name).and_then(Value::as_str)
}

fn number(members: &Map<String, Value>, name: &str) -> Option<u64> {
    members.get(name).and_then(Value::as_u64)
}
