//! One look for all who ask at the same time.

use crate::rows::{self, Rows};
use anyscope_core::observe::tree::{Tree, Verdict};
use serde_json::{Value, to_value};
use std::{
    env,
    path::PathBuf,
    process,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};

/// For so many times as long as a look took, there is no other.
const REST: u32 = 9;

/// Looks at a tree, but not too often.
pub(crate) struct Look {
    tree: Tree,
    tick: Duration,
    last: Mutex<Option<Taken>>,
}

struct Taken {
    end: Instant,
    cost: Duration,
    seen: Seen,
}

/// What was seen, as it is sent.
#[derive(Clone)]
pub(crate) struct Seen {
    pub(crate) json: Arc<str>,
    pub(crate) text: Arc<str>,
}

impl Look {
    pub(crate) fn new(tree: Tree, tick: Duration) -> Self {
        Look { tree, tick, last: Mutex::new(None) }
    }

    /// Returns what is seen now, or was not long ago.
    pub(crate) fn seen(&self) -> Seen {
        // Whoever comes meanwhile waits, and has the same.
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        match &*last {
            Some(Taken { end, cost, seen }) if end.elapsed() < self.tick.max(*cost * REST) => {
                seen.clone()
            }
            _ => {
                let start = Instant::now();
                let seen = look(&self.tree);
                let end = Instant::now();
                *last = Some(Taken { end, cost: end - start, seen: seen.clone() });
                seen
            }
        }
    }
}

fn look(tree: &Tree) -> Seen {
    let snapshot = tree.snapshot();
    let verdict = tree.verdict();
    let age = snapshot.age.as_secs_f64();
    let rows = rows::flatten(snapshot);
    Seen {
        json: json(age, &rows, verdict.as_ref()).into(),
        text: text(rows, verdict.as_ref()).into(),
    }
}

/// Rows are written already, so the whole is put together by hand: as values they would take a lot of memory.
fn json(age: f64, Rows { json, left_out, .. }: &Rows, verdict: Option<&Verdict>) -> String {
    format!(
        r#"{{"format":1,"program":{program},"pid":{pid},"age":{age},"left_out":{left_out},"rows":[{json}],"verdict":{verdict}}}"#,
        program = Value::from(program()),
        pid = process::id(),
        age = Value::from(age),
        verdict = rows::bounded(to_value(verdict)),
    )
}

fn text(rows: Rows, verdict: Option<&Verdict>) -> String {
    let mut text = rows.text;
    if text.is_empty() {
        text.push_str("nothing runs\n");
    }
    if rows.left_out > 0 {
        text.push_str(&format!("{} more, which are not shown\n", rows.left_out));
    }
    if let Some(verdict) = verdict {
        text.push('\n');
        text.push_str(&verdict.to_string());
    }
    text
}

/// Returns the name of the program, as whoever looks at several will want to know it.
fn program() -> String {
    let path = env::args_os().next().map(PathBuf::from).unwrap_or_default();
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}
