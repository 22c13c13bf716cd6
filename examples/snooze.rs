//! Two loops over the same requests, three at a time: in one they stand still while the loop is busy, in the other they go on.
//!
//! An answer comes in parts, one each second, and what the loop does with it takes three. The server closes a connection where a part
//! has not been read for longer than a second. Over a stream of `futures`, nobody reads while the loop is busy. A flow goes on.
//! It runs in a simulation, so every moment is exact, and no time passes.
//!
//! ```text
//! cargo run -p examples --bin snooze             # a picture of both
//! cargo run -p examples --bin snooze -- --json   # the same for a program; docs/site/build.sh makes an animation of it
//! ```

use anyscope::{
    Timer, flow,
    sim::{Sim, SimHandle},
};
use clap::Parser;
use futures_util::{StreamExt, stream};
use std::{cell::RefCell, pin::pin, time::Duration};

#[derive(Parser)]
#[command(
    about = "Two loops over the same requests: in one they stand still, in the other they go on"
)]
struct Args {
    /// Prints all that has happened as JSON.
    #[arg(long)]
    json: bool,
}

/// How many parts the answer of each request has.
const PARTS: [u64; 6] = [2, 3, 5, 4, 3, 4];
const LIMIT: usize = 3;
const PATIENCE: u64 = 1;
const STORE: u64 = 3;

async fn over_a_stream(run: &Run) {
    let requests = stream::iter(0..PARTS.len()).map(|n| fetch(run, n));
    let mut answers = pin!(requests.buffered(LIMIT));
    while let Some(answer) = answers.next().await {
        store(run, answer).await; // Meanwhile nobody polls the requests.
    }
}

async fn over_a_flow(run: &Run) {
    let answers = flow::iter(0..PARTS.len()).map_concurrent(LIMIT, |n| fetch(run, n));
    let store_each = answers.drive(async |mut answers| {
        while let Some(answer) = answers.next().await {
            store(run, answer).await; // Meanwhile the requests go on.
        }
    });
    store_each.await;
}

#[derive(Clone, Copy, PartialEq)]
enum What {
    /// A request waits for a part.
    Reading,
    /// The part is there, and the request is not polled.
    Frozen,
    /// The server has closed the connection.
    Closed,
    /// The loop is busy with an answer.
    Busy,
}

/// What was so from one second to another: of a request, or of the loop, which is behind the last of them.
struct Span {
    row: usize,
    what: What,
    from: u64,
    to: u64,
}

/// A loop, and what has happened in it.
struct Run {
    sim: SimHandle,
    spans: RefCell<Vec<Span>>,
}

impl Run {
    fn now(&self) -> u64 {
        self.sim.elapsed().as_secs()
    }

    fn note(&self, row: usize, what: What, from: u64, to: u64) {
        self.spans.borrow_mut().push(Span { row, what, from, to });
    }
}

/// Reads an answer to its end.
async fn fetch(run: &Run, n: usize) -> Result<usize, &'static str> {
    for _ in 0..PARTS[n] {
        let asked = run.now();
        run.sim.sleep(Duration::from_secs(1)).await;
        let here = asked + 1;
        run.note(n, What::Reading, asked, here);
        let closes = here + PATIENCE;
        let looked = run.now().min(closes);
        if looked > here {
            run.note(n, What::Frozen, here, looked);
        }
        if run.now() > closes {
            run.note(n, What::Closed, closes, closes);
            return Err("closed by the server");
        }
    }
    Ok(n)
}

/// What the loop does with an answer, if there is one.
async fn store(run: &Run, answer: Result<usize, &'static str>) {
    if answer.is_ok() {
        let from = run.now();
        run.sim.sleep(Duration::from_secs(STORE)).await;
        run.note(PARTS.len(), What::Busy, from, run.now());
    }
}

fn spans(program: impl AsyncFnOnce(&Run)) -> Vec<Span> {
    let run = async |sim| {
        let run = Run { sim, spans: RefCell::default() };
        program(&run).await;
        run.spans.into_inner()
    };
    Sim::new(1).run(run).expect("both come to their end")
}

fn count(spans: &[Span], what: What) -> usize {
    spans.iter().filter(|span| span.what == what).count()
}

fn name(row: usize) -> String {
    if row < PARTS.len() { format!("request {row}") } else { "the loop".into() }
}

/// A line for each request, and one for the loop; two columns are a second.
fn print(title: &str, spans: &[Span]) {
    let (stored, closed) = (count(spans, What::Busy), count(spans, What::Closed));
    println!("{title}: answers {stored}, closed by the server {closed}");
    for row in 0..=PARTS.len() {
        let mut line = vec![' '; 64];
        for span in spans.iter().filter(|span| span.row == row) {
            let (from, to) = (span.from as usize * 2, span.to as usize * 2);
            match span.what {
                What::Closed => line[from] = 'x',
                What::Reading => line[from..to].fill('='),
                What::Frozen => line[from..to].fill('.'),
                What::Busy => line[from..to].fill('#'),
            }
        }
        println!("{:>9}  {}", name(row), line.iter().collect::<String>().trim_end());
    }
    println!();
}

fn json(title: &str, spans: &[Span]) -> String {
    let rows: Vec<_> = (0..=PARTS.len()).map(|row| format!("{:?}", name(row))).collect();
    let span = |Span { row, what, from, to }: &Span| {
        let what = match what {
            What::Reading => "reading",
            What::Frozen => "frozen",
            What::Closed => "closed",
            What::Busy => "busy",
        };
        format!(r#"{{"row":{row},"what":"{what}","from":{from},"to":{to}}}"#)
    };
    let spans: Vec<_> = spans.iter().map(span).collect();
    let (rows, spans) = (rows.join(","), spans.join(","));
    format!(r#"{{"title":"{title}","rows":[{rows}],"spans":[{spans}]}}"#)
}

fn main() {
    let (stream, flow) = (spans(over_a_stream), spans(over_a_flow));
    if Args::parse().json {
        println!("[{},\n{}]", json("over a stream", &stream), json("over a flow", &flow));
    } else {
        print("over a stream", &stream);
        print("over a flow", &flow);
        println!(
            "= reads   . frozen: there is something to read   x closed by the server   # busy"
        );
    }
    assert!(count(&stream, What::Closed) > 0, "if not, it was repaired there");
    assert_eq!((count(&flow, What::Frozen), count(&flow, What::Busy)), (0, PARTS.len()));
}
