//! A trace of work in scopes, as a backend of OpenTelemetry's sees it.
//!
//! Each scope and each child is a span, in the one that it is in, whichever thread polls it. Spans go through
//! `tracing-opentelemetry` to a collector. Here that is a list in the same process, which is printed as a tree; to send
//! them elsewhere, put an exporter of `opentelemetry-otlp` in its place.
//!
//! ```text
//! cargo run -p otel
//! cargo run -p otel -- --on threads
//! ```

mod collector;
mod shop;

use anyscope::{
    BlockOn, Executor, observe::tree::Tree, smol::Smol, threads::ThreadPool, tokio::TokioRuntime,
    tracing::Spans,
};
use clap::{Parser, ValueEnum};
use collector::Collector;
use opentelemetry::trace::TracerProvider;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::error::Error;
use tracing_subscriber::{Registry, layer::SubscriberExt};

/// Prices an order, and prints the trace of it as a tree.
#[derive(Parser)]
#[command(name = "otel")]
struct Args {
    /// Where to run.
    #[arg(long, value_name = "NAME", default_value = "smol")]
    on: On,
}

#[derive(Clone, Copy, ValueEnum)]
enum On {
    Smol,
    Tokio,
    Threads,
}

fn main() -> Result<(), Box<dyn Error>> {
    let args = Args::parse();
    let collector = Collector::default();
    let provider = SdkTracerProvider::builder().with_simple_exporter(collector.clone()).build();
    let layer = tracing_opentelemetry::layer()
        .with_tracer(provider.tracer("otel"))
        .with_location(false)
        .with_threads(false)
        .with_target(false)
        .with_tracked_inactivity(false);
    tracing::subscriber::set_global_default(Registry::default().with(layer))?;

    match args.on {
        On::Smol => Smol.block_on(run(&Smol)),
        On::Tokio => {
            let runtime = TokioRuntime::from(tokio::runtime::Runtime::new()?);
            runtime.block_on(run(&runtime.handle()));
        }
        On::Threads => {
            let pool = ThreadPool::builder().build()?;
            pool.block_on(run(&pool.handle()));
        }
    }
    provider.shutdown()?;
    print!("{}", collector.tree());
    Ok(())
}

async fn run<E: Executor + 'static>(exec: &E) {
    // The only lines that know of tracing. Whatever is in the tree has spans.
    let tree = Tree::builder().observer(Spans::new().otel(true)).build();
    match tree.watch(shop::order(exec)).await {
        Ok(price) => println!("the order costs {price}"),
        Err(error) => println!("no price: {error}"),
    }
}
