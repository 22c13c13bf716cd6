//! However it ends, no bar leaves a line that is out of date.

use crate::terminal;
use anyscope::{Limit, flow, flow::NoClock, scope};
use std::{future::pending, panic::AssertUnwindSafe};
use support::{behaviour, blow_up, panic_in, yield_now};

/// Given bars that are dropped while the thread unwinds, also all of them, then nested ones are gone
/// and the others say what they have come to.
#[test]
fn q9_panic_leaves_no_line() {
    let (terminal, bars) = terminal(10, 60);
    let days = bars.bar("days");
    panic_in(|| {
        let (days, files) = (days.clone(), days.nested("files"));
        days.inc(1);
        files.inc(1);
        assert_eq!(terminal.contents(), "days 1\n  files 1");
        blow_up::<()>("planned");
    });
    assert_eq!(terminal.contents(), "days 1");
    panic_in(AssertUnwindSafe(|| {
        let (days, files) = (days, bars.bar("other").nested("files"));
        days.inc(1);
        files.inc(1);
        blow_up::<()>("planned");
    }));
    assert_eq!(terminal.contents(), "days 2");
}

behaviour! {
    /// Given work with nested bars of which some panics, then their bars are gone with it, and the
    /// rest goes on.
    q9_panic_of_work_takes_its_bar |_ex| {
        let (terminal, bars) = terminal(10, 90);
        let days = bars.bar("days").width(4);
        let outcomes = flow::iter(0..3)
            .map_concurrent(3, async |day: usize| {
                let files = days.nested(format!("day {day}"));
                files.inc(1);
                yield_now().await;
                if day == 1 {
                    blow_up::<()>("planned");
                }
                yield_now().await;
                terminal.contents()
            })
            .catch_unwind()
            .progress(NoClock, days.observer())
            .collect::<Vec<_>>();
        let outcomes = outcomes.await;
        assert!(outcomes[1].is_err());
        for day in [0, 2] {
            let shown = outcomes[day].as_ref().unwrap();
            assert!(shown.contains(&format!("  day {day} 1")), "{shown}");
            assert!(!shown.contains("day 1 "), "{shown}");
        }
        assert_eq!(terminal.contents(), "days [====] 3/3");
    }

    /// Given children with nested bars, when they are cancelled, then their bars are gone when the
    /// scope is.
    q9_cancel_takes_the_bars_of_children |ex| {
        let (terminal, bars) = terminal(10, 60);
        let all = bars.bar("children");
        scope(&ex, async |s| {
            for n in 0..3 {
                let bar = all.nested(format!("child {n}"));
                let all = all.clone();
                s.spawn(async move {
                    bar.inc(1);
                    all.inc(1);
                    pending::<()>().await;
                });
            }
            while all.to_string() != "children 3" {
                yield_now().await;
            }
            s.cancel("enough");
        })
        .await;
        assert_eq!(terminal.contents(), "children 3");
        drop(all);
        assert_eq!(terminal.contents(), "children 3");
    }

    /// Given a loop that is left early, then bars that are nested are gone, and the other one stays
    /// as it is, without a time that is left.
    q9_early_end_leaves_what_is_done |_ex| {
        let (terminal, bars) = terminal(10, 60);
        let days = bars.bar("days").width(4);
        let outer = days.clone();
        let flow = flow::iter(0..10).map_concurrent(Limit::new(2), move |day| {
            let files = outer.nested("files");
            async move {
                files.inc(1);
                day
            }
        });
        let found = flow.progress(NoClock, days.observer()).drive(async |mut days| {
            while let Some(day) = days.next().await {
                if day == 4 {
                    return day;
                }
            }
            unreachable!()
        });
        assert_eq!(found.await, 4);
        assert_eq!(terminal.contents(), "days [==> ] 5/10");
        assert_eq!(days.finish(), "days 5/10");
        assert_eq!(terminal.contents(), "days [==> ] 5/10");
    }
}
