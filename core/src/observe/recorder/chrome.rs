//! A recording as Chrome's trace events.
//!
//! The format is that of "Trace Event Format" (Duca and Sinclair, Google 2016), as far as Perfetto reads it: `M` names a thread,
//! `X` is a slice, `b` and `e` are the ends of an asynchronous one, `s` and `f` those of an arrow, `i` is an instant.

use super::{
    intervals::{Intervals, Poll},
    recording::{Names, Recording},
};
use alloc::{format, string::String, vec::Vec};
use core::fmt::{self, Write as _};

pub(super) fn trace(recording: &Recording) -> String {
    let (names, intervals) = (recording.names(), Intervals::of(recording));
    let mut trace = Trace::default();
    for (thread, name) in recording.threads().iter().enumerate() {
        trace.add(
            0,
            format_args!(
                r#""ph":"M","name":"thread_name","pid":1,"tid":{thread},"args":{{"name":{}}}"#,
                Json(name),
            ),
        );
    }
    trace.polls(&intervals.polls, &names);
    trace.arrows(&intervals, &names);
    trace.lives(&intervals, &names);
    trace.instants(recording, &intervals, &names);
    trace.finish(recording.lost())
}

/// Entries, with when they are.
#[derive(Default)]
struct Trace {
    entries: Vec<(u64, String)>,
}

impl Trace {
    /// Adds the fields of an entry.
    fn add(&mut self, at: u64, fields: fmt::Arguments<'_>) {
        self.entries.push((at, format!("{{{fields}}}")));
    }

    fn polls(&mut self, polls: &[Poll<'_>], names: &Names<'_>) {
        // Outer polls before inner ones that begin at the same moment: they end later.
        let mut polls: Vec<_> = polls.iter().collect();
        polls.reverse();
        for Poll { who, thread, begin, end, how } in polls {
            let how = how.map_or_else(|| "has not ended".into(), |what| format!("{what}"));
            self.add(*begin, format_args!(
                r#""ph":"X","cat":"poll","name":{},"pid":1,"tid":{thread},"ts":{},"dur":{},"args":{{"who":"{who}","end":{}}}"#,
                Json(&names.of(*who)),
                Micros(*begin),
                Micros(end.saturating_sub(*begin)),
                Json(&how),
            ));
        }
    }

    fn arrows(&mut self, intervals: &Intervals<'_>, names: &Names<'_>) {
        for (id, wake) in intervals.wakes.iter().enumerate() {
            let by = wake.by.map_or_else(|| "somebody else".into(), |by| names.of(by));
            self.add(wake.at, format_args!(
                r#""ph":"s","cat":"wake","name":"wake","id":{id},"pid":1,"tid":{},"ts":{},"args":{{"by":{}}}"#,
                wake.thread,
                Micros(wake.at),
                Json(&by),
            ));
            self.add(wake.polled_at, format_args!(
                r#""ph":"f","bp":"e","cat":"wake","name":"wake","id":{id},"pid":1,"tid":{},"ts":{}"#,
                wake.polled_on,
                Micros(wake.polled_at),
            ));
        }
    }

    fn lives(&mut self, intervals: &Intervals<'_>, names: &Names<'_>) {
        for lived in &intervals.lives {
            let who = lived.who;
            let name = names.of(who);
            let name = Json(&name);
            let parent = names.parent(who).map(|parent| names.of(parent)).unwrap_or_default();
            self.add(lived.begin, format_args!(
                r#""ph":"b","cat":"life","name":{name},"id":"{who}","pid":1,"tid":0,"ts":{},"args":{{"in":{}}}"#,
                Micros(lived.begin),
                Json(&parent),
            ));
            let outcome =
                lived.outcome.map_or_else(|| "lives on".into(), |outcome| format!("{outcome}"));
            self.add(lived.end, format_args!(
                r#""ph":"e","cat":"life","name":{name},"id":"{who}","pid":1,"tid":0,"ts":{},"args":{{"outcome":{}}}"#,
                Micros(lived.end),
                Json(&outcome),
            ));
        }
    }

    fn instants(&mut self, recording: &Recording, intervals: &Intervals<'_>, names: &Names<'_>) {
        for (event, &at) in recording.events().iter().zip(&intervals.moments) {
            if event.what.is_shown_by_intervals() {
                continue;
            }
            let text = format!("{} {}", names.of(event.who), event.what);
            self.add(
                at,
                format_args!(
                    r#""ph":"i","s":"t","cat":"{}","name":{},"pid":1,"tid":{},"ts":{}"#,
                    event.what.category(),
                    Json(&text),
                    event.thread,
                    Micros(at),
                ),
            );
        }
    }

    fn finish(mut self, lost: u64) -> String {
        // In the order of their times, as some readers expect.
        self.entries.sort_by_key(|(at, _)| *at);
        let mut all = format!(
            "{{\"displayTimeUnit\":\"ns\",\"otherData\":{{\"lost\":\"{lost}\"}},\"traceEvents\":["
        );
        for (number, (_, entry)) in self.entries.iter().enumerate() {
            all += if number == 0 { "\n" } else { ",\n" };
            all += entry;
        }
        all + "\n]}\n"
    }
}

/// Microseconds, of nanoseconds.
struct Micros(u64);

impl fmt::Display for Micros {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / 1000, self.0 % 1000)
    }
}

/// A string of JSON.
struct Json<'a>(&'a str);

impl fmt::Display for Json<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for c in self.0.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                // Those of Unicode are control characters too, and are allowed.
                '\0'..' ' => write!(f, "\\u{:04x}", u32::from(c))?,
                _ => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}
