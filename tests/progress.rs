//! What bars draw.

use anyscope::{
    Limit, Timer, flow,
    flow::NoClock,
    progress::{Bar, Bars},
    sim::{Sim, SimHandle},
};
use indicatif::{InMemoryTerm, MultiProgress, ProgressDrawTarget};
use std::{cell::RefCell, time::Duration};

const SECOND: Duration = Duration::from_secs(1);

fn terminal() -> (InMemoryTerm, Bars) {
    let terminal = InMemoryTerm::new(10, 90);
    let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
    (terminal, Bars::from(MultiProgress::with_draw_target(target)))
}

/// Given a flow of so many results, then the bar says what it is, and how many are done, have
/// failed, and are left; and for how long. It stays when the flow is done.
#[test]
fn bar_shows_counts_failures_and_times() {
    let (terminal, bars) = terminal();
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
fn bar_is_shown_from_the_first_report_on() {
    let (terminal, bars) = terminal();
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
fn bar_without_a_total_counts() {
    let (terminal, bars) = terminal();
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
fn bar_shows_a_total_when_it_is_known() {
    let (terminal, bars) = terminal();
    let drawn = RefCell::new(vec![]);
    let bar = bars.bar("reading");
    let some = flow::iter(0..3).filter(|&n| n > 0).progress(NoClock, bar.observer());
    let look = |_: &i32| drawn.borrow_mut().push(terminal.contents());
    smol::block_on(some.inspect(look).count());
    assert_eq!(drawn.into_inner(), ["reading 1", "reading [==============================] 2/2"]);
}

/// Given more items than anybody can draw, then the last of them is shown all the same.
#[test]
fn bar_shows_the_end_of_a_flood() {
    let (terminal, bars) = terminal();
    let bar = bars.bar("flood");
    smol::block_on(flow::iter(0..100_000).progress(NoClock, bar.observer()).count());
    assert_eq!(terminal.contents(), "flood [==============================] 100000/100000");
}

/// Given a bar inside another, then it is shown below it, and goes when it is done.
#[test]
fn nested_bar_is_below_and_goes() {
    let (terminal, bars) = terminal();
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
fn bars_keep_their_order_and_stay() {
    let (terminal, bars) = terminal();
    let (first, silent, second) = (bars.bar("first"), bars.bar("silent"), bars.bar("second"));
    smol::block_on(flow::iter(0..2).progress(NoClock, second.observer()).count());
    smol::block_on(flow::iter(0..).progress(NoClock, first.observer()).take(1).count());
    drop((first, silent, second));
    assert_eq!(terminal.contents(), "first 1\nsecond [==============================] 2/2");
}

/// Given no terminal, as under a test runner, then nothing is shown and nothing goes wrong.
#[test]
fn bar_without_a_terminal_is_silent() {
    let terminal = InMemoryTerm::new(10, 90);
    let hidden = MultiProgress::with_draw_target(ProgressDrawTarget::hidden());
    let bar = Bars::from(hidden).bar("nothing").unit("items");
    let nested = bar.nested("less");
    smol::block_on(flow::iter(0..1000).progress(NoClock, nested.observer()).count());
    smol::block_on(flow::iter(0..1000).progress(NoClock, bar.observer()).count());
    drop(Bar::new("on stderr"));
    assert_eq!(terminal.contents(), "");
}
