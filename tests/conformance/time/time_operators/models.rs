//! Every operator against a model that knows all times beforehand.

use super::{
    THREE,
    sources::{events, hot},
};
use anyscope::{Limit, Timer, sim::SimHandle};
use support::{SECOND, Stopwatch, simulated};

/// What comes when, and the end.
type Table = (Vec<(u64, char)>, u64);
/// The same, with a time that was over as `None`.
type Gaps = (Vec<(u64, Option<char>)>, u64);

simulated! {
    /// Given a consumer that always waits, and any times, then what comes is what the model says.
    operators_do_what_their_models_say |sim| {
        for _ in 0..4 {
            let diagram = any_diagram(&sim);
            let (table, n) = (read(&diagram), 1 + sim.choose(5) as u64);
            let (d, source) = (SECOND * n as u32, || hot(&sim, &diagram));
            let told = format!("{diagram} at {n}");
            let spaced = source().throttle(&sim, d);
            assert_eq!(events(&sim, spaced).await, throttle(&table, n), "{told}");
            let delayed = source().delay_each(&sim, d, Limit::Unbounded);
            assert_eq!(events(&sim, delayed).await, delay(&table, n), "{told}");
            let latest = source().throttle_latest(&sim, d);
            assert_eq!(events(&sim, latest).await, throttle_latest(&table, n), "{told}");
            let debounced = source().debounce(&sim, d);
            assert_eq!(events(&sim, debounced).await, debounce(&table, n), "{told}");
            assert_eq!(events(&sim, source().sample(&sim, d)).await, sample(&table, n), "{told}");
            let chunked = source().chunks_timeout(&sim, THREE, d);
            assert_eq!(events(&sim, chunked).await, chunks(&table, n), "{told}");
            let (items, end) = events(&sim, source().timeout_each(&sim, d)).await;
            let items = items.into_iter().map(|(at, item)| (at, item.ok())).collect();
            assert_eq!((items, end), timeout_each(&table, n), "{told}");
            let at = Stopwatch::start(&sim).at(n as u32);
            let (items, end) = events(&sim, source().deadline(&sim, at)).await;
            let items = items.into_iter().map(|(at, item)| (at, item.ok())).collect();
            assert_eq!((items, end), deadline(&table, n), "{told}");
            let until = source().take_until(sim.sleep(d));
            assert_eq!(events(&sim, until).await, take_until(&table, n), "{told}");
        }
    }
}

/// Up to twelve items, alone, together and with pauses.
fn any_diagram(sim: &SimHandle) -> String {
    let mut diagram = String::new();
    let mut items = ('a'..='l').take(sim.choose(13)).peekable();
    while items.peek().is_some() {
        match sim.choose(4) {
            0 => {
                let together: String = items.by_ref().take(2).collect();
                diagram += &format!("[{together}]");
            }
            1 => diagram.extend(items.next()),
            _ => diagram.push('-'),
        }
    }
    diagram + &"-".repeat(sim.choose(6)) + "|"
}

fn read(diagram: &str) -> Table {
    let (mut second, mut grouped, mut items) = (0, false, Vec::new());
    for mark in diagram.chars() {
        match mark {
            '[' | ']' => grouped = mark == '[',
            '-' | '|' => {}
            item => items.push((second, item)),
        }
        second += u64::from(!grouped && mark != '|');
    }
    (items, second)
}

fn throttle((items, end): &Table, gap: u64) -> Table {
    let mut free = 0;
    let given = items.iter().map(|&(at, item)| {
        let at = at.max(free);
        free = at + gap;
        (at, item)
    });
    let given: Vec<_> = given.collect();
    let end = given.last().map_or(*end, |last| last.0.max(*end));
    (given, end)
}

fn delay((items, end): &Table, delay: u64) -> Table {
    let given: Vec<_> = items.iter().map(|&(at, item)| (at + delay, item)).collect();
    let end = given.last().map_or(*end, |last| last.0.max(*end));
    (given, end)
}

fn throttle_latest((items, end): &Table, gap: u64) -> Table {
    let (mut given, mut free, mut items) = (Vec::new(), 0, items.iter().peekable());
    while let Some(&(at, mut item)) = items.next() {
        if at < free {
            while let Some(newer) = items.next_if(|newer| newer.0 <= free) {
                item = newer.1;
            }
        }
        let at = at.max(free);
        given.push((at, item));
        free = at + gap;
    }
    let end = given.last().map_or(*end, |last| last.0.max(*end));
    (given, end)
}

fn debounce((items, end): &Table, quiet: u64) -> Table {
    let next = items.iter().skip(1).map(|next| next.0).chain([u64::MAX]);
    let given = items.iter().zip(next).filter(|(item, next)| item.0 + quiet < *next);
    (given.map(|(item, _)| ((item.0 + quiet).min(*end), item.1)).collect(), *end)
}

fn sample((items, end): &Table, window: u64) -> Table {
    let closes = |at: u64| at.div_ceil(window).max(1) * window;
    let next = items.iter().skip(1).map(|next| closes(next.0)).chain([u64::MAX]);
    let given = items.iter().map(|item| (closes(item.0), item.1)).zip(next);
    let given = given.filter(|(item, next)| item.0 != *next && item.0 <= *end);
    (given.map(|(item, _)| item).collect(), *end)
}

fn chunks((items, end): &Table, limit: u64) -> (Vec<(u64, Vec<char>)>, u64) {
    let mut given: Vec<(u64, Vec<char>)> = Vec::new();
    let mut begun = 0;
    for &(at, item) in items {
        match given.last_mut() {
            Some((_, chunk)) if chunk.len() < THREE.get() && at <= begun + limit => {
                chunk.push(item)
            }
            _ => {
                given.push((0, vec![item]));
                begun = at;
            }
        }
        let (closes, chunk) = given.last_mut().expect("just given");
        *closes = if chunk.len() == THREE.get() { at } else { (begun + limit).min(*end) };
    }
    (given, *end)
}

fn timeout_each((items, end): &Table, limit: u64) -> Gaps {
    let (mut given, mut since) = (Vec::new(), 0);
    for (at, item) in items.iter().map(|&(at, item)| (at, Some(item))).chain([(*end, None)]) {
        if at > since + limit {
            given.push((since + limit, None));
        }
        given.extend(item.map(|item| (at, Some(item))));
        since = at;
    }
    (given, *end)
}

fn deadline((items, end): &Table, at: u64) -> Gaps {
    let mut given = Vec::new();
    for &(when, item) in items.iter().filter(|(when, _)| *when <= at) {
        given.push((when, Some(item)));
        if when == at {
            break;
        }
    }
    let cut = *end > at || given.last().is_some_and(|last| last.0 == at);
    given.extend(cut.then_some((at, None)));
    (given, (*end).min(at))
}

fn take_until((items, end): &Table, at: u64) -> Table {
    (items.iter().copied().filter(|item| item.0 < at).collect(), (*end).min(at))
}
