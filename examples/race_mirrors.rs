//! Fetches a file from whichever mirror is the first to deliver it, and its parts from the winner.
//!
//! A mirror that is out of order does not end the race, as it is one for the first *success*; when
//! none delivers, there is the error of each, under its name. Whoever has lost is gone before the
//! winner is used: no connection stays open. If there is no mirror at all, that is an answer too.
//!
//! The clock is a value that the caller passes. So `main` runs the same code in a simulation, where
//! each moment is exact, and on smol.
//!
//! ```text
//! cargo run -p examples --bin race_mirrors
//! ```

use anyscope::{
    BlockOn, Clock, Timer, TryJoinError, join, maybe, race_ok, sim::Sim, smol::Smol, timeout,
    try_join,
};
use std::{cell::Cell, collections::BTreeMap, fmt, time::Duration};

/// A server that has the file, perhaps.
#[derive(Clone, Copy)]
struct Mirror {
    takes: u32,
    works: bool,
}

/// What a program knows of its connections.
struct Net<'a, T> {
    timer: &'a T,
    /// How long one step takes.
    unit: Duration,
    open: Cell<usize>,
}

/// Counts a connection until it is dropped.
struct Connection<'a>(&'a Cell<usize>);

impl Drop for Connection<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

impl<T: Timer> Net<'_, T> {
    fn connect(&self) -> Connection<'_> {
        self.open.set(self.open.get() + 1);
        Connection(&self.open)
    }

    /// How many parts the file has, by this mirror.
    async fn ask(&self, mirror: Mirror) -> Result<usize, String> {
        let _connection = self.connect();
        self.timer.sleep(mirror.takes * self.unit).await;
        if mirror.works { Ok(3) } else { Err(format!("out of order after {}", mirror.takes)) }
    }

    /// One part of the file.
    async fn part(&self, mirror: Mirror, number: usize) -> Result<String, String> {
        let _connection = self.connect();
        self.timer.sleep(self.unit).await;
        if mirror.works { Ok(format!("part {number}")) } else { Err("no such part".to_owned()) }
    }

    /// Says that it is still at it, for as long as it is let.
    async fn dots(&self) {
        loop {
            self.timer.sleep(self.unit).await;
            print!(".");
        }
    }

    /// The file, with the name of the mirror that it is from.
    async fn fetch(
        &self,
        mirrors: &BTreeMap<&'static str, Mirror>,
    ) -> Result<(&'static str, String), Trouble> {
        let asked = mirrors.iter().map(|(name, mirror)| (*name, self.ask(*mirror)));
        let race = race_ok(asked.collect::<BTreeMap<_, _>>());
        // The dots go when the race is over.
        let (won, _) = join((timeout(self.timer, 8 * self.unit, race), maybe(self.dots()))).await;
        let won = won.map_err(|_| Trouble::Late)?;
        let (name, parts) = won.map_err(|failed| Trouble::All(failed.errors))?;
        assert_eq!(self.open.get(), 0, "nobody who has lost is left");

        // All parts side by side; the first that fails ends the others.
        let parts = try_join((0..parts).map(|number| self.part(mirrors[name], number))).await;
        Ok((name, parts.map_err(Trouble::Part)?.join(", ")))
    }
}

/// Why there is no file.
#[derive(Debug)]
enum Trouble {
    Late,
    All(BTreeMap<&'static str, String>),
    Part(TryJoinError<String>),
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Late => f.write_str("no mirror has answered in time"),
            Trouble::All(errors) if errors.is_empty() => f.write_str("there are no mirrors"),
            Trouble::All(errors) => write!(f, "no mirror works: {errors:?}"),
            Trouble::Part(failed) => write!(f, "{failed}"),
        }
    }
}

/// Some lists of mirrors, and what comes of each.
async fn show<T: Timer + Clock>(timer: &T, unit: Duration) -> (Vec<String>, Duration) {
    let net = Net { timer, unit, open: Cell::new(0) };
    let near = Mirror { takes: 2, works: true };
    let far = Mirror { takes: 5, works: true };
    let broken = Mirror { takes: 1, works: false };
    let asleep = Mirror { takes: 100, works: true };
    let lists = [
        BTreeMap::from([("near", near), ("far", far), ("asleep", asleep)]),
        BTreeMap::from([("broken", broken), ("far", far)]),
        BTreeMap::from([("broken", broken), ("as well", broken)]),
        BTreeMap::from([("asleep", asleep)]),
        BTreeMap::new(),
    ];
    let (start, mut said) = (timer.now(), Vec::new());
    for mirrors in &lists {
        let line = match net.fetch(mirrors).await {
            Ok((name, file)) => format!("from {name}: {file}"),
            Err(trouble) => trouble.to_string(),
        };
        println!(" {line}");
        said.push(line);
    }
    (said, timer.now() - start)
}

fn main() {
    println!("on smol, in steps of 10 ms:");
    Smol.block_on(show(&Smol, Duration::from_millis(10)));

    println!("in a simulation, in steps of a minute:");
    let minute = Duration::from_secs(60);
    let run = Sim::new(1).run(async |sim| show(&sim, minute).await);
    let (said, passed) = run.expect("no hang, and nothing left behind");
    assert_eq!(
        said,
        [
            "from near: part 0, part 1, part 2",
            "from far: part 0, part 1, part 2",
            r#"no mirror works: {"as well": "out of order after 1", "broken": "out of order after 1"}"#,
            "no mirror has answered in time",
            "there are no mirrors",
        ]
    );
    // Two and a part, five and a part, one, eight, none.
    assert_eq!(passed, (3 + 6 + 1 + 8) * minute);
}
