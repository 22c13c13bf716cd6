//! What bars say.

use crate::terminal;
use anyscope::{
    Limit, Timer, flow,
    flow::NoClock,
    progress::{Bar, Bars, Color},
    sim::{Sim, SimHandle},
};
use std::{cell::RefCell, io, time::Duration};
use support::SECOND;

/// Given a flow of so many results, then the bar says what it is, and how many are done, have
/// failed, and are left; and for how long. It stays when the flow is done.
#[test]
fn q1_bar_shows_counts_failures_and_times() {
    let (terminal, bars) = terminal(10, 90);
    let drawn = RefCell::new(vec![]);
    let fetch = async |sim: SimHandle| {
        let bar = bars.bar("fetching").unit("pages");
        flow::iter(1..=4)
            .map_concurrent(Limit::new(1), async |n| {
                drawn.borrow_mut().push(terminal.contents());
                sim.sleep(SECOND).await;
                if n == 2 { Err("no") } else { Ok(n) }
            })
            .try_progress(&sim, bar.observer())
            .count()
            .await;
    };
    Sim::new(1).run(fetch).unwrap();
    drawn.borrow_mut().push(terminal.contents());
    assert_eq!(
        drawn.into_inner(),
        [
            "fetching [                              ] 0/4 pages",
            "fetching [=======>                      ] 1/4 pages, 1s, 3s left",
            "fetching [===============>              ] 2/4 pages, 1 failed, 2s, 2s left",
            "fetching [======================>       ] 3/4 pages, 1 failed, 3s, 1s left",
            "fetching [==============================] 4/4 pages, 1 failed, 4s",
        ]
    );
}

/// Given a bar and one below it that nobody has told anything, then nothing is shown.
#[test]
fn q1_bar_is_shown_from_the_first_report_on() {
    let (terminal, bars) = terminal(10, 90);
    let bar = bars.bar("days");
    let nested = bar.nested("files").unit("files");
    assert_eq!(terminal.contents(), "");
    smol::block_on(flow::iter(0..2).progress(NoClock, nested.observer()).count());
    assert_eq!(terminal.contents(), "  files [==============================] 2/2 files");
    smol::block_on(flow::iter(0..2).progress(NoClock, bar.observer()).count());
    assert!(terminal.contents().starts_with("days ["), "{}", terminal.contents());
}

/// Given a source that does not know how many there will be, then the bar only counts.
#[test]
fn q2_bar_without_a_total_counts() {
    let (terminal, bars) = terminal(10, 90);
    let drawn = RefCell::new(vec![]);
    let bar = bars.bar("reading").unit("lines");
    let items = flow::iter(0..).progress(NoClock, bar.observer()).take(3);
    smol::block_on(items.for_each_concurrent(Limit::new(1), async |_| {
        drawn.borrow_mut().push(terminal.contents());
    }));
    assert_eq!(drawn.into_inner(), ["reading 1 lines", "reading 2 lines", "reading 3 lines"]);
}

/// Given a total that is only known later, then it is shown from then on.
#[test]
fn q2_bar_shows_a_total_when_it_is_known() {
    let (terminal, bars) = terminal(10, 90);
    let drawn = RefCell::new(vec![]);
    let bar = bars.bar("reading");
    let some = flow::iter(0..3).filter(|&n| n > 0).progress(NoClock, bar.observer());
    let look = |_: &i32| drawn.borrow_mut().push(terminal.contents());
    smol::block_on(some.inspect(look).count());
    assert_eq!(drawn.into_inner(), ["reading 1", "reading [==============================] 2/2"]);
}

/// Given more items than anybody can draw, then the last of them is shown all the same, at once.
#[test]
fn q8_bar_shows_the_end_of_a_flood() {
    let (terminal, bars) = terminal(10, 90);
    let bar = bars.pace(NoClock, SECOND).bar("flood");
    let half = RefCell::new(String::new());
    let look = |&n: &u32| {
        if n == 50_000 {
            half.replace(terminal.contents());
        }
    };
    let items = flow::iter(0..100_000).progress(NoClock, bar.observer());
    smol::block_on(items.inspect(look).count());
    assert_eq!(half.into_inner(), "flood [>                             ] 19/100000");
    assert_eq!(terminal.contents(), "flood [==============================] 100000/100000");
}

/// Given a bar inside another, then it is shown below it, and goes when it is done.
#[test]
fn q4_nested_bar_is_below_and_goes() {
    let (terminal, bars) = terminal(10, 90);
    let drawn = RefCell::new(vec![]);
    let days = bars.bar("days");
    smol::block_on(
        flow::iter(1..=2)
            .map_concurrent(Limit::new(1), async |day| {
                let files = days.nested("files");
                flow::iter(0..day)
                    .progress(NoClock, files.observer())
                    .for_each_concurrent(Limit::new(1), async |_| {
                        drawn.borrow_mut().push(terminal.contents());
                    })
                    .await;
            })
            .progress(NoClock, days.observer())
            .inspect(|()| drawn.borrow_mut().push(terminal.contents()))
            .count(),
    );
    assert_eq!(
        drawn.into_inner(),
        [
            "days [                              ] 0/2\n  files [==============================] 1/1",
            "days [===============>              ] 1/2",
            "days [===============>              ] 1/2\n  files [===============>              ] 1/2",
            "days [===============>              ] 1/2\n  files [==============================] 2/2",
            "days [==============================] 2/2",
        ]
    );
}

/// Given two bars of one terminal, then they are drawn in the order in which they were made, both
/// stay as they are, and one that has nothing to tell leaves no trace.
#[test]
fn q4_bars_keep_their_order_and_stay() {
    let (terminal, bars) = terminal(10, 90);
    let (first, silent, second) = (bars.bar("first"), bars.bar("silent"), bars.bar("second"));
    smol::block_on(flow::iter(0..2).progress(NoClock, second.observer()).count());
    smol::block_on(flow::iter(0..).progress(NoClock, first.observer()).take(1).count());
    drop((first, silent, second));
    assert_eq!(terminal.contents(), "first 1\nsecond [==============================] 2/2");
}

/// Given a bar with all that it can say, then it says so; the rate is that of late.
#[test]
fn q3_bar_says_rate_and_message() {
    let (terminal, bars) = terminal(10, 120);
    let drawn = RefCell::new(vec![]);
    let hash = async |sim: SimHandle| {
        let bar = bars.bar("hashing").unit("files").rate().width(10);
        bar.set_message("warming up");
        drawn.borrow_mut().push(terminal.contents());
        flow::iter(1..=4u32)
            .map_concurrent(Limit::new(1), async |n| {
                bar.set_message(format!("{n}.bin"));
                drawn.borrow_mut().push(terminal.contents());
                sim.sleep(Duration::from_millis(500)).await;
            })
            .progress(&sim, bar.observer())
            .count()
            .await;
        bar.finish_with_message("all equal")
    };
    let summary = Sim::new(1).run(hash).unwrap();
    assert_eq!(
        drawn.into_inner(),
        [
            "hashing: warming up",
            "hashing [          ] 0/4 files: 1.bin",
            "hashing [==>       ] 1/4 files, 2.0/s: 2.bin",
            "hashing [=====>    ] 2/4 files, 2.0/s, 1s, 1s left: 3.bin",
            "hashing [=======>  ] 3/4 files, 2.0/s, 2s, 1s left: 4.bin",
        ]
    );
    assert_eq!(terminal.contents(), "hashing [==========] 4/4 files, 2.0/s, 2s: all equal");
    assert_eq!(summary, "hashing 4/4 files, 2.0/s, 2s: all equal");
}

/// Given bytes, a colour and a width, then they are shown; without a gauge there is none.
#[test]
fn q3_bar_has_units_colours_and_a_width() {
    let (terminal, bars) = terminal(10, 60);
    let bar = bars.bar("copying").bytes().color(Color::Green).width(4);
    bar.set_total(2_000_000);
    bar.inc(500_000);
    assert_eq!(terminal.contents(), "copying [=>  ] 500 kB/2.0 MB");
    let formatted = String::from_utf8(terminal.contents_formatted()).unwrap();
    assert!(formatted.starts_with("copying [\x1b[32m=>  \x1b[m] 500"), "{formatted:?}");

    let without = bars.bar("none").width(0);
    without.set_total(2);
    without.inc_failed(1);
    assert!(terminal.contents().ends_with("\nnone 1/2, 1 failed"), "{}", terminal.contents());
}

/// Given several that report to a bar, at once or one after the other, then it shows their sums,
/// and a total as soon as all know theirs.
#[test]
fn q2_observers_of_a_bar_add_up() {
    let bar = Bars::plain(io::sink()).bar("parts");
    let report = |items: Vec<u8>| {
        smol::block_on(flow::iter(items).progress(NoClock, bar.observer()).count());
    };
    report(vec![1, 2, 3]);
    assert_eq!(bar.to_string(), "parts 3/3");
    report(vec![4, 5]);
    assert_eq!(bar.to_string(), "parts 5/5");
    let unknown = flow::iter(0..).progress(NoClock, bar.observer()).take(1);
    smol::block_on(unknown.count());
    bar.inc(1);
    assert_eq!(bar.to_string(), "parts 7");
    bar.set_total(10);
    assert_eq!(bar.to_string(), "parts 7/10");
}

/// Given bars in bars in bars, then each is below what it is part of, and those of one part in the
/// order in which they were made.
#[test]
fn q4_nested_bars_are_in_the_order_of_a_tree() {
    let (terminal, bars) = terminal(10, 60);
    let (a, b) = (bars.bar("a"), bars.bar("b"));
    let (a1, a2) = (a.nested("a1"), a.nested("a2"));
    let (a21, a11, b1) = (a2.nested("a21"), a1.nested("a11"), b.nested("b1"));
    for bar in [&b1, &a11, &a21, &a2, &a1, &b, &a] {
        bar.inc(1);
    }
    assert_eq!(terminal.contents(), "a 1\n  a1 1\n    a11 1\n  a2 1\n    a21 1\nb 1\n  b1 1");
    drop((a1, a2));
    assert_eq!(terminal.contents().lines().count(), 7, "what is in them is there");
    drop((a, a11, a21));
    assert_eq!(terminal.contents(), "a 1\nb 1\n  b1 1");
    drop((b, b1));
    assert_eq!(terminal.contents(), "a 1\nb 1");
}

/// Given no terminal, as under a test runner, then nothing is drawn, and the text at the end is
/// there all the same; what is printed is printed.
#[test]
fn q5_bar_without_a_terminal_is_silent_and_counts() {
    let out = crate::Shared::default();
    let bars = Bars::plain(out.clone());
    let bar = bars.bar("nothing").unit("items");
    let nested = bar.nested("less");
    smol::block_on(flow::iter(0..10).progress(NoClock, nested.observer()).count());
    smol::block_on(flow::iter(0..1000).progress(NoClock, bar.observer()).count());
    bar.set_message("not shown");
    assert_eq!(out.text(), "");
    assert!(bars.is_hidden() && bar.println("two\nlines").is_ok());
    bar.suspend(|| bars.println("later").unwrap());
    assert_eq!(out.text(), "two\nlines\nlater\n");
    assert_eq!(nested.finish(), "less 10/10");
    assert_eq!(bar.finish_with_message("done"), "nothing 1000/1000 items: done");
    drop(Bar::new("on stderr"));
}

/// Given an end, then nothing changes a bar any more.
#[test]
fn q6_finished_bar_stays_as_it_is() {
    let (terminal, bars) = terminal(10, 60);
    let (bar, nested) = (bars.bar("all"), bars.bar("other").nested("part"));
    bar.inc(1);
    nested.inc(1);
    assert_eq!(nested.finish(), "part 1");
    assert_eq!(bar.finish(), "all 1");
    assert_eq!(terminal.contents(), "all 1");
    bar.inc(1);
    bar.set_total(5);
    bar.set_message("too late");
    assert_eq!(bar.finish_with_message("also"), "all 1");
    nested.inc(1);
    drop((bar, nested));
    assert_eq!(terminal.contents(), "all 1");

    let cleared = bars.bar("cleared");
    cleared.inc(2);
    assert_eq!(terminal.contents(), "all 1\ncleared 2");
    assert_eq!(cleared.finish_and_clear(), "cleared 2");
    drop(cleared);
    assert_eq!(terminal.contents(), "all 1");
}

/// Given an end in the middle, then nothing is left to wait for.
#[test]
fn q6_finished_bar_has_no_time_left() {
    let (terminal, bars) = terminal(10, 60);
    let half = async |sim: SimHandle| {
        let bar = bars.bar("half").width(4);
        let items =
            flow::iter(0..4).map_concurrent(Limit::new(1), async |_| sim.sleep(SECOND).await);
        items.progress(&sim, bar.observer()).take(2).count().await;
        let before = terminal.contents();
        drop(bar);
        before
    };
    assert_eq!(Sim::new(1).run(half).unwrap(), "half [==> ] 2/4, 2s, 2s left");
    assert_eq!(terminal.contents(), "half [==> ] 2/4, 2s");
}

/// Given text that is printed, then it is above the bars, and below what has ended above them.
#[test]
fn q7_printed_text_is_above_the_bars() {
    let (terminal, bars) = terminal(10, 60);
    let (first, second) = (bars.bar("first"), bars.bar("second"));
    first.inc(1);
    second.inc(1);
    second.println("hello").unwrap();
    assert_eq!(terminal.contents(), "hello\nfirst 1\nsecond 1");
    first.finish();
    bars.println("two\nlines").unwrap();
    assert_eq!(terminal.contents(), "hello\nfirst 1\ntwo\nlines\nsecond 1");
    bars.println("").unwrap();
    second.finish();
    bars.println("end").unwrap();
    assert_eq!(terminal.contents(), "hello\nfirst 1\ntwo\nlines\n\nsecond 1\nend");
}

/// Given a suspension, then there are no bars meanwhile, what is printed comes later, and the bars
/// are back, also after a panic.
#[test]
fn q7_suspended_bars_are_away() {
    let (terminal, bars) = terminal(10, 60);
    let bar = bars.bar("bar");
    bar.inc(1);
    let seen = bars.suspend(|| {
        bar.inc(1);
        bars.println("later").unwrap();
        bar.suspend(|| bar.set_message("both"));
        terminal.contents()
    });
    assert_eq!((&*seen, &*terminal.contents()), ("", "later\nbar 2: both"));
    support::panic_in(|| bars.suspend(|| support::blow_up::<()>("planned")));
    bar.set_message("");
    assert_eq!(terminal.contents(), "later\nbar 2");
}

/// Given a pace, then no more is drawn than it allows, by its clock; but the end is.
#[test]
fn q8_drawings_keep_the_pace() {
    let draws = async |sim: SimHandle, gap: Duration| {
        let (terminal, bars) = terminal(10, 60);
        let bar = bars.pace(sim.clone(), SECOND).bar("items");
        let mut drawings = 0;
        let mut last = String::new();
        for _ in 0..1000 {
            bar.inc(1);
            let now = terminal.contents();
            drawings += usize::from(now != last);
            last = now;
            sim.sleep(gap).await;
        }
        drop(bar);
        (drawings, terminal.contents())
    };
    let run = |gap| Sim::new(1).run(|sim| draws(sim, gap)).unwrap();
    // Twenty at once, and one a second.
    let end = "items 1000".to_owned();
    assert_eq!(run(Duration::ZERO), (20, end.clone()));
    assert_eq!(run(SECOND / 10), (20 + 99, end.clone()));
    assert_eq!(run(2 * SECOND), (1000, end));
}
