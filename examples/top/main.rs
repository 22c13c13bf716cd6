//! A program that works, and shows its live tree while it does.
//!
//! It indexes the files of a folder, again and again, four at a time; answers requests, each of which needs connections that there are
//! three of; and may hang on purpose: with `--stuck` two children wait for each other. None of this knows of the tree.
//!
//! ```text
//! cargo run -p examples --bin top -- --stuck
//! cargo run -p anyscope-top -- 127.0.0.1:4000        # in another terminal, or http://127.0.0.1:4000/ in a browser
//! ```

use anyscope::{
    BlockOn, Executor, JoinHandle, Semaphore, concurrent,
    observe::{labelled, tree::Tree},
    scope, scope_limited,
    smol::Smol,
    threads::ThreadPool,
    timeout,
    tokio::TokioRuntime,
};
use anyscope_serve::{Error, Server, Serving};
use clap::Parser;
use std::{
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
    process::ExitCode,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

/// Works, and shows its live tree on a port of this machine, until Ctrl-C.
#[derive(Parser)]
#[command(name = "top")]
struct Args {
    /// What to index.
    #[arg(default_value = ".")]
    folder: PathBuf,
    /// Where to serve the tree: a port of this machine, or the path of a socket (with a slash in it).
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4000")]
    serve: String,
    /// Where to run.
    #[arg(long, value_name = "NAME", default_value = "threads")]
    #[arg(value_parser = ["smol", "tokio", "threads"])]
    executor: String,
    /// Let two children wait for each other, for ever.
    #[arg(long)]
    stuck: bool,
    /// End after so many seconds.
    #[arg(long, value_name = "SECONDS")]
    seconds: Option<u32>,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let tree = Tree::builder().time_polls(true).build();
    let serving = match serve(&tree, &args.serve) {
        Ok(serving) => serving,
        Err(error) => {
            eprintln!("{error}");
            return ExitCode::FAILURE;
        }
    };
    println!("the tree is at {serving}");
    match &*args.executor {
        "smol" => Smol.block_on(tree.watch(work(Smol, &args))),
        "tokio" => match tokio::runtime::Runtime::new().map(TokioRuntime::from) {
            Ok(runtime) => runtime.block_on(tree.watch(work(runtime.handle(), &args))),
            Err(error) => eprintln!("no runtime: {error}"),
        },
        _ => {
            let pool = ThreadPool::new(2);
            pool.block_on(tree.watch(work(pool.handle(), &args)));
        }
    }
    ExitCode::SUCCESS
}

fn serve(tree: &Tree, address: &str) -> Result<Serving, Error> {
    let server = Server::new(tree);
    #[cfg(unix)]
    if address.contains('/') {
        return server.unix(address);
    }
    server.tcp(address)
}

async fn work<E: Executor>(exec: E, args: &Args) {
    scope(&exec, async |s| {
        s.spawn_named("index", index(exec.clone(), args.folder.clone()));
        s.spawn_named("requests", requests(exec.clone()));
        if args.stuck {
            let (left, right) = (Slot::default(), Slot::default());
            put(&left, s.spawn_named("left", wait_for(right.clone())));
            put(&right, s.spawn_named("right", wait_for(left)));
        }
        if let Some(seconds) = args.seconds {
            exec.sleep(Duration::from_secs(seconds.into())).await;
            s.cancel("the time is over");
        }
    })
    .await;
}

/// Hashes all files below a folder, at most four at a time, again and again.
async fn index<E: Executor>(exec: E, folder: PathBuf) {
    loop {
        scope_limited(&exec, 4, async |s| {
            let mut folders = vec![folder.clone()];
            while let Some(folder) = folders.pop() {
                for path in entries(&folder) {
                    if path.is_symlink() || path.ends_with(".git") || path.ends_with("target") {
                        continue;
                    } else if path.is_dir() {
                        folders.push(path);
                    } else {
                        let name = path.display().to_string();
                        let timer = exec.clone();
                        let hash = async move { hash(&timer, &path).await.ok() };
                        // Once there is room.
                        let _ = s.spawn_named(name, hash).await;
                    }
                }
            }
        })
        .await;
        labelled("the next round", exec.sleep(Duration::from_secs(2))).await;
    }
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

/// Reads a file in parts, not too fast, and returns a hash of it (FNV-1a).
async fn hash(exec: &impl Executor, path: &Path) -> io::Result<u64> {
    let mut file = fs::File::open(path)?;
    let (mut hash, mut part) = (0xcbf2_9ce4_8422_2325_u64, vec![0; 16 << 10]);
    loop {
        let count = file.read(&mut part)?;
        if count == 0 {
            return Ok(hash);
        }
        for byte in &part[..count] {
            hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
        }
        labelled("the next part", exec.sleep(Duration::from_millis(50))).await;
    }
}

/// Answers a request every 200 ms. Each asks two services at a time, and needs a connection for each.
async fn requests<E: Executor>(exec: E) {
    let connections = Arc::new(Semaphore::new(3));
    scope(&exec, async |s| {
        for number in 0.. {
            let answer = answer(exec.clone(), number, connections.clone());
            s.spawn_named(format!("GET /item/{number}"), answer);
            exec.sleep(Duration::from_millis(200)).await;
        }
    })
    .await;
}

async fn answer<E: Executor>(exec: E, number: u64, connections: Arc<Semaphore>) {
    let ask = async |takes: u64| {
        let _connection = connections.acquire().await;
        labelled("the answer of the service", exec.sleep(Duration::from_millis(takes))).await;
    };
    let both = concurrent(async |s| {
        s.spawn_named("price", ask(100 + number * 37 % 400));
        s.spawn_named("stock", ask(100 + number * 91 % 400));
    });
    // Who waits for too long is given up.
    let _ = timeout(&exec, Duration::from_secs(5), both).await;
}

type Slot = Arc<Mutex<Option<JoinHandle<'static, ()>>>>;

fn put(slot: &Slot, handle: JoinHandle<'static, ()>) {
    *slot.lock().unwrap_or_else(PoisonError::into_inner) = Some(handle);
}

/// Waits for the child that is put there.
async fn wait_for(slot: Slot) {
    let handle = loop {
        if let Some(handle) = slot.lock().unwrap_or_else(PoisonError::into_inner).take() {
            break handle;
        }
        futures_lite::future::yield_now().await;
    };
    let _ = handle.await;
}
