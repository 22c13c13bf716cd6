//! Bars that are told nonsense, and terminals that are none.

use crate::{Shared, terminal};
use anyscope::{
    flow,
    flow::NoClock,
    progress::{Bar, Bars, Screen},
};
use indicatif::InMemoryTerm;
use std::{
    fmt, io,
    sync::{Arc, Mutex, OnceLock},
    thread,
};
use support::{blow_up, panic_in};

/// Given nothing to do, then the bar is full; given more than there was to do, then it is, too.
#[test]
fn q14_totals_that_are_wrong() {
    let (terminal, bars) = terminal(10, 60);
    let bar = bars.bar("nothing").width(4);
    smol::block_on(flow::iter([0; 0]).progress(NoClock, bar.observer()).count());
    assert_eq!(terminal.contents(), "nothing [====] 0/0");
    bar.finish_and_clear();

    let bar = bars.bar("more").width(4);
    bar.set_total(2);
    bar.inc(3);
    assert_eq!(terminal.contents(), "more [====] 3/2");
    bar.set_total(0);
    assert_eq!(terminal.contents(), "more [====] 3/0");
    bar.inc(usize::MAX);
    bar.set_total(usize::MAX);
    assert_eq!(terminal.contents(), format!("more [====] {0}/{0}", usize::MAX));
    assert_eq!(bar.bytes().finish_and_clear(), "more 18447 PB/18447 PB");
}

/// Given texts with control characters and line ends, or of a megabyte, then they are one line, that
/// has room.
#[test]
fn q15_texts_that_are_no_line() {
    let (terminal, bars) = terminal(10, 30);
    let bar = bars.bar("a\nb\x1b[2J").unit("u\x07").width(4);
    bar.inc(1);
    assert_eq!(terminal.contents(), "a b?[2J 1 u?");
    bar.set_message("x\r\n\x1b[1Ay\u{202e}z");
    assert_eq!(terminal.contents(), "a b?[2J 1 u?: x  ?[1Ay?z");
    bar.set_message("m".repeat(1 << 20));
    assert_eq!(terminal.contents(), format!("a b?[2J 1 u?: {}…", "m".repeat(14)));
    assert!(bar.to_string().len() < 1100);
    bar.println("up\x1b[5A \x1b[31mred\u{9b}2J").unwrap();
    let shown = terminal.contents();
    assert!(shown.starts_with("up?[5A red?2J\na b"), "{shown}");
}

/// Given a megabyte that is printed, then the bar is below it.
#[test]
fn q15_megabyte_is_printed() {
    let (terminal, bars) = terminal(10, 30);
    let bar = bars.bar("bar");
    bar.inc(1);
    bar.println("p".repeat(1 << 20)).unwrap();
    bar.println("short").unwrap();
    let shown = terminal.contents();
    assert!(shown.ends_with("ppp\nshort\nbar 1"), "{shown}");
}

/// Given a terminal with little room, or none, then the gauge becomes smaller, then what is at the
/// end goes, and nothing is left behind.
#[test]
fn q16_narrow_terminals() {
    let draw = |columns| {
        let (terminal, bars) = terminal(4, columns);
        let bar = bars.bar("pages").unit("files");
        bar.set_total(4);
        bar.inc(1);
        bar.set_message("index.html");
        let shown = terminal.contents();
        bar.finish_and_clear();
        drop(bar);
        assert_eq!(terminal.contents(), "");
        shown
    };
    assert_eq!(draw(61), "pages [=======>                      ] 1/4 files: index.html");
    assert_eq!(draw(41), "pages [===>        ] 1/4 files: index.h…");
    assert_eq!(draw(24), "pages [=>   ] 1/4 files");
    assert_eq!(draw(22), "pages 1/4 files: ind…");
    assert_eq!(draw(8), "pages …");
    assert_eq!(draw(2), "…");
    assert_eq!(draw(1), "");
}

/// Given more bars than rows, then those that have room are there, and how many more there are;
/// those that have ended make room first.
#[test]
fn q16_more_bars_than_rows() {
    let (terminal, bars) = terminal(5, 30);
    let many: Vec<_> = (0..9).map(|n| bars.bar(format!("bar {n}"))).collect();
    many.iter().for_each(|bar| bar.inc(1));
    assert_eq!(terminal.contents(), "bar 0 1\nbar 1 1\nbar 2 1\n… 6 more");
    for bar in &many[1..7] {
        bar.finish();
    }
    let shown = terminal.contents();
    assert!(shown.ends_with("bar 0 1\nbar 6 1\nbar 7 1\nbar 8 1"), "{shown}");
    drop(many);
    let shown = terminal.contents();
    assert!(shown.ends_with("bar 6 1\nbar 7 1\nbar 8 1"), "{shown}");

    for (rows, columns) in [(0, 0), (0, 80), (1, 80), (2, 0)] {
        let out = Shared::default();
        let bars = Bars::on(Sized(out.clone(), rows, columns));
        let bar = bars.bar("bar");
        bar.inc(1);
        bar.nested("part").inc(1);
        bars.println("text").unwrap();
        bar.finish();
        assert!(out.text().contains("text"), "{rows} {columns}");
    }
}

/// A screen of any size.
struct Sized(Shared, u16, u16);

impl Screen for Sized {
    fn height(&self) -> u16 {
        self.1
    }

    fn width(&self) -> u16 {
        self.2
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        io::Write::write_all(&mut self.0, text.as_bytes())
    }
}

/// Given a text that uses the bars while it is written, or panics, then nobody waits for himself and the bars go on.
#[test]
fn q17_texts_that_use_their_bars() {
    let (terminal, bars) = terminal(10, 60);
    let bar = bars.bar("bar");
    let counts = Text(|f: &mut fmt::Formatter<'_>| {
        bar.inc(1);
        f.write_str("counted")
    });
    bar.set_message(&counts);
    bar.println(&counts).unwrap();
    bars.println(&counts).unwrap();
    assert_eq!(terminal.contents(), "counted\ncounted\nbar 3: counted");
    let panics = Text(|_: &mut fmt::Formatter<'_>| blow_up("planned"));
    panic_in(|| bar.set_message(&panics));
    panic_in(|| drop(bar.println(&panics)));
    panic_in(|| drop(bars.println(&panics)));
    bar.inc(1);
    assert_eq!(bar.finish_with_message(format_args!("{} are done", 5)), "bar 4: 5 are done");
}

/// What is written by a function.
struct Text<F>(F);

impl<F: Fn(&mut fmt::Formatter<'_>) -> fmt::Result> fmt::Display for Text<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0(f)
    }
}

/// Given a terminal that fails, then bars go on and are drawn when it is mended; who prints is told.
#[test]
fn q17_screen_that_fails() {
    let (plays, bars) = played(|bad, _| if bad { Err(io::Error::other("closed")) } else { Ok(()) });
    let bar = bars.bar("bar");
    let part = bar.nested("part");
    bar.inc(1);
    part.inc(1);
    assert_eq!(plays.terminal.contents(), "bar 1\n  part 1");
    plays.set_bad(true);
    drop(part);
    bar.inc(1);
    assert_eq!(bar.println("text").unwrap_err().to_string(), "closed");
    assert_eq!(bar.suspend(|| 7), 7);
    plays.set_bad(false);
    bar.inc(1);
    assert_eq!(plays.terminal.contents(), "bar 3");
    plays.set_bad(true);
    assert_eq!(bar.finish(), "bar 3");
}

/// Given a terminal that panics, then nobody who counts does; nothing is drawn any more.
#[test]
fn q17_screen_that_panics() {
    let (plays, bars) = played(|bad, _| if bad { blow_up("planned") } else { Ok(()) });
    let bar = bars.bar("bar");
    bar.inc(1);
    plays.set_bad(true);
    bar.inc(1);
    assert!(bars.is_hidden());
    assert!(bar.println("text").is_err());
    assert_eq!(bar.suspend(|| bar.finish()), "bar 2");
    drop(bar);

    // While the thread unwinds.
    let (plays, bars) = played(|bad, _| if bad { blow_up("planned") } else { Ok(()) });
    panic_in(|| {
        let bar = bars.bar("bar");
        bar.inc(1);
        plays.set_bad(true);
        blow_up::<()>("planned");
    });
    assert!(bars.is_hidden());
}

/// Given a terminal that uses the bars which it draws, then it waits for nobody: it counts, and what
/// it prints is there with the next drawing.
#[test]
fn q17_screen_that_uses_its_bars() {
    let (plays, bars) = played(|bad, bar| {
        if bad {
            bar.inc(10);
            bar.println("from inside").unwrap();
            bar.suspend(|| bar.set_message("inside"));
        }
        Ok(())
    });
    let bar = bars.bar("bar");
    plays.bar.set(bar.clone()).unwrap();
    plays.set_bad(true);
    bar.inc(1);
    plays.set_bad(false);
    bar.inc(1);
    assert_eq!(plays.terminal.contents(), "from inside\nbar 12: inside");
}

/// Given threads that make, count, print and drop bars at once, then in the end only what stays is
/// there, and each line once.
#[test]
fn q18_storm_of_bars() {
    let (terminal, bars) = terminal(400, 60);
    let all = bars.bar("all");
    thread::scope(|s| {
        for thread in 0..4 {
            let (bars, all) = (&bars, &all);
            s.spawn(move || {
                for n in 0..50 {
                    let part = all.nested(format!("part {n} of {thread}"));
                    part.inc(1);
                    all.inc(1);
                    if n % 10 == 0 {
                        bars.println(format!("{thread}: {n}")).unwrap();
                    }
                    if n % 25 == 0 {
                        bars.suspend(|| part.inc(1));
                    }
                }
            });
        }
    });
    let shown = terminal.contents();
    let mut lines: Vec<_> = shown.lines().map(str::to_owned).collect();
    assert_eq!(lines.pop().unwrap(), "all 200");
    lines.sort();
    let mut expected: Vec<_> =
        (0..4).flat_map(|thread| (0..5).map(move |n| format!("{thread}: {}", 10 * n))).collect();
    expected.sort();
    assert_eq!(lines, expected);
}

/// A terminal that behaves as it is told.
#[derive(Clone)]
struct Played {
    terminal: InMemoryTerm,
    is_bad: Arc<Mutex<bool>>,
    bar: Arc<OnceLock<Bar>>,
    plays: fn(bool, &Bar) -> io::Result<()>,
}

fn played(plays: fn(bool, &Bar) -> io::Result<()>) -> (Played, Bars) {
    let terminal = InMemoryTerm::new(10, 60);
    let played = Played { terminal, is_bad: Arc::default(), bar: Arc::default(), plays };
    (played.clone(), Bars::on(played))
}

impl Played {
    fn set_bad(&self, is_bad: bool) {
        *self.is_bad.lock().unwrap() = is_bad;
    }
}

impl Screen for Played {
    fn width(&self) -> u16 {
        60
    }

    fn height(&self) -> u16 {
        10
    }

    fn write(&mut self, text: &str) -> io::Result<()> {
        let is_bad = *self.is_bad.lock().unwrap();
        let none = Bars::plain(io::sink()).bar("none");
        (self.plays)(is_bad, self.bar.get().unwrap_or(&none))?;
        indicatif::TermLike::write_str(&self.terminal, text)
    }
}
