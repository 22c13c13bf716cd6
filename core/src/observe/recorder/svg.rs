//! A recording as a picture: a row for each scope and child, time from left to right.

use super::{
    intervals::{Intervals, Lived, Poll, Wake},
    recording::{Names, Recording, What},
};
use crate::observers::{Outcome, Who};
use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::{fmt, fmt::Write as _, time::Duration};

/// How many rows there are at most.
const ROWS: usize = 300;

/// How many polls, arrows and marks there are at most, together.
const THINGS: usize = 20_000;

// In pixels.
const NAMES: f64 = 230.0;
const AXIS: f64 = 1000.0;
const MARGIN: f64 = 20.0;
const HEAD: f64 = 64.0;
const ROW: f64 = 24.0;
const BAR: f64 = 12.0;
/// The width of a character of a label.
const CHARACTER: f64 = 5.4;

/// How many colours there are for threads; see [`STYLE`].
const COLOURS: usize = 8;

const STYLE: &str = "
text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#24292f}
.w{font-size:9px;fill:#6e7781}
.life{stroke:#d0d7de;stroke-width:2}
.tick{stroke:#eaeef2}
.wake{stroke:#8250df;stroke-opacity:.55;fill:none;marker-end:url(#tip)}
.mark{fill:#bf3989}
.t0{fill:#4c9be8}.t1{fill:#f0a44b}.t2{fill:#5bb98c}.t3{fill:#c58af9}
.t4{fill:#e27d7d}.t5{fill:#7ac7c4}.t6{fill:#b8a45c}.t7{fill:#9aa5b1}
.returned{fill:#1a7f37}.failed{fill:#bc4c00}.panicked{fill:#cf222e}.cancelled{fill:#57606a}
";

pub(super) fn picture(recording: &Recording) -> String {
    let intervals = Intervals::of(recording);
    let shown = intervals.lives.len().min(ROWS);
    let rows = intervals.lives[..shown].iter().map(|lived| lived.who).zip(0..).collect();
    let mut picture = Picture {
        axis: Axis::new(recording, &intervals),
        names: recording.names(),
        recording,
        rows,
        room: THINGS,
        missing: 0,
        svg: String::new(),
    };
    picture.head(shown);
    picture.ticks(shown);
    picture.lives(&intervals.lives[..shown]);
    picture.polls(&intervals);
    picture.marks(&intervals);
    picture.arrows(&intervals.wakes);
    picture.ends(&intervals.lives[..shown]);
    picture.title(&intervals, shown);
    picture.svg + "</svg>\n"
}

struct Picture<'a> {
    axis: Axis<'a>,
    names: Names<'a>,
    recording: &'a Recording,
    /// In which row who is.
    rows: BTreeMap<Who, u32>,
    /// How many things may be drawn still, and how many were not.
    room: usize,
    missing: usize,
    svg: String,
}

impl Picture<'_> {
    fn add(&mut self, what: fmt::Arguments<'_>) {
        writeln!(self.svg, "{what}").expect("a string takes everything");
    }

    /// Adds a thing of which there may be many.
    fn add_thing(&mut self, what: fmt::Arguments<'_>) {
        match self.room.checked_sub(1) {
            Some(room) => {
                self.room = room;
                self.add(what);
            }
            None => self.missing += 1,
        }
    }

    fn head(&mut self, shown: usize) {
        let (width, height) = (NAMES + AXIS + MARGIN, HEAD + ROW * shown as f64 + MARGIN);
        self.add(format_args!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">"#
        ));
        self.add(format_args!("<style>{STYLE}</style>"));
        self.add(format_args!(
            r##"<defs><marker id="tip" viewBox="0 0 6 6" refX="6" refY="3" markerWidth="5" markerHeight="5" orient="auto"><path d="M0 0L6 3L0 6z" fill="#8250df"/></marker></defs>"##
        ));
        self.add(format_args!(r##"<rect width="100%" height="100%" fill="#fff"/>"##));
        self.legend();
    }

    fn title(&mut self, intervals: &Intervals<'_>, shown: usize) {
        let mut title = format!("{} events", self.recording.events().len());
        let hidden = intervals.lives.len() - shown;
        let counts = [
            (self.recording.lost(), "before these are lost"),
            (hidden as u64, "rows are not shown"),
            (self.missing as u64, "polls, waits, arrows or marks are not shown"),
        ];
        for (count, what) in counts {
            if count > 0 {
                title += &format!(", {count} {what}");
            }
        }
        if intervals.is_virtual && !intervals.polls.is_empty() {
            title += ", virtual time: the axis is stretched where much happens";
        }
        self.add(format_args!(r#"<text x="8" y="18">{}</text>"#, Xml(&title)));
    }

    /// What the colours mean.
    fn legend(&mut self) {
        let mut x = 8.0;
        let threads = self.recording.threads().len();
        let mut entries: Vec<_> = (0..threads.min(COLOURS))
            .map(|thread| (format!("t{thread}"), self.recording.thread(thread)))
            .collect();
        if let Some(last) = entries.last_mut().filter(|_| threads > COLOURS) {
            last.1 += " and so on";
        }
        let outcomes =
            Outcome::ALL.iter().map(|outcome| (format!("{outcome}"), format!("{outcome}")));
        entries.extend(outcomes);
        for (class, text) in entries {
            let text = cut(&text, 14);
            self.add(format_args!(
                r#"<rect class="{class}" x="{x:.1}" y="28" width="9" height="9"/><text class="w" x="{:.1}" y="36">{}</text>"#,
                x + 12.0,
                Xml(&text),
            ));
            x += 24.0 + CHARACTER * text.chars().count() as f64;
        }
    }

    fn ticks(&mut self, shown: usize) {
        let bottom = HEAD + ROW * shown as f64;
        for (x, at) in self.axis.ticks() {
            self.add(format_args!(
                r#"<path class="tick" d="M{x:.1} {HEAD}V{bottom}"/><text class="w" x="{x:.1}" y="{:.1}">{at:?}</text>"#,
                HEAD - 6.0,
            ));
        }
    }

    /// Names, and lines for the time in which they live.
    fn lives(&mut self, lives: &[Lived]) {
        for Lived { who, begin, end, .. } in lives {
            let Some(y) = self.y(*who) else { continue };
            let (x, depth) = (8.0 + 10.0 * self.depth(*who) as f64, self.names.of(*who));
            let room = (NAMES - x) / (CHARACTER * 1.3);
            self.add(format_args!(
                r#"<text x="{x}" y="{:.1}">{}<title>{}</title></text>"#,
                y + 4.0,
                Xml(&cut(&depth, room as usize)),
                Xml(&format!("{who} {depth}")),
            ));
            self.add(format_args!(
                r#"<path class="life" d="M{:.1} {y}H{:.1}"/>"#,
                self.axis.x(*begin),
                self.axis.x(*end),
            ));
        }
    }

    fn polls(&mut self, intervals: &Intervals<'_>) {
        let mut rows: BTreeMap<Who, Vec<&Poll<'_>>> = BTreeMap::new();
        for poll in &intervals.polls {
            rows.entry(poll.who).or_default().push(poll);
        }
        let ends: BTreeMap<_, _> =
            intervals.lives.iter().map(|lived| (lived.who, lived.end)).collect();
        for (who, mut polls) in rows {
            let Some(y) = self.y(who) else { continue };
            polls.sort_by_key(|poll| poll.begin);
            let mut drawn = f64::NEG_INFINITY;
            for (at, poll) in polls.iter().enumerate() {
                let from = self.axis.x(poll.begin);
                let to = self.axis.x(poll.end).max(from + 1.0);
                // Of polls that would lie in the same pixel, the first is drawn.
                if to > drawn + 0.5 {
                    self.poll(poll, from, to, y);
                    drawn = to;
                }
                let next =
                    polls.get(at + 1).map(|next| next.begin).or_else(|| ends.get(&who).copied());
                let room = self.axis.x(next.unwrap_or(poll.end)) - to - 6.0;
                if let Some(What::Parks { waits_for: Some(what) }) = poll.how {
                    self.wait(what, to + 3.0, y, room);
                }
            }
        }
    }

    fn poll(&mut self, poll: &Poll<'_>, from: f64, to: f64, y: f64) {
        let time = Duration::from_nanos(poll.end.saturating_sub(poll.begin));
        let how = poll.how.map_or_else(|| "has not ended".into(), |what| format!("{what}"));
        let at = self.axis.time(poll.begin);
        let time = if self.axis.is_virtual { String::new() } else { format!(" for {time:?}") };
        let thread = self.recording.thread(poll.thread);
        let title =
            format!("{} polled at {at:?}{time}, on {thread}: {how}", self.names.of(poll.who));
        self.add_thing(format_args!(
            r#"<rect class="t{}" x="{from:.1}" y="{:.1}" width="{:.1}" height="{BAR}"><title>{}</title></rect>"#,
            poll.thread % COLOURS,
            y - BAR / 2.0,
            to - from,
            Xml(&title),
        ));
    }

    /// What it waits for, if there is room.
    fn wait(&mut self, what: &str, x: f64, y: f64, room: f64) {
        let characters = (room / CHARACTER) as usize;
        if characters >= 6 {
            self.add_thing(format_args!(
                r#"<text class="w" x="{x:.1}" y="{:.1}">{}</text>"#,
                y - 2.0,
                Xml(&cut(what, characters)),
            ));
        }
    }

    /// What happens besides.
    fn marks(&mut self, intervals: &Intervals<'_>) {
        let events = self.recording.events().iter().zip(&intervals.moments);
        for (event, moment) in events.filter(|(event, _)| !event.what.is_shown_by_intervals()) {
            let (Some(y), x) = (self.y(event.who), self.axis.x(*moment)) else { continue };
            let title = format!("{} {} at {:?}", self.names.of(event.who), event.what, event.at);
            self.add_thing(format_args!(
                r#"<path class="mark" d="M{x:.1} {:.1}l4 4l-4 4l-4 -4z"><title>{}</title></path>"#,
                y - 4.0,
                Xml(&title),
            ));
        }
    }

    fn arrows(&mut self, wakes: &[Wake]) {
        for wake in wakes {
            let Some(to) = self.y(wake.who) else { continue };
            let from = wake.by.and_then(|by| self.y(by));
            let (at, polled) = (self.axis.x(wake.at), self.axis.x(wake.polled_at));
            let edge = BAR / 2.0;
            let path = match from {
                Some(from) if from < to => {
                    format!("M{at:.1} {:.1}L{polled:.1} {:.1}", from + edge, to - edge)
                }
                Some(from) if from > to => {
                    format!("M{at:.1} {:.1}L{polled:.1} {:.1}", from - edge, to + edge)
                }
                // By itself: around the gap.
                Some(from) => {
                    let y = from + edge;
                    format!(
                        "M{at:.1} {y:.1}C{at:.1} {:.1} {polled:.1} {:.1} {polled:.1} {y:.1}",
                        y + 7.0,
                        y + 7.0
                    )
                }
                // From outside: from above.
                None => format!("M{at:.1} {:.1}L{polled:.1} {:.1}", to - ROW / 2.0, to - edge),
            };
            let by = wake.by.map_or_else(|| "somebody else".into(), |by| self.names.of(by));
            let title = format!("{} is woken by {by}", self.names.of(wake.who));
            self.add_thing(format_args!(
                r#"<path class="wake" d="{path}"><title>{}</title></path>"#,
                Xml(&title),
            ));
        }
    }

    /// How they ended.
    fn ends(&mut self, lives: &[Lived]) {
        for Lived { who, end, outcome, .. } in lives {
            let (Some(y), Some(outcome)) = (self.y(*who), outcome) else { continue };
            self.add(format_args!(
                r#"<circle class="{outcome}" cx="{:.1}" cy="{y}" r="4"><title>{} {outcome}</title></circle>"#,
                self.axis.x(*end),
                Xml(&self.names.of(*who)),
            ));
        }
    }

    /// Returns where the middle of a row is.
    fn y(&self, who: Who) -> Option<f64> {
        self.rows.get(&who).map(|row| HEAD + ROW * (f64::from(*row) + 0.5))
    }

    /// Returns in how many others it is, as far as that is known and can be drawn.
    fn depth(&self, who: Who) -> usize {
        let around = core::iter::successors(Some(who), |who| self.names.parent(*who));
        around.skip(1).take(8).count()
    }
}

/// Where moments are.
struct Axis<'a> {
    recording: &'a Recording,
    moments: &'a [u64],
    from: u64,
    to: u64,
    is_virtual: bool,
}

/// How far ticks are apart, at least.
const TICK: f64 = 100.0;

/// In virtual time, how much of the axis goes by time; the rest goes by the number of events.
const BY_TIME: f64 = 0.2;

impl<'a> Axis<'a> {
    fn new(recording: &'a Recording, intervals: &'a Intervals<'a>) -> Self {
        let (from, to) = intervals.range();
        Axis { recording, moments: &intervals.moments, from, to, is_virtual: intervals.is_virtual }
    }

    fn x(&self, moment: u64) -> f64 {
        let part = |now: f64, all: f64| if all > 0.0 { now / all } else { 0.0 };
        let by_time = part(moment.saturating_sub(self.from) as f64, (self.to - self.from) as f64);
        let place = if self.is_virtual {
            let at = self.moments.partition_point(|other| *other < moment);
            let by_number = part(at as f64, self.moments.len().saturating_sub(1) as f64);
            BY_TIME * by_time + (1.0 - BY_TIME) * by_number
        } else {
            by_time
        };
        NAMES + AXIS * place.min(1.0)
    }

    /// Returns the time at a moment, as the recording has it.
    fn time(&self, moment: u64) -> Duration {
        let at = self.moments.partition_point(|other| *other < moment);
        self.recording.events().get(at).map_or(Duration::from_nanos(moment), |event| event.at)
    }

    /// Returns where to write which time.
    fn ticks(&self) -> Vec<(f64, Duration)> {
        let mut ticks: Vec<(f64, Duration)> = Vec::new();
        if self.is_virtual {
            for (event, moment) in self.recording.events().iter().zip(self.moments) {
                let x = self.x(*moment);
                if ticks.last().is_none_or(|(last, at)| x >= last + TICK && event.at > *at) {
                    ticks.push((x, event.at));
                }
            }
            return ticks;
        }
        let step = round((self.to - self.from) / (AXIS / TICK) as u64);
        let mut at = self.from.div_ceil(step).saturating_mul(step);
        while at <= self.to {
            ticks.push((self.x(at), Duration::from_nanos(at)));
            at = at.saturating_add(step);
        }
        ticks
    }
}

/// Returns a number of the form 1, 2 or 5 times a power of ten that is not smaller.
fn round(least: u64) -> u64 {
    let mut power = 1_u64;
    loop {
        for step in [1, 2, 5] {
            let step = power.saturating_mul(step);
            if step >= least {
                return step;
            }
        }
        power = power.saturating_mul(10);
    }
}

/// Returns at most so many characters; if there are more, with an ellipsis.
fn cut(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.into(),
        Some(_) => {
            let kept: String = text.chars().take(most.saturating_sub(1)).collect();
            kept + "…"
        }
    }
}

/// Text in XML. What XML does not allow becomes `U+FFFD`.
struct Xml<'a>(&'a str);

impl fmt::Display for Xml<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\t' | '\n' | '\r' => f.write_char(' '),
            '\0'..' ' | '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}'),
            _ => f.write_char(c),
        })
    }
}
