//! Calls by their keys, and the future of who asks.

use super::{flight::Flight, table::Table};
use crate::{sync::EventListener, unwind::Finally, waits};
use core::{
    fmt,
    future::Future,
    hash::{BuildHasher, Hash},
    pin::Pin,
    task::{Context, Poll},
};
use pin_project_lite::pin_project;
use std::{hash::RandomState, sync::Arc};

/// Makes one call for all who ask for the same key at the same time, and gives each its result.
///
/// Whoever asks first makes the call, in its own future; the others wait. When that one is dropped (its
/// child was cancelled, its time ran out) or panics, the call is not theirs: its future is dropped with it, and the one
/// of the others that is polled first makes a call of its own. So nobody gets the cancel or the panic of another one, a
/// call may borrow and need not be `Send`, and nothing runs for nobody.
///
/// What the call returned is cloned for all who wait, so errors are shared if they can be cloned: in an
/// `Arc`, say. It is not a cache: when the call has returned, its key is forgotten, and who asks then
/// begins a new one.
///
/// Needs `std`.
///
/// # Cost
///
/// Two allocations for a call, and some for each who waits. Nothing is kept of keys for which nobody asks.
///
/// # Examples
///
/// ```
/// use anyscope::{Timer, flow, resilience::SingleFlight, sim::Sim};
/// use std::{cell::Cell, time::Duration};
///
/// Sim::new(1).run(async |sim| {
///     let flights = SingleFlight::new();
///     let calls = &Cell::new(0);
///     let load = async |key: &str| {
///         calls.set(calls.get() + 1);
///         sim.sleep(Duration::from_secs(1)).await;
///         Ok::<_, String>(key.len())
///     };
///     let lengths: Vec<_> = flow::iter(["a", "bb", "a", "a", "bb"])
///         .map_concurrent(10, |key| flights.run(key, move || load(key)))
///         .collect()
///         .await;
///     assert_eq!(lengths, [Ok(1), Ok(2), Ok(1), Ok(1), Ok(2)]);
///     assert_eq!(calls.get(), 2);
///     assert!(flights.is_empty());
/// }).unwrap();
/// ```
pub struct SingleFlight<K, V> {
    table: Table<K, V>,
    hasher: RandomState,
}

impl<K, V> SingleFlight<K, V> {
    /// Creates one in which nobody asks for anything.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::SingleFlight;
    ///
    /// let flights: SingleFlight<String, u32> = SingleFlight::new();
    /// assert!(flights.is_empty());
    /// ```
    pub fn new() -> Self {
        SingleFlight { table: Table::new(), hasher: RandomState::new() }
    }

    /// Returns for how many keys there is a call.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::SingleFlight;
    /// use smol::future::poll_once;
    /// use std::future::pending;
    ///
    /// # smol::block_on(async {
    /// let flights = SingleFlight::new();
    /// let mut call = Box::pin(flights.run("a", || pending::<u32>()));
    /// assert!(poll_once(&mut call).await.is_none());
    /// assert_eq!(flights.len(), 1);
    /// # });
    /// ```
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Returns whether there is no call.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::resilience::SingleFlight;
    ///
    /// # smol::block_on(async {
    /// let flights = SingleFlight::new();
    /// let empty = flights.run("a", async || flights.is_empty()).await;
    /// assert!(!empty, "this call was under way");
    /// assert!(flights.is_empty());
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl<K: Hash + Eq, V: Clone> SingleFlight<K, V> {
    /// Returns the result of the call for this key that is under way, or makes it: with what `f` returns,
    /// by the first poll or when it is left to this one.
    ///
    /// A call must not ask for its own key: it would wait for itself.
    ///
    /// # Cancel safety
    ///
    /// Dropping the returned future leaves the call to others that wait for it, who begin anew.
    ///
    /// # Panics
    ///
    /// A panic of `f` or of its future propagates from the future that made the call, and from no other. A
    /// panic of the clone of the result, likewise. The returned future panics if polled after it was
    /// ready or has panicked.
    ///
    /// # Examples
    ///
    /// See [`SingleFlight`].
    ///
    /// See [`SingleFlight`].
    pub fn run<F, Fut>(&self, key: K, f: F) -> Flying<'_, K, V, F, Fut>
    where
        F: FnOnce() -> Fut,
        Fut: Future<Output = V>,
    {
        Flying {
            call: None,
            make: Some(f),
            key: Some(key),
            listener: None,
            seat: None,
            flights: self,
        }
    }
}

impl<K, V> Default for SingleFlight<K, V> {
    fn default() -> Self {
        SingleFlight::new()
    }
}

impl<K, V> fmt::Debug for SingleFlight<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SingleFlight").field("len", &self.len()).finish_non_exhaustive()
    }
}

pin_project! {
    /// Future of [`SingleFlight::run`].
    ///
    /// Shown at [`SingleFlight`].
    #[must_use = "futures do nothing unless you `.await` or poll them"]
    pub struct Flying<'a, K, V, F, Fut> {
        // Dropped before the seat, as another one may begin anew then.
        #[pin]
        call: Option<Fut>,
        // None when it was called, or is not needed.
        make: Option<F>,
        // None from the first poll on.
        key: Option<K>,
        listener: Option<EventListener>,
        // None before the first poll, and when it is ready or has panicked.
        seat: Option<Seat<'a, K, V>>,
        flights: &'a SingleFlight<K, V>,
    }
}

/// One who asks.
struct Seat<'a, K, V> {
    flight: Arc<Flight<K, V>>,
    /// Whether it makes the call.
    leads: bool,
    hash: u64,
    table: &'a Table<K, V>,
}

impl<K, V> Drop for Seat<'_, K, V> {
    fn drop(&mut self) {
        // Even if a waker panics.
        let _leave = Finally::new(|| self.table.leave(self.hash, &self.flight));
        if self.leads {
            self.flight.give_up();
        }
    }
}

impl<K, V: Clone> Seat<'_, K, V> {
    /// The call has returned this.
    fn finish(mut self, value: V) -> V {
        if self.table.close(self.hash, &self.flight) {
            let copy = value.clone();
            self.leads = false;
            self.flight.finish(copy);
        } else {
            self.leads = false;
        }
        value
    }
}

impl<K: Hash + Eq, V: Clone, F, Fut> Future for Flying<'_, K, V, F, Fut>
where
    F: FnOnce() -> Fut,
    Fut: Future<Output = V>,
{
    type Output = V;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<V> {
        let mut this = self.project();
        let flights: &SingleFlight<K, V> = this.flights;
        if let Some(key) = this.key.take() {
            let hash = flights.hasher.hash_one(&key);
            let flight = flights.table.join(hash, key);
            *this.seat = Some(Seat { flight, leads: false, hash, table: &flights.table });
        }
        // Put back if there is more to do. A panic drops it on the way, so the call is left to others then.
        let mut seat = this.seat.take().expect("polled after it was ready");
        while !seat.leads {
            if let Some(value) = seat.flight.value() {
                return Poll::Ready(value.clone());
            }
            if seat.flight.lead() {
                seat.leads = true;
                *this.listener = None;
                // It may have returned just before.
                if let Some(value) = seat.flight.value() {
                    return Poll::Ready(value.clone());
                }
                let make = this.make.take().expect("it has not led yet");
                this.call.set(Some(make()));
                break;
            }
            match this.listener {
                // Looks again after this.
                None => *this.listener = Some(seat.flight.listen()),
                Some(listener) => {
                    if Pin::new(listener).poll(cx).is_pending() {
                        waits::waits_for_what(waits::What::SharedCall);
                        *this.seat = Some(seat);
                        return Poll::Pending;
                    }
                    *this.listener = None;
                }
            }
        }
        let Poll::Ready(value) = this.call.as_mut().as_pin_mut().expect("it leads").poll(cx) else {
            *this.seat = Some(seat);
            return Poll::Pending;
        };
        this.call.set(None);
        Poll::Ready(seat.finish(value))
    }
}

impl<K, V, F, Fut> fmt::Debug for Flying<'_, K, V, F, Fut> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Flying").field("leads", &self.call.is_some()).finish_non_exhaustive()
    }
}
