//! Streams as diagrams: `a-b-|`.

use crate::{SimHandle, Sleep};
use anyscope_core::Timer;
use futures_core::Stream;
use std::{
    collections::VecDeque,
    fmt::{self, Write},
    future::{Future, poll_fn},
    pin::{Pin, pin},
    task::{Context, Poll, ready},
    time::Duration,
};

/// How long a dash lasts.
const TICK: Duration = Duration::from_secs(1);

impl SimHandle {
    /// Creates a stream that does what `diagram` says, from its first poll on.
    ///
    /// | | |
    /// |---|---|
    /// | `-` | a second passes |
    /// | any other character | the stream yields it, and a second passes |
    /// | `[ab]` | the stream yields each at the same moment, and a second passes |
    /// | `\|` | the stream ends |
    /// | a space | nothing: for alignment |
    ///
    /// Without a `|`, the stream never ends: it is pending after the diagram.
    ///
    /// # Panics
    ///
    /// Panics if something follows `|`, or a bracket is left open, closed twice or nested.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::sim::Sim;
    ///
    /// Sim::new(7)
    ///     .run(async |sim| {
    ///         let stream = sim.marble("a-[bc]-d|");
    ///         assert_eq!(sim.draw(stream).await, "a-[bc]-d|");
    ///     })
    ///     .unwrap();
    /// ```
    #[track_caller]
    pub fn marble(&self, diagram: &str) -> Marble {
        Marble { sim: self.clone(), steps: parse(diagram), waits: None }
    }

    /// Runs a stream to its end and returns a diagram of when it yielded what, as
    /// [`marble`](Self::marble) reads it. An item between two full seconds is drawn at the first of
    /// them.
    ///
    /// Items are drawn as they are displayed. Items of one character are easiest to read.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::{flow, sim::Sim};
    ///
    /// Sim::new(7)
    ///     .run(async |sim| {
    ///         let (letters, digits) = (sim.marble("a---b|"), sim.marble("--1|"));
    ///         let merged = flow::merge([letters, digits]).into_stream();
    ///         assert_eq!(sim.draw(merged).await, "a-1-b|");
    ///     })
    ///     .unwrap();
    /// ```
    pub async fn draw<S: Stream<Item: fmt::Display>>(&self, stream: S) -> String {
        let mut stream = pin!(stream);
        let start = self.elapsed();
        let mut drawing = Drawing::default();
        loop {
            let item = poll_fn(|cx| stream.as_mut().poll_next(cx)).await;
            let tick = (self.elapsed() - start).as_secs();
            match item {
                Some(item) => drawing.add(tick, &item),
                None => return drawing.end(tick),
            }
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Yield(char),
    Pass,
    End,
}

fn parse(diagram: &str) -> VecDeque<Step> {
    let mut steps = VecDeque::new();
    let mut grouped = false;
    for mark in diagram.chars().filter(|mark| *mark != ' ') {
        assert!(
            steps.back() != Some(&Step::End) || mark == ']',
            "{diagram:?} goes on after its end"
        );
        match mark {
            '-' => steps.push_back(Step::Pass),
            '|' => steps.push_back(Step::End),
            '[' | ']' => {
                assert!(grouped == (mark == ']'), "{diagram:?} has a bracket without a partner");
                grouped = !grouped;
                if mark == ']' && steps.back() != Some(&Step::End) {
                    steps.push_back(Step::Pass);
                }
            }
            item => {
                steps.push_back(Step::Yield(item));
                if !grouped {
                    steps.push_back(Step::Pass);
                }
            }
        }
    }
    assert!(!grouped, "{diagram:?} has a bracket without a partner");
    steps
}

/// Stream of [`SimHandle::marble`].
#[derive(Debug)]
#[must_use = "streams do nothing unless polled"]
pub struct Marble {
    sim: SimHandle,
    steps: VecDeque<Step>,
    waits: Option<Pin<Box<Sleep>>>,
}

impl Stream for Marble {
    type Item = char;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<char>> {
        loop {
            if let Some(sleep) = &mut self.waits {
                ready!(sleep.as_mut().poll(cx));
                self.waits = None;
            }
            match self.steps.front() {
                Some(Step::Yield(item)) => {
                    let item = *item;
                    self.steps.pop_front();
                    return Poll::Ready(Some(item));
                }
                Some(Step::Pass) => {
                    self.waits = Some(Box::pin(self.sim.sleep(TICK)));
                    self.steps.pop_front();
                }
                // The step stays: a stream that has ended stays ended.
                Some(Step::End) => return Poll::Ready(None),
                None => return Poll::Pending,
            }
        }
    }
}

/// A diagram that is being drawn.
#[derive(Default)]
struct Drawing {
    done: String,
    /// How many ticks `done` covers.
    ticks: u64,
    /// The items of the next tick.
    now: Vec<String>,
}

impl Drawing {
    fn add(&mut self, tick: u64, item: &dyn fmt::Display) {
        self.pass_to(tick);
        self.now.push(item.to_string());
    }

    fn end(mut self, tick: u64) -> String {
        self.pass_to(tick);
        self.now.push("|".into());
        self.flush();
        self.done
    }

    fn pass_to(&mut self, tick: u64) {
        if self.ticks < tick && !self.now.is_empty() {
            self.flush();
        }
        while self.ticks < tick {
            self.done.push('-');
            self.ticks += 1;
        }
    }

    fn flush(&mut self) {
        let now = std::mem::take(&mut self.now);
        // Writing to a string does not fail.
        let _ = match &now[..] {
            [one] => self.done.write_str(one),
            many => write!(self.done, "[{}]", many.concat()),
        };
        self.ticks += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Sim;

    fn redraw(diagram: &str) -> String {
        Sim::new(1).run(async |sim| sim.draw(sim.marble(diagram)).await).unwrap()
    }

    #[test]
    fn what_is_drawn_is_what_was_written() {
        for diagram in ["|", "--|", "a|", "a-b-|", "abc|", "-[ab]c--|", "a--d--g--j--[k|]"] {
            assert_eq!(redraw(diagram), diagram);
        }
        assert_eq!(redraw("a - b |"), "a-b|");
    }

    #[test]
    fn a_diagram_without_an_end_waits_for_ever() {
        let endless = Sim::new(1).run(async |sim| sim.draw(sim.marble("ab")).await);
        assert!(matches!(endless, Err(crate::Failure::Deadlock { .. })));
    }

    #[test]
    fn nonsense_is_refused() {
        for diagram in ["a|b", "[a", "a]", "[[a]]"] {
            let refused = std::panic::catch_unwind(|| parse(diagram));
            assert!(refused.is_err(), "{diagram}");
        }
    }
}
