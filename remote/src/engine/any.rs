//! An engine that is chosen at run time.

use super::{
    Again, Ask, CallerId, DeadLetter, End, Engine, EngineError, Envelope, Gone, Held, JobId,
    LeaseId, Leased, Put, Queue, Settled, Settler, Signal, Status,
};
use futures_core::Stream;
use std::{fmt, future::Future, pin::Pin, sync::Arc, time::Duration};

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, EngineError>> + Send + 'a>>;

type Signals = Pin<Box<dyn Stream<Item = Result<(JobId, Signal), EngineError>> + Send>>;

/// Any engine, as one type: for programs that choose it at run time.
///
/// # Cost
///
/// An allocation for each call.
///
/// # Examples
///
/// ```
/// use anyscope::smol::Smol;
/// use anyscope_remote::{Memory, engine::AnyEngine};
///
/// fn engine(name: &str) -> Option<AnyEngine> {
///     match name {
///         "memory" => Some(AnyEngine::new(Memory::new(&Smol))),
///         _ => None,
///     }
/// }
/// assert!(engine("memory").is_some());
/// ```
#[derive(Clone)]
pub struct AnyEngine(Arc<dyn Erased>);

impl AnyEngine {
    /// Creates one of `engine`.
    ///
    /// # Examples
    ///
    /// See [`AnyEngine`].
    pub fn new(engine: impl Engine) -> Self {
        AnyEngine(Arc::new(engine))
    }
}

impl fmt::Debug for AnyEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AnyEngine(..)")
    }
}

/// Makes a trait that is an [`Engine`] with answers that are boxed, and both directions between the two. A parameter that is borrowed is in
/// the first list, one that is not in the second.
macro_rules! erased {
    ($(fn $name:ident(&self; $($borrowed:ident: $of:ty),*; $($arg:ident: $type:ty),*) -> $answer:ty;)*) => {
        trait Erased: Send + Sync {
            $(fn $name<'a>(&'a self, $($borrowed: &'a $of,)* $($arg: $type),*) -> Answer<'a, $answer>;)*

            fn signals(&self, queue: &Queue) -> Signals;
        }

        impl<E: Engine> Erased for E {
            $(fn $name<'a>(&'a self, $($borrowed: &'a $of,)* $($arg: $type),*) -> Answer<'a, $answer> {
                Box::pin(Engine::$name(self, $($borrowed,)* $($arg),*))
            })*

            fn signals(&self, queue: &Queue) -> Signals {
                Box::pin(Engine::signals(self, queue))
            }
        }

        impl Engine for AnyEngine {
            $(async fn $name(&self, $($borrowed: &$of,)* $($arg: $type),*) -> Result<$answer, EngineError> {
                Erased::$name(&*self.0, $($borrowed,)* $($arg),*).await
            })*

            fn signals(&self, queue: &Queue) -> impl Stream<Item = Result<(JobId, Signal), EngineError>> + Send + 'static {
                Erased::signals(&*self.0, queue)
            }
        }
    };
}

erased! {
    fn put(&self; queue: Queue; jobs: Vec<Envelope>) -> Vec<Put>;
    fn lease(&self; queue: Queue; ask: Ask) -> Vec<Leased>;
    fn extend(&self; queue: Queue; leases: Vec<LeaseId>, lease: Duration) -> Vec<Held>;
    fn settle(&self; queue: Queue, job: JobId; by: Settler, end: End) -> Settled;
    fn give_back(&self; queue: Queue, lease: LeaseId; again: Again) -> ();
    fn outcome(&self; queue: Queue, job: JobId; ) -> Vec<u8>;
    fn released(&self; queue: Queue, job: JobId; ) -> ();
    fn signal(&self; queue: Queue, job: JobId; signal: Signal) -> ();
    fn attend(&self; caller: CallerId; lease: Duration) -> ();
    fn gone(&self; ; callers: Vec<CallerId>) -> Gone;
    fn status(&self; queue: Queue; ) -> Status;
    fn dead_letters(&self; queue: Queue; at_most: usize) -> Vec<DeadLetter>;
    fn redrive(&self; queue: Queue, job: JobId; ) -> bool;
}
