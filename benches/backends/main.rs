//! How do the backends compare, with each other and with what people use on them today?
//!
//! ```text
//! cargo bench                          # everything here, some minutes
//! cargo bench -- --full                # more rounds, a million sleeping tasks
//! cargo bench -- merge cancel          # some of it
//! ```
//!
//! Each scenario is written once and runs on smol, on both kinds of tokio runtime and on plain threads; beside it runs the
//! same work as users of that runtime write it. All are measured in turns, so that ratios come from the same moments, and
//! all have two threads, except for tokio's current-thread runtime. At the end there is a table of a dozen lines, and
//! charts as SVG; criterion's report has every distribution.
//!
//! | file | what |
//! |---|---|
//! | `args` | the command line |
//! | `backend` | the backends, and how work gets there |
//! | `work/` | the scenarios |
//! | `measure` | taking turns |
//! | `report`, `chart` | what people look at |
//! | `sockets` | a server on the loopback, and each runtime's own sockets |

mod args;
mod backend;
mod chart;
mod measure;
mod report;
mod sockets;
#[path = "../support/mod.rs"]
mod support;
mod work;

use args::{Args, Wanted};
use backend::Backends;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: support::Counting = support::Counting;

fn main() -> ExitCode {
    let args = match Args::parse(std::env::args().skip(1), &work::names()) {
        Ok(Wanted::Run(args)) => args,
        Ok(Wanted::Text(text)) => {
            println!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(error) => {
            eprintln!("backends: {error}");
            return ExitCode::from(2);
        }
    };
    // SAFETY: before any other thread.
    unsafe { std::env::set_var("SMOL_THREADS", "2") };
    let backends = Backends::start();
    let scenarios = work::all(&args);
    println!("{}", report::conditions(&args));
    let measured: Vec<_> =
        scenarios.iter().map(|scenario| measure::measure(scenario, &backends, &args)).collect();
    if args.criterion {
        measure::with_criterion(&scenarios, &backends);
    }
    let growth = if args.words.is_empty() { measure::growth(&backends) } else { Vec::new() };
    println!("\n{}", report::table(&measured));
    match chart::draw_all(&args.out, &measured, &growth) {
        Ok(paths) => {
            paths.iter().for_each(|path| println!("chart: {}", path.display()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            let out = args.out.display();
            eprintln!("backends: no charts in {out}: {error}; name another folder with `--out`");
            ExitCode::FAILURE
        }
    }
}
