//! The way between a server and its clients is cut, and mended.

use crate::{
    proxy::{CUTS, Cut, Proxy},
    support::{Server, server_or_return},
};
use anyscope::{Timer, flow, join, race, scope, smol::Smol, timeout};
use anyscope_nats::Nats;
use anyscope_remote::{
    CallError, Ended, EngineError, Job, JobContext, Json, Remote, Served, WorkerEvent, Workers,
    engine::{Engine, Queue, Status},
};
use smol::channel::{Receiver, Sender, unbounded};
use std::{
    future::{Future, pending},
    time::Duration,
};

#[derive(serde::Serialize, serde::Deserialize)]
struct Named;

/// Its outcome is the name of its worker.
impl Job for Named {
    const NAME: &'static str = "named";
    type Output = String;
    type Error = String;
    type Codec = Json;
}

/// Of workers that are to lose it.
const LEASE: Duration = Duration::from_secs(3);

/// Of workers that are not, but look for callers at each third of it.
const LONGER: Duration = Duration::from_secs(6);

/// Longer than any test.
const LONG: Duration = Duration::from_secs(600);

/// Given a worker that is cut off for longer than its lease while its handler runs, then that ends as the lease is lost, still cut off, and another worker begins the job, with a
/// later epoch; what comes late changes nothing, and the worker works on.
#[test]
fn j90_a_worker_that_is_cut_off_stops() {
    let server = server_or_return!("");
    each(CUTS, async |cut| {
        let Sides { proxy, far, near, queue, mut told, goes } =
            Sides::of(&server, "stops", cut).await;
        scope(&Smol, async |s| {
            let far = s.spawn(worker(&far, &queue, "far", LEASE, (&told, &goes)));
            let remote = Remote::<Named>::new(&near, &Smol, queue.clone()).caller_lease(LONG);
            let call = s.spawn(remote.call(Named));
            let first = told.begun("far").await;
            proxy.cut(cut);
            let near_works = s.spawn(worker(&near, &queue, "near", LEASE, (&told, &goes)));
            told.until(|what| *what == What::Ended("far", Some(Ended::LeaseLost))).await;
            let second = told.begun("near").await;
            assert!(second > first, "{second} after {first}");
            proxy.mend();
            goes.all("near");
            assert_eq!(call.await.unwrap().unwrap(), "near");
            drop(near_works.cancel().await);
            goes.all("far");
            assert_eq!(remote.call(Named).await.unwrap(), "far");
            drop(far.cancel().await);
            only_settled(&near, &queue, 2).await;
        })
        .await;
    });
}

/// Given a worker that is cut off while it settles, and whose messages come when its lease is over and another worker has the job, then there is one outcome, whoever's it is,
/// and everybody reads it.
#[test]
fn j91_a_settle_that_comes_late_is_one_of_two() {
    let server = server_or_return!("");
    each([Cut::Held], async |cut| {
        let Sides { proxy, far, near, queue, mut told, goes } =
            Sides::of(&server, "late", cut).await;
        scope(&Smol, async |s| {
            let far = s.spawn(worker(&far, &queue, "far", LEASE, (&told, &goes)));
            let remote = Remote::<Named>::new(&near, &Smol, queue.clone()).caller_lease(LONG);
            let ticket = remote.submit(Named).await.unwrap();
            told.begun("far").await;
            proxy.cut(cut);
            goes.all("far");
            told.until(|what| *what == What::Lost("far")).await;
            let near_works = s.spawn(worker(&near, &queue, "near", LEASE, (&told, &goes)));
            told.begun("near").await;
            proxy.mend();
            let first = remote.attach(&ticket).await.unwrap();
            assert_eq!(first, "far", "nobody else has settled it");
            goes.all("near");
            told.until(|what| matches!(what, What::Ended("near", _))).await;
            assert_eq!(remote.attach(&ticket).await.unwrap(), first);
            drop(join((near_works.cancel(), far.cancel())).await);
            only_settled(&near, &queue, 1).await;
        })
        .await;
    });
}

/// Given a caller that is cut off while its job is done, then it has the outcome when the way is mended, and the job was begun once.
#[test]
fn j92_a_caller_that_is_cut_off_has_its_outcome() {
    let server = server_or_return!("");
    each(CUTS, async |cut| {
        let Sides { proxy, far, near, queue, mut told, goes } =
            Sides::of(&server, "caller", cut).await;
        scope(&Smol, async |s| {
            s.spawn_daemon(worker(&near, &queue, "near", LONG, (&told, &goes)));
            let remote = Remote::<Named>::new(&far, &Smol, queue.clone()).caller_lease(LONG);
            let call = s.spawn(remote.call(Named));
            told.begun("near").await;
            proxy.cut(cut);
            goes.all("near");
            told.until(|what| matches!(what, What::Ended("near", _))).await;
            while near.status(&queue).await.unwrap().settled == 0 {}
            proxy.mend();
            assert_eq!(call.await.unwrap().unwrap(), "near");
            assert!(told.no_more_begun());
        })
        .await;
    });
}

/// Given a caller that is cut off for good, then the handler of its call is asked to end and the job is cancelled, and the one that it has submitted is done.
#[test]
fn j93_a_caller_that_is_cut_off_for_good_is_gone() {
    let server = server_or_return!("");
    // If only answers are lost, the server hears of it.
    let cuts = CUTS.into_iter().filter(|cut| *cut != Cut::Answers);
    each(cuts, async |cut| {
        let Sides { proxy, far, near, queue, mut told, goes } =
            Sides::of(&server, "good", cut).await;
        scope(&Smol, async |s| {
            s.spawn_daemon(worker(&near, &queue, "near", LONGER, (&told, &goes)));
            let remote = Remote::<Named>::new(&far, &Smol, queue.clone()).caller_lease(LEASE);
            let call = s.spawn(remote.call(Named));
            told.begun("near").await;
            let ticket = remote.submit(Named).await.unwrap();
            proxy.cut(cut);
            told.until(|what| *what == What::Ended("near", Some(Ended::CallerGone))).await;
            told.begun("near").await;
            goes.all("near");
            let here = Remote::<Named>::new(&near, &Smol, queue.clone());
            assert_eq!(here.attach(&ticket).await.unwrap(), "near");
            assert_eq!(near.status(&queue).await.unwrap().settled, 2);
            proxy.mend();
            let cancelled = call.await.unwrap().unwrap_err();
            assert!(matches!(cancelled, CallError::Cancelled(_)), "{cancelled}");
        })
        .await;
    });
}

/// Given a way on which everything is late, then each job comes to a worker at its first attempt, and none waits for a lease to run out.
#[test]
fn j94_a_slow_way_is_only_slow() {
    let server = server_or_return!("");
    let proxy = Proxy::to(&server);
    smol::block_on(soon(async {
        let far = connect(proxy.address()).await;
        proxy.slow(Duration::from_millis(50));
        scope(&Smol, async |s| {
            let workers = Workers::new(&far, "slow").everywhere(2).here(3).lease(LONG);
            let attempt = async |Named, cx: JobContext| Ok(cx.attempt().to_string());
            s.spawn_daemon(workers.serve(&Smol, &Smol, attempt));
            let remote = Remote::<Named>::new(&far, &Smol, "slow");
            let calls = flow::iter(0..12).map_concurrent(4, |_| remote.call(Named));
            assert_eq!(calls.try_collect::<Vec<_>>().await.unwrap(), ["1"; 12]);
        })
        .await;
    }));
}

/// Given a way so slow that what a worker makes first takes longer than half its lease, then it leases its first job after that, which is not lost at once.
#[test]
fn j99_what_is_made_first_costs_no_lease() {
    let server = server_or_return!("");
    let proxy = Proxy::to(&server);
    smol::block_on(soon(async {
        let far = connect(proxy.address()).await;
        proxy.slow(Duration::from_millis(100));
        scope(&Smol, async |s| {
            let workers = Workers::new(&far, "first").lease(Duration::from_secs(3));
            let attempt = async |Named, cx: JobContext| Ok(cx.attempt().to_string());
            let (told, lost) = unbounded();
            let workers = workers.on_event(move |event| {
                if let WorkerEvent::LeaseLost { .. } = event {
                    told.try_send(()).unwrap();
                }
            });
            s.spawn_daemon(workers.serve(&Smol, &Smol, attempt));
            let remote = Remote::<Named>::new(&far, &Smol, "first");
            assert_eq!(remote.call(Named).await.unwrap(), "1");
            assert!(lost.is_empty());
        })
        .await;
    }));
}

/// Given a connection that is forgotten on its way, so that nobody hears of anything any more, then there is another one: the call has its outcome.
#[test]
fn j95_a_silent_connection_is_made_again() {
    let server = server_or_return!("");
    each([Cut::Lost], async |cut| {
        let proxy = Proxy::to(&server);
        let far = connect(proxy.address()).await;
        let queue = queue("silent", cut);
        let (mut told, goes) = (Told::default(), Goes::default());
        scope(&Smol, async |s| {
            let remote = Remote::<Named>::new(&far, &Smol, queue.clone()).caller_lease(LONG);
            s.spawn_daemon(worker(&far, &queue, "far", LEASE, (&told, &goes)));
            let call = s.spawn(remote.call(Named));
            told.begun("far").await;
            proxy.forget();
            goes.all("far");
            assert_eq!(call.await.unwrap().unwrap(), "far");
        })
        .await;
    });
}

/// Given a server that was away for longer than the lease of a caller, which comes back later than its worker, then the job is begun again and the caller has its outcome.
#[test]
fn j96_a_caller_has_time_to_come_back() {
    let server = server_or_return!("");
    // What was stopped could find its port taken.
    let (proxy, way) = (Proxy::to(&server), Proxy::to(&server));
    let queue = queue("back", Cut::Held);
    smol::block_on(soon(async {
        let (far, near) = (connect(proxy.address()).await, connect(way.address()).await);
        let (mut told, goes) = (Told::default(), Goes::default());
        scope(&Smol, async |s| {
            s.spawn_daemon(worker(&near, &queue, "near", LEASE, (&told, &goes)));
            let remote = Remote::<Named>::new(&far, &Smol, queue.clone()).caller_lease(2 * LEASE);
            let call = s.spawn(remote.call(Named));
            told.begun("near").await;
            proxy.cut(Cut::Closed);
            way.cut(Cut::Closed);
            Smol.sleep(2 * LEASE).await;
            way.mend();
            told.until(|what| *what == What::Ended("near", Some(Ended::LeaseLost))).await;
            told.begun("near").await;
            // Several looks for the caller.
            Smol.sleep(LEASE).await;
            goes.all("near");
            proxy.mend();
            assert_eq!(call.await.unwrap().unwrap(), "near");
        })
        .await;
    }));
}

/// Given a server that has lost that a caller is there, then the caller says so again, and its job goes on; if it does not, it is gone.
#[test]
fn j97_a_caller_that_the_server_has_lost_is_there() {
    let server = server_or_return!("");
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let client = runtime.block_on(async_nats::connect(server.address())).unwrap();
    let callers = |what: &str| {
        let subject = format!("$JS.API.STREAM.{what}.anyscope-callers");
        let answer = runtime.block_on(client.request(subject, "".into())).unwrap();
        serde_json::from_slice::<serde_json::Value>(&answer.payload).unwrap()
    };
    let proxy = Proxy::to(&server);
    let queue = queue("lost", Cut::Lost);
    smol::block_on(soon(async {
        let (far, near) = (connect(proxy.address()).await, connect(server.address()).await);
        let (mut told, goes) = (Told::default(), Goes::default());
        scope(&Smol, async |s| {
            s.spawn_daemon(worker(&near, &queue, "near", LONGER, (&told, &goes)));
            let lease = 3 * LEASE;
            let remote = Remote::<Named>::new(&far, &Smol, queue.clone()).caller_lease(lease);
            let call = s.spawn(remote.call(Named));
            told.begun("near").await;
            assert!(callers("PURGE")["purged"].as_u64() >= Some(1));
            // Many looks of the worker.
            while callers("INFO")["state"]["messages"] == 0 {
                Smol.sleep(LEASE / 20).await;
            }
            goes.all("near");
            assert_eq!(call.await.unwrap().unwrap(), "near");
        })
        .await;
        let (mut told, goes) = (Told::default(), Goes::default());
        scope(&Smol, async |s| {
            s.spawn_daemon(worker(&near, &queue, "near", LONGER, (&told, &goes)));
            let remote = Remote::<Named>::new(&far, &Smol, queue.clone()).caller_lease(LEASE);
            let call = s.spawn(remote.call(Named));
            told.begun("near").await;
            proxy.cut(Cut::Lost);
            callers("PURGE");
            told.until(|what| *what == What::Ended("near", Some(Ended::CallerGone))).await;
            proxy.mend();
            let cancelled = call.await.unwrap().unwrap_err();
            assert!(matches!(cancelled, CallError::Cancelled(_)), "{cancelled}");
        })
        .await;
    }));
}

/// Does this for each, at once.
fn each<Fut: Future<Output = ()>>(cuts: impl IntoIterator<Item = Cut>, test: impl Fn(Cut) -> Fut) {
    let one = |cut| {
        let one = timeout(&Smol, PATIENCE, test(cut));
        async move { one.await.unwrap_or_else(|_| panic!("{cut:?}: what was waited for did not come")) }
    };
    let all = flow::iter(cuts).map_concurrent(CUTS.len(), one).collect::<Vec<()>>();
    smol::block_on(all);
}

/// Many times what anything here takes.
const PATIENCE: Duration = Duration::from_secs(90);

async fn soon<T>(work: impl Future<Output = T>) -> T {
    timeout(&Smol, PATIENCE, work).await.expect("what was waited for did not come")
}

/// A way to a server that can be cut, with a client behind it and one that is near.
struct Sides {
    proxy: Proxy,
    far: Nats,
    near: Nats,
    queue: Queue,
    told: Told,
    goes: Goes,
}

impl Sides {
    async fn of(server: &Server, name: &str, cut: Cut) -> Self {
        let proxy = Proxy::to(server);
        let (far, near) = (connect(proxy.address()).await, connect(server.address()).await);
        let (told, goes) = (Told::default(), Goes::default());
        Sides { proxy, far, near, queue: queue(name, cut), told, goes }
    }
}

async fn connect(address: String) -> Nats {
    Nats::builder(address).connect().await.unwrap()
}

fn queue(name: &str, cut: Cut) -> Queue {
    Queue::parse(&format!("{name}-{cut:?}")).unwrap()
}

/// Waits until nothing is in the queue, and so many jobs have an outcome, which may be heard of before they are acknowledged.
async fn only_settled(engine: &Nats, queue: &Queue, jobs: u64) {
    loop {
        let Status { ready, delayed, running, settled, dead, .. } =
            engine.status(queue).await.unwrap();
        assert_eq!((settled, dead), (jobs, 0));
        if (ready, delayed, running.len()) == (0, 0, 0) {
            return;
        }
        Smol.sleep(Duration::from_millis(5)).await;
    }
}

/// A worker of one place, whose handlers wait until they are told to go.
fn worker(
    engine: &Nats,
    queue: &Queue,
    name: &'static str,
    lease: Duration,
    (told, goes): (&Told, &Goes),
) -> impl Future<Output = Result<Served, EngineError>> + Send + use<> {
    let (tell, lost, goes) = (told.tell.clone(), told.tell.clone(), goes.waits(name));
    let workers = Workers::new(engine, queue.clone())
        .everywhere(1)
        .here(1)
        .lease(lease)
        .attempts(100, vec![Duration::ZERO; 100])
        .on_event(move |event| {
            if let WorkerEvent::LeaseLost { .. } = event {
                lost.try_send(What::Lost(name)).unwrap();
            }
        });
    workers.serve(&Smol, &Smol, move |Named, cx| {
        let (run, goes) = (Run::begin(name, tell.clone(), cx), goes.clone());
        async move {
            let gone = async {
                run.cx.token().cancelled().await;
                if run.cx.ended() == Some(Ended::LeaseLost) {
                    // As one that does not listen: it is dropped.
                    pending::<()>().await;
                }
                false
            };
            // It is closed when all may go.
            let goes = async { goes.recv().await.is_err() };
            let goes = race((gone, goes)).await;
            drop(run);
            goes.then(|| name.to_owned()).ok_or_else(|| "it was asked to end".to_owned())
        }
    })
}

/// What workers tell.
#[derive(Clone, Copy, Debug, PartialEq)]
enum What {
    /// With this epoch.
    Begun(&'static str, u64),
    Ended(&'static str, Option<Ended>),
    Lost(&'static str),
}

/// Tells of a handler, also when it is dropped.
struct Run {
    name: &'static str,
    tell: Sender<What>,
    cx: JobContext,
}

impl Run {
    fn begin(name: &'static str, tell: Sender<What>, cx: JobContext) -> Self {
        tell.try_send(What::Begun(name, cx.epoch())).unwrap();
        Run { name, tell, cx }
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        // Nobody may listen any more.
        let _ = self.tell.try_send(What::Ended(self.name, self.cx.ended()));
    }
}

/// What was told, of which each is looked at once.
struct Told {
    tell: Sender<What>,
    hear: Receiver<What>,
    heard: Vec<What>,
}

impl Default for Told {
    fn default() -> Self {
        let ((tell, hear), heard) = (unbounded(), Vec::new());
        Told { tell, hear, heard }
    }
}

impl Told {
    async fn until(&mut self, is_meant: impl Fn(&What) -> bool) -> What {
        loop {
            if let Some(nth) = self.heard.iter().position(&is_meant) {
                return self.heard.remove(nth);
            }
            self.heard.push(self.hear.recv().await.unwrap());
        }
    }

    /// Waits until this worker has begun a job, and returns the epoch.
    async fn begun(&mut self, worker: &str) -> u64 {
        let begun = |what: &What| matches!(what, What::Begun(name, _) if *name == worker);
        match self.until(begun).await {
            What::Begun(_, epoch) => epoch,
            what => panic!("{what:?}"),
        }
    }

    fn no_more_begun(&mut self) -> bool {
        self.heard.extend(std::iter::from_fn(|| self.hear.try_recv().ok()));
        !self.heard.iter().any(|what| matches!(what, What::Begun(..)))
    }
}

/// Lets handlers go on.
struct Goes([(&'static str, Sender<()>, Receiver<()>); 2]);

impl Default for Goes {
    fn default() -> Self {
        Goes(["far", "near"].map(|name| {
            let (go, waits) = unbounded();
            (name, go, waits)
        }))
    }
}

impl Goes {
    fn of(&self, worker: &str) -> &(&'static str, Sender<()>, Receiver<()>) {
        self.0.iter().find(|(name, ..)| *name == worker).unwrap()
    }

    fn waits(&self, worker: &str) -> Receiver<()> {
        self.of(worker).2.clone()
    }

    /// Those of this worker that wait, and all that come.
    fn all(&self, worker: &str) {
        self.of(worker).1.close();
    }
}
