//! A snapshot as people read it.
//!
//! ```text
//! my_app::serve, for 2.0 s, on Smol, waits for the end of a scope, with 2 to go
//! ├─ #0 `accept`, src/main.rs:12:9, 3 polls, waits for room in a scope of 2
//! │  └─ my_app::answer, for 1.5 s, on Smol
//! │     └─ #0, src/main.rs:30:13, never polled
//! └─ #1, src/main.rs:14:9, 1 poll, is being polled
//! ```

use super::{ChildView, ScopeView, Snapshot, State, Wait};
use alloc::{format, string::String};
use core::{fmt, time::Duration};

/// How long a name may be.
const NAME: usize = 80;

/// How many holders are named.
const HOLDERS: usize = 3;

impl fmt::Display for Snapshot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.scopes.is_empty() {
            return f.write_str("nothing runs\n");
        }
        self.scopes.iter().try_for_each(|scope| write_scope(f, scope, "", ""))
    }
}

impl fmt::Display for ScopeView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_scope(f, self, "", "")
    }
}

impl fmt::Display for ChildView {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_child(f, self, "", "")
    }
}

/// `first` is in front of the first line, `rest` in front of the others.
fn write_scope(
    f: &mut fmt::Formatter<'_>,
    scope: &ScopeView,
    first: &str,
    rest: &str,
) -> fmt::Result {
    write!(f, "{first}{}, for {}", plain(&scope.name), Age(scope.age))?;
    if let Some(executor) = scope.executor {
        write!(f, ", on {}", plain(executor.rsplit("::").next().unwrap_or(executor)))?;
    }
    if let Some(limit) = scope.limit {
        write!(f, ", {} of {limit}", scope.live)?;
    }
    if scope.is_cancelled {
        f.write_str(", cancelled")?;
        if let Some(reason) = &scope.reason {
            write!(f, ": {}", plain(reason))?;
        }
    }
    match scope.deadline {
        None => {}
        Some(Duration::ZERO) => f.write_str(", its deadline has passed")?,
        Some(left) => write!(f, ", {} to its deadline", Age(left))?,
    }
    write_waits(f, &scope.waits, scope.more_waits)?;
    f.write_str("\n")?;
    let items = scope.scopes.len() + scope.children.len();
    let bars = |at: usize| if at + 1 == items { ("└─ ", "   ") } else { ("├─ ", "│  ") };
    for (at, inner) in scope.scopes.iter().enumerate() {
        let (first, below) = bars(at);
        write_scope(f, inner, &format!("{rest}{first}"), &format!("{rest}{below}"))?;
    }
    for (at, child) in scope.children.iter().enumerate() {
        let (first, below) = bars(scope.scopes.len() + at);
        write_child(f, child, &format!("{rest}{first}"), &format!("{rest}{below}"))?;
    }
    Ok(())
}

fn write_child(
    f: &mut fmt::Formatter<'_>,
    child: &ChildView,
    first: &str,
    rest: &str,
) -> fmt::Result {
    f.write_str(first)?;
    write_line(f, child)?;
    f.write_str("\n")?;
    for (at, scope) in child.scopes.iter().enumerate() {
        let last = at + 1 == child.scopes.len();
        let (first, below) = if last { ("└─ ", "   ") } else { ("├─ ", "│  ") };
        write_scope(f, scope, &format!("{rest}{first}"), &format!("{rest}{below}"))?;
    }
    Ok(())
}

/// A child on one line.
pub(super) fn write_line(f: &mut fmt::Formatter<'_>, child: &ChildView) -> fmt::Result {
    write!(f, "{}", child.id)?;
    if let Some(name) = child.name() {
        write!(f, " `{}`", plain(name))?;
    }
    write!(f, ", {}", child.spawned_at)?;
    match child.polls {
        0 if child.state == State::Queued => f.write_str(", never polled")?,
        1 => f.write_str(", 1 poll")?,
        polls => write!(f, ", {polls} polls")?,
    }
    if let Some(busy) = child.busy {
        write!(f, " in {}", Age(busy))?;
    }
    if child.state == State::Polled {
        f.write_str(", is being polled")?;
    }
    if let Some(by) = child.asked_by {
        write!(f, ", asked to end by {by:?}")?;
    }
    if child.is_shielded {
        f.write_str(", behind a shield")?;
    }
    write_waits(f, &child.waits, child.more_waits)
}

pub(super) fn write_waits(f: &mut fmt::Formatter<'_>, waits: &[Wait], more: usize) -> fmt::Result {
    for (at, wait) in waits.iter().enumerate() {
        let front = if at == 0 { ", waits for " } else { " and " };
        write!(f, "{front}{}", plain(&wait.text))?;
        for (at, holder) in wait.holders.iter().take(HOLDERS).enumerate() {
            let front = if at == 0 { " that " } else { ", " };
            write!(f, "{front}{}", plain(&holder.name))?;
        }
        match wait.holders.len() {
            0 => {}
            1 => f.write_str(" holds")?,
            all if all > HOLDERS => write!(f, " and {} more hold", all - HOLDERS)?,
            _ => f.write_str(" hold")?,
        }
    }
    if more > 0 { write!(f, " and {more} more") } else { Ok(()) }
}

/// A name on one line, not too long, without what a terminal would obey.
pub(super) fn plain(name: &str) -> String {
    let mut plain: String =
        name.chars().take(NAME).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    if name.chars().nth(NAME).is_some() {
        plain.push('…');
    }
    plain
}

/// A time as people say it.
pub(super) struct Age(pub(super) Duration);

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs();
        match seconds {
            0 if self.0.is_zero() => f.write_str("0 s"),
            0 => write!(f, "{:.1} ms", self.0.as_secs_f64() * 1e3),
            1..60 => write!(f, "{:.1} s", self.0.as_secs_f64()),
            60..3600 => write!(f, "{} min {} s", seconds / 60, seconds % 60),
            _ => write!(f, "{} h {} min", seconds / 3600, seconds / 60 % 60),
        }
    }
}
