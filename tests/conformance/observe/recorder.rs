//! A recorder has the last events, whole, whatever goes on, and shows them to others' programs.

use anyscope::{
    AdaptiveLimit, BlockOn, Clock, Instant, Timer, concurrent,
    limit::adaptive::{Aimd, Outcome as Call},
    observe::{
        Begin, Happening, Observer, Outcome, PollEnd, Subject, Who, labelled,
        recorder::{Event, Life, Recorder, Recording, What},
        tree::Tree,
    },
    resilience::{CircuitBreaker, retry},
    scope,
    sim::Sim,
    threads::ThreadPool,
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    future::{pending, ready},
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::Duration,
};
use support::{SECOND, Signal, behaviour, until, yield_now, yields};

fn tree(recorder: &Recorder) -> Tree {
    Tree::builder().observer(recorder.clone()).build()
}

fn recorder(events: usize, names: usize) -> Recorder {
    let some = |n| NonZeroUsize::new(n).unwrap();
    Recorder::builder().events(some(events)).names(some(names)).build()
}

fn who(recording: &Recording, name: &str) -> Who {
    let mut lives = recording.lives().iter();
    let life = lives.find(|life| life.name.as_deref() == Some(name));
    life.unwrap_or_else(|| panic!("no {name} in:\n{recording}")).who
}

/// What has happened to one of this name.
fn of(recording: &Recording, name: &str) -> Vec<What> {
    let who = who(recording, name);
    let events = recording.events().iter().filter(|event| event.who == who);
    events.map(|event| event.what.clone()).collect()
}

fn waits_for(what: &str) -> What {
    What::Parks { waits_for: Some(what.into()) }
}

behaviour! {
    /// Given a child that waits, is woken by another one and returns, then its events are there in order, with times that do not go back, with
    /// what it waited for and who woke it, and with the child's name and place.
    o90_a_life_is_recorded in [spawned, inline] |ex| {
        let (recorder, go) = (Recorder::new(), Signal::new());
        let line = line!() + 3;
        let (fire, kept) = (go.clone(), recorder.clone());
        let work = open!(async |s| {
            let sleeper = s.spawn_named("sleeper", labelled("the signal", go.wait()));
            until(|| of(&kept.recording(), "sleeper").contains(&waits_for("the signal"))).await;
            s.spawn_named("waker", async move { fire.fire() });
            sleeper.await.unwrap();
        });
        tree(&recorder).watch(work).await;
        let recording = recorder.recording();
        let told = of(&recording, "sleeper");
        let by = who(&recording, "waker");
        assert_eq!(told[..3], [What::Begins, What::PollBegins, waits_for("the signal")]);
        assert!(told.contains(&What::Wakes { by: Some(by) }), "{recording}");
        // It may be woken while it is polled.
        let told: Vec<_> =
            told.iter().filter(|what| !matches!(what, What::Wakes { .. })).cloned().collect();
        let end = [What::PollBegins, What::PollEnds, What::Ends(Outcome::Returned)];
        assert_eq!(told[told.len() - 3..], end, "{recording}");
        let life = recording.lives().iter().find(|life| life.name.as_deref() == Some("sleeper"));
        let place = life.unwrap().spawned_at.unwrap();
        assert_eq!((place.file(), place.line()), (file!(), line));
        assert_eq!(life.unwrap().parent.map(|parent| parent.scope()), Some(by.scope()));
        assert!(recording.events().is_sorted_by_key(|event| event.at));
        assert_eq!(recording.lost(), 0);
        check(&recording);
    }

    /// Given cancels, panics, retries, breakers and limits, then they are there with their texts; a text that is long is cut, and one that
    /// panics breaks nothing.
    o91_what_happens_is_recorded |ex| {
        let recorder = Recorder::new();
        let limit = AdaptiveLimit::new(Aimd::default());
        let timer = ex.clone();
        let work = scope(&ex, async |s| {
            let message = "x".repeat(1_000_000);
            let _ = s.spawn_named("panics", async move { panic!("{message}") }).await;
            s.spawn_named("retries", async move {
                let mut left = 1;
                let again = retry(&timer, [Duration::ZERO], || {
                    left -= 1;
                    ready(if left == 0 { Err("not yet") } else { Ok(()) })
                });
                again.await.unwrap();
            });
            let (limit, clock) = (limit.clone(), ex.clone());
            s.spawn_named("limits", async move { limit.start(&clock).end(Call::Dropped) });
            let breaker = CircuitBreaker::builder().build().unwrap();
            let _ = s.spawn_named("breaks", async move { breaker.force_open() }).await;
        });
        tree(&recorder).watch(work).await;
        tree(&recorder).watch(concurrent(async |s| s.cancel("enough \"\n<&"))).await;
        let recording = recorder.recording();
        let has = |name, is: fn(&What) -> bool| {
            assert!(of(&recording, name).iter().any(is), "{name}:\n{recording}");
        };
        has("panics", |what| {
            let What::Panicked { message } = what else { return false };
            message.contains("panicked: xxxx") && message.ends_with('…') && message.len() <= 119
        });
        has("retries", |what| *what == What::Retry { attempts: 1, delay: Duration::ZERO });
        has("limits", |what| matches!(what, What::Limit { before, now } if before > now));
        has("breaks", |what| *what == What::Breaker { state: "forced open".into() });
        let mut all = recording.events().iter();
        assert!(all.any(|event| matches!(
            &event.what,
            What::Cancelled { reason } if reason.starts_with("enough \"\n<&")
        )));
        check(&recording);
    }

    /// Given more events than are kept, then the last are there, without a gap, and the others are counted.
    o92_the_oldest_are_lost_first in [spawned, inline] |ex| {
        let (all, few) = (recorder(1 << 14, 100), recorder(8, 100));
        let tree = Tree::builder().observer(all.clone()).observer(few.clone()).build();
        let work = open!(async |s| {
            for n in 0..20 {
                s.spawn_named(format!("child {n}"), yields(5));
            }
        });
        tree.watch(work).await;
        let (all, few) = (all.recording(), few.recording());
        assert_eq!(all.lost(), 0);
        assert_eq!(few.lost() as usize + few.events().len(), all.events().len());
        assert!(few.events().len() <= 8 * few.threads().len());
        let of_each_thread = |recording: &Recording| -> Vec<(String, Vec<_>)> {
            let named = recording.threads().iter().enumerate();
            let events_of = |(thread, name): (usize, &String)| {
                let events = recording.events().iter().filter(|event| event.thread == thread);
                (name.clone(), events.map(|event| (event.who, event.what.clone())).collect())
            };
            named.map(events_of).collect()
        };
        // Two threads may come to the two recorders in another order, and have the same name.
        let all = of_each_thread(&all);
        for (thread, events) in of_each_thread(&few) {
            let is_end_of = |(name, whole): &(String, Vec<_>)| *name == thread && whole.ends_with(&events);
            assert!(all.iter().any(is_end_of), "{few}");
        }
        check(&few);
    }

    /// Given more children than names, then the last that began have theirs, and those that live on keep them.
    o93_names_are_bounded |ex| {
        let recorder = recorder(1 << 12, 10);
        let work = scope(&ex, async |s| {
            let stays = s.spawn_named("stays", pending::<()>());
            for n in 0..100 {
                let _ = s.spawn_named(format!("child {n}"), yields(1)).await;
            }
            let _ = stays.cancel().await;
        });
        tree(&recorder).watch(work).await;
        let recording = recorder.recording();
        let names: BTreeSet<_> =
            recording.lives().iter().filter_map(|life| life.name.clone()).collect();
        assert_eq!((recording.lives().len(), names.contains("stays")), (10, true), "{names:?}");
        assert!((92..100).all(|n| names.contains(&format!("child {n}"))), "{names:?}");
        check(&recording);
    }

    /// Given names of a megabyte, of control characters and of markup, then they are cut, and both pictures are well-formed.
    o94_names_break_nothing in [spawned, inline] |ex| {
        let recorder = Recorder::new();
        let names = ["\0\u{1}\u{1b}[31m\u{7f}\u{9b}\r\n\t", "</svg>&\"'\\]]>", "\u{fffe}\u{202e}𝄞", ""];
        let work = open!(async |s| {
            for name in names {
                s.spawn_named(name, yields(1));
            }
            s.spawn_named("é".repeat(500_000), yields(1));
        });
        tree(&recorder).watch(work).await;
        let recording = recorder.recording();
        let known: Vec<_> = recording.lives().iter().filter_map(|life| life.name.as_deref()).collect();
        assert!(names.iter().all(|name| known.contains(name)), "{known:?}");
        assert!(known.iter().all(|name| name.len() <= 119));
        check(&recording);
    }

    /// Given a recording that is taken inside a poll, then it has that poll, which has not ended; and given one that is taken when the tree
    /// is gone, then it has all.
    o95_it_is_taken_anywhere in [spawned, inline] |ex| {
        let recorder = Recorder::new();
        let inside = recorder.clone();
        let work = open!(async |s| {
            let _ = s.spawn_named("looks", async move {
                let recording = inside.recording();
                assert_eq!(of(&recording, "looks"), [What::Begins, What::PollBegins]);
                check(&recording);
            })
            .await;
        });
        tree(&recorder).watch(work).await;
        let recording = recorder.recording();
        assert_eq!(of(&recording, "looks").last(), Some(&What::Ends(Outcome::Returned)));
    }

    /// Given a clock of a simulation, or of tokio when it is paused, then the times are virtual, and the pictures have them all.
    o96_time_may_be_virtual with virtual_time |ex| {
        let recorder = Recorder::builder().clock(ex.clone()).build();
        let timer = ex.clone();
        let work = scope(&ex, async |s| {
            s.spawn_named("sleeper", async move { timer.sleep(SECOND).await });
        });
        tree(&recorder).watch(work).await;
        let recording = recorder.recording();
        let end = recording.events().last().unwrap().at;
        assert!(end >= SECOND && end < 2 * SECOND, "{recording}");
        check(&recording);
    }
}

/// Given storms on several threads, when recordings are taken meanwhile, then each is whole: on each thread polls are nested, and what a thread
/// has lost is before what it has. In the end what is there and what is lost is all that was told.
#[test]
fn o97_recordings_in_a_storm_are_whole() {
    let (recorder, counts) = (recorder(256, 64), Counts::default());
    let tree = Tree::builder().observer(recorder.clone()).observer(counts.clone()).build();
    let (pool, over) = (ThreadPool::new(4), AtomicBool::new(false));
    let exec = pool.handle();
    thread::scope(|threads| {
        for _ in 0..2 {
            threads.spawn(|| {
                while !over.load(Ordering::SeqCst) {
                    let recording = recorder.recording();
                    is_nested(&recording);
                    assert!(recording.events().len() <= 256 * recording.threads().len());
                }
            });
        }
        pool.block_on(tree.watch(scope(&exec, async |s| {
            for n in 0..2000 {
                s.spawn_named(format!("child {n}"), yields(n % 7));
                if n % 50 == 0 {
                    yield_now().await;
                }
            }
        })));
        over.store(true, Ordering::SeqCst);
    });
    let recording = recorder.recording();
    is_nested(&recording);
    let told = counts.0.load(Ordering::SeqCst);
    assert_eq!(recording.lost() + recording.events().len() as u64, told);
    assert!(recording.lost() > 0);
    check(&recording);
}

/// Given more threads than tracks, each of which has an event and ends, then the last are there, and the events of the others
/// are counted. A thread that lives keeps its track.
#[test]
fn o98_threads_come_and_go() {
    let recorder = recorder(16, 1000);
    let (tree, counts) = (tree(&recorder), Counts::default());
    let both = Tree::builder().observer(recorder.clone()).observer(counts.clone()).build();
    futures_lite::future::block_on(both.watch(concurrent(async |_| ())));
    let here = counts.0.load(Ordering::SeqCst);
    let run = |n: usize| {
        let tree = tree.clone();
        let body = move || {
            let child = concurrent(async |s| _ = s.spawn_named(format!("of {n}"), async {}).await);
            futures_lite::future::block_on(tree.watch(child));
        };
        thread::Builder::new().name(format!("thread {n}")).spawn(body).unwrap().join().unwrap();
    };
    run(0);
    let before = recorder.recording();
    let each = before.events().len() as u64 + before.lost() - here;
    (1..200).for_each(run);
    let recording = recorder.recording();
    assert_eq!(recording.threads().len(), 64);
    assert_eq!(recording.threads().last().unwrap(), "thread 199");
    assert_eq!(recording.threads()[0], thread::current().name().unwrap());
    assert_eq!(recording.lost() + recording.events().len() as u64, here + 200 * each);
    assert!(recorder.recording().to_string().contains("`of 199` has ended: returned"));
    // A recorder that is gone leaves nothing behind that another one would find.
    drop((recorder, recording));
    futures_lite::future::block_on(tree.watch(concurrent(async |_| ())));
}

/// Given a clock that panics, then the recorder is off, and the program goes on; given a reason that panics when it is printed, the
/// recorder goes on too.
#[test]
fn o99_clocks_and_texts_that_panic_break_nothing() {
    struct Broken(AtomicU64);
    impl Clock for Broken {
        fn now(&self) -> Instant {
            let calls = self.0.fetch_add(1, Ordering::SeqCst);
            if calls > 3 {
                std::panic::resume_unwind(Box::new("a clock"));
            }
            Instant::from_epoch(Duration::from_secs(calls))
        }
    }
    let recorder = Recorder::builder().clock(Broken(AtomicU64::new(0))).build();
    let tree = Tree::builder().observer(recorder.clone()).build();
    let work = tree.watch(concurrent(async |s| s.spawn(async { 7 }).await.unwrap()));
    assert_eq!(futures_lite::future::block_on(work), 7);
    assert_eq!((tree.failed_observers(), recorder.recording().events().len()), (1, 3));

    struct Bad;
    impl fmt::Display for Bad {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("so far")?;
            std::panic::resume_unwind(Box::new("a text"))
        }
    }
    let recorder = Recorder::new();
    let subject = Subject { who: Who::Scope(1), mark: 0 };
    recorder.happens(subject, Happening::Cancelled { reason: &Bad });
    recorder.ends(subject, Outcome::Cancelled);
    let told: Vec<_> = recorder.recording().events().iter().map(|e| e.what.clone()).collect();
    let cancelled = What::Cancelled { reason: "so far".into() };
    assert_eq!(told, [cancelled, What::Ends(Outcome::Cancelled)]);
}

/// Given a simulated program, then its steps are a recording that is the same each time, and both pictures have its tasks.
#[test]
fn o88_a_simulated_run_is_a_recording() {
    let sim = Sim::builder().record(true).build();
    let handle = sim.handle();
    let run = sim.run(async |sim| {
        scope(&sim, async |s| {
            let done = Signal::new();
            let (sleeper, fire) = (sim.clone(), done.clone());
            s.spawn_named("cook", async move {
                sleeper.sleep(60 * SECOND).await;
                fire.fire();
            });
            s.spawn_named("guest", async move { done.wait().await });
        })
        .await;
        sim.choose(1);
    });
    run.unwrap();
    let recording = handle.recording();
    check(&recording);
    assert_eq!(
        recording.to_string(),
        "\
0ns simulation: `the test` begins
0ns simulation: `the test` is polled
0ns simulation: `cook` begins
0ns simulation: `guest` begins
0ns simulation: `the test` waits
0ns simulation: `cook` is polled
0ns simulation: `cook` waits for a time: 60s
0ns simulation: `guest` is polled
0ns simulation: `guest` waits
60s simulation: `cook` is woken
60s simulation: `cook` is polled
60s simulation: `guest` is woken by `cook`
60s simulation: `cook` is over
60s simulation: `cook` has ended: returned
60s simulation: `guest` is polled
60s simulation: `the test` is woken by `guest`
60s simulation: `guest` is over
60s simulation: `guest` has ended: returned
60s simulation: `the test` is polled
60s simulation: `the test` chooses 0 of 1
"
    );
    let trace = recording.to_chrome_trace();
    let guest = r#"{"ph":"X","cat":"poll","name":"`guest`","pid":1,"tid":0,"ts":0.007,"dur":0.001,"args":{"who":"0#2","end":"waits"}}"#;
    assert!(trace.contains(guest), "{trace}");
    // Without the steps there is nothing to be seen.
    let sim = Sim::builder().build();
    let handle = sim.handle();
    sim.run(async |_| ()).unwrap();
    assert!(handle.recording().events().is_empty());
    check(&handle.recording());
}

/// Given events that do not fit together, then they are shown as well as possible; and given very many, then the picture is bounded, and
/// says what is not there.
#[test]
fn o89_any_events_can_be_shown() {
    let child = |number| Who::Child { scope: 1, number, is_daemon: number % 2 == 1 };
    let event = |at, thread, number, what| Event { at, thread, who: child(number), what };
    let odd = vec![
        event(Duration::MAX, 7, 1, What::PollBegins),
        event(Duration::ZERO, 0, 2, What::PollEnds),
        event(SECOND, 0, 3, What::PollBegins),
        event(SECOND, 0, 4, What::PollBegins),
        event(2 * SECOND, 0, 3, What::Parks { waits_for: None }),
        event(3 * SECOND, 9, 3, What::Ends(Outcome::Failed)),
        event(3 * SECOND, 9, 3, What::PollBegins),
        event(Duration::MAX, 7, 3, What::Wakes { by: Some(child(99)) }),
    ];
    let circle = |n| Life { who: child(n), parent: Some(child(n)), name: None, spawned_at: None };
    check(&Recording::new(vec![circle(3)], Vec::new(), odd));
    check(&Recording::new(Vec::new(), Vec::new(), Vec::new()));

    let time = |n: usize| Duration::from_micros(n as u64);
    let many = (0..200_000).map(|n| {
        let what = if n % 2 == 0 { What::PollBegins } else { What::Parks { waits_for: None } };
        event(time(n), 0, n / 2 % 1000, what)
    });
    let recording = Recording::new(Vec::new(), vec!["main".into()], many.collect());
    check(&recording);
    let picture = recording.to_svg();
    assert!(picture.contains("700 rows are not shown"));
    assert!(picture.contains("polls, waits, arrows or marks are not shown"));
    assert!(picture.len() < 8_000_000, "{}", picture.len());
}

/// Counts what it is told.
#[derive(Clone, Default)]
struct Counts(Arc<AtomicU64>);

impl Counts {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
}

impl Observer for Counts {
    fn begins(&self, _: &Begin<'_>) -> u64 {
        self.add();
        0
    }

    fn poll_begins(&self, _: Subject) {
        self.add();
    }

    fn poll_ends(&self, _: Subject, _: PollEnd) {
        self.add();
    }

    fn wakes(&self, _: Subject, _: Option<Subject>) {
        self.add();
    }

    fn happens(&self, _: Subject, _: Happening<'_>) {
        self.add();
    }

    fn ends(&self, _: Subject, _: Outcome) {
        self.add();
    }
}

/// Checks that on each thread each poll ends before what it is in does.
fn is_nested(recording: &Recording) {
    let mut open: BTreeMap<usize, Vec<Who>> = BTreeMap::new();
    for Event { thread, who, what, .. } in recording.events() {
        let open = open.entry(*thread).or_default();
        match what {
            What::PollBegins => open.push(*who),
            // Of polls whose begin is lost there are only ends, and they come when all others have ended.
            What::PollEnds | What::Parks { .. } if !open.is_empty() => {
                assert_eq!(open.pop(), Some(*who), "{recording}");
            }
            _ => {}
        }
    }
}

/// Checks what must be so of each recording: the trace is JSON in which all that has two ends has both, and the picture is
/// well-formed.
fn check(recording: &Recording) {
    let trace = recording.to_chrome_trace();
    let trace: Value =
        serde_json::from_str(&trace).unwrap_or_else(|error| panic!("{error}:\n{trace}"));
    let (mut slices, mut arrows, mut last) = (Vec::new(), BTreeSet::new(), 0.0);
    for entry in trace["traceEvents"].as_array().unwrap() {
        let number = |name: &str| entry[name].as_f64().unwrap_or_else(|| panic!("{name}: {entry}"));
        let phase = entry["ph"].as_str().unwrap();
        assert!(entry["name"].is_string() && entry["pid"] == 1 && entry["tid"].is_u64(), "{entry}");
        if phase == "M" {
            continue;
        }
        assert!(number("ts") >= last, "{entry}");
        last = number("ts");
        match phase {
            "X" => assert!(number("dur") >= 0.0),
            "b" => slices.push(entry["id"].clone()),
            "e" => {
                let at = slices.iter().position(|id| *id == entry["id"]);
                slices.remove(at.unwrap_or_else(|| panic!("{entry}")));
            }
            "s" => assert!(arrows.insert(entry["id"].as_u64()), "{entry}"),
            "f" => assert!(arrows.remove(&entry["id"].as_u64()), "{entry}"),
            "i" => assert_eq!(entry["s"], "t"),
            _ => panic!("{entry}"),
        }
    }
    assert!(slices.is_empty() && arrows.is_empty(), "{slices:?}, {arrows:?}");
    is_well_formed(&recording.to_svg());
}

/// Checks that each element ends, that all that must be escaped is, and that nothing is taken from elsewhere.
fn is_well_formed(xml: &str) {
    let (mut open, mut rest) = (Vec::new(), xml);
    assert!(xml.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
    assert!(!xml.replacen("http://", "", 1).contains("://"), "from outside");
    let is_allowed = |c: char| c == '\n' || c >= ' ' && c != '\u{fffe}' && c != '\u{ffff}';
    assert!(xml.chars().all(is_allowed));
    while let Some(at) = rest.find('<') {
        is_text(&rest[..at]);
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name));
            continue;
        }
        assert!(!tag.contains('<'));
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        assert!(!tag.contains("NaN") && !tag.contains("inf"), "{tag}");
        if !tag.ends_with('/') {
            open.push(tag.split([' ', '\n']).next().unwrap());
        }
    }
    is_text(rest);
    assert!(open.is_empty(), "{open:?}");
}

fn is_text(text: &str) {
    assert!(!text.contains('>'), "{text}");
    for (at, _) in text.match_indices('&') {
        let entity = text[at..].split_inclusive(';').next().unwrap();
        assert!(["&amp;", "&lt;", "&gt;", "&quot;"].contains(&entity), "{text}");
    }
}
