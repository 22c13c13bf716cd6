//! The merge of sources that are inserted and removed.

use super::handle::{self, Command, KeyedHandle, Owned};
use crate::flow::merge::pool::{Got, Pool};
use crate::{
    flow::source::{Flow, Source},
    set::budget::Budget,
};
use alloc::{
    collections::{BTreeMap, VecDeque},
    vec::Vec,
};
use core::{
    fmt,
    pin::Pin,
    task::{Context, Poll},
};
use futures_core::{FusedStream, Stream};

/// Creates a merge of sources that come and go, each under a key, and the handle that inserts them.
///
/// ```text
/// insert a, b     AB
/// a               -1--2-|
/// b               --1-----3--..
/// remove b                   R
/// events          -aba--A-b--B
/// ```
///
/// The handle can be cloned, and sent to other threads. Its commands never wait, as they are pushed
/// on a lock-free stack. They take effect when the merge is next polled for an event. So only the
/// merge knows which keys are taken, and it reports the outcome of a command as an event: see
/// [`KeyedEvent`].
///
/// The merge ends when it has no source and all handles were dropped. Without a source, but with a
/// handle, it waits.
///
/// # Cancel safety
///
/// Dropping the merge drops its sources, and the sources in commands that have not taken effect.
/// [`into_parts`](KeyedMerge::into_parts) returns all of them instead. After that the handles
/// refuse sources.
///
/// # Panics
///
/// Propagates a panic of a source. That source is dropped without an event, and its key is free.
/// The others may be polled.
///
/// # Fairness
///
/// As [`merge`](crate::flow::merge()). Commands take effect before items are polled.
///
/// # Cost
///
/// O(1) per item, with a clone of its key; O(log k) and one allocation per command. A wake for one
/// source polls that source.
///
/// # Examples
///
/// ```
/// use anyscope::flow::{self, KeyedEvent::*};
///
/// # smol::block_on(async {
/// let (feeds, events) = flow::merge_keyed();
/// feeds.insert("a", flow::iter(vec![1, 2]))?;
/// feeds.insert("b", flow::iter(vec![10]))?;
/// drop(feeds); // otherwise the merge would wait for more
///
/// let all: Vec<_> = events.collect().await;
/// assert_eq!(all.len(), 5);
/// assert!(matches!(all[..3], [Item("a", 1), Item("b", 10), Item("a", 2)]));
/// assert!(matches!(all[3..], [Ended("b"), Ended("a")]));
/// # Ok::<_, flow::MergeGone<_>>(())
/// # }).unwrap();
/// ```
pub fn merge_keyed<K: Ord + Clone, S: Source>() -> (KeyedHandle<K, S>, Flow<KeyedMerge<K, S>>) {
    let (owned, handle) = handle::pair();
    let merge = KeyedMerge {
        pool: Pool::with_capacity(0),
        keys: BTreeMap::new(),
        owned,
        commands: VecDeque::new(),
        // True, so that the first poll takes the commands before it.
        woken: true,
        ended: false,
    };
    (handle, crate::flow::source(merge))
}

/// An event of a [`KeyedMerge`].
///
/// # Examples
///
/// ```
/// use anyscope::flow::{self, KeyedEvent};
///
/// # smol::block_on(async {
/// let (feeds, events) = flow::merge_keyed();
/// feeds.insert("a", flow::iter([1])).unwrap();
/// drop(feeds);
/// let events: Vec<_> = events.collect().await;
/// assert!(matches!(events[..], [KeyedEvent::Item("a", 1), KeyedEvent::Ended("a")]));
/// assert_eq!(events[1].key(), &"a");
/// # });
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyedEvent<K, T, S> {
    /// An item of the source under this key.
    Item(K, T),
    /// The source under this key has ended. The key is free.
    Ended(K),
    /// The source under this key was removed, and was dropped: no item of it follows. The key is
    /// free.
    Removed(K),
    /// The source under this key was replaced, and was dropped: the following items under this key
    /// are those of the new source.
    Replaced(K),
    /// The key was taken when this source was inserted. The source is returned here.
    Refused(K, S),
}

impl<K, T, S> KeyedEvent<K, T, S> {
    /// Returns the key and the item, if the event is an item.
    ///
    /// # Examples
    ///
    /// A merge whose ends nobody cares about:
    ///
    /// ```
    /// use anyscope::flow::{self, KeyedEvent};
    ///
    /// # smol::block_on(async {
    /// let (feeds, events) = flow::merge_keyed();
    /// feeds.insert("a", flow::iter([1, 2])).unwrap();
    /// drop(feeds);
    /// let items: Vec<_> = events.filter_map(KeyedEvent::into_item).collect().await;
    /// assert_eq!(items, [("a", 1), ("a", 2)]);
    /// # });
    /// ```
    pub fn into_item(self) -> Option<(K, T)> {
        match self {
            KeyedEvent::Item(key, item) => Some((key, item)),
            _ => None,
        }
    }

    /// Returns the key.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// # smol::block_on(async {
    /// let (feeds, events) = flow::merge_keyed();
    /// feeds.insert("a", flow::iter([1])).unwrap();
    /// drop(feeds);
    /// let keys: Vec<_> = events.map(|event| *event.key()).collect().await;
    /// assert_eq!(keys, ["a", "a"]); // an item, and the end
    /// # });
    /// ```
    pub fn key(&self) -> &K {
        match self {
            KeyedEvent::Item(key, _)
            | KeyedEvent::Ended(key)
            | KeyedEvent::Removed(key)
            | KeyedEvent::Replaced(key)
            | KeyedEvent::Refused(key, _) => key,
        }
    }
}

/// Source of [`merge_keyed`].
#[must_use = "streams do nothing unless polled"]
pub struct KeyedMerge<K, S> {
    pool: Pool<S, K, true>,
    /// The place of the source of each key. Out of date if that source has panicked.
    keys: BTreeMap<K, usize>,
    owned: Owned<K, S>,
    /// The commands that were taken and have not taken effect.
    commands: VecDeque<Command<K, S>>,
    /// A handle has woken us.
    woken: bool,
    ended: bool,
}

type Event<K, S> = KeyedEvent<K, <S as Stream>::Item, S>;

impl<K: Ord + Clone, S: Source> KeyedMerge<K, S> {
    /// Returns the number of sources, without those in commands that have not taken effect.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let (feeds, events) = flow::merge_keyed();
    /// let mut events = events.into_stream();
    /// feeds.insert("a", flow::iter(1..)).unwrap();
    /// feeds.insert("b", flow::iter(1..)).unwrap();
    /// events.next().await; // takes both commands
    /// assert_eq!(events.len(), 2);
    /// # });
    /// ```
    pub fn len(&self) -> usize {
        self.pool.slab.len()
    }

    /// Returns whether there is no source.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    /// use smol::stream::StreamExt;
    ///
    /// # smol::block_on(async {
    /// let (feeds, events) = flow::merge_keyed();
    /// let mut events = events.into_stream();
    /// feeds.insert("a", flow::iter([1])).unwrap();
    /// assert!(events.is_empty(), "the command has not taken effect");
    /// events.next().await;
    /// assert!(!events.is_empty());
    /// # });
    /// ```
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Ends the merge, and returns all sources with their keys, including those in commands that
    /// had not taken effect, also if they would have been refused.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::flow;
    ///
    /// let (feeds, events) = flow::merge_keyed();
    /// feeds.insert("a", flow::iter([1])).unwrap();
    /// let sources = events.into_stream().into_parts();
    /// assert_eq!((sources.len(), sources[0].0), (1, "a"));
    /// assert!(feeds.insert("b", flow::iter([2])).is_err());
    /// ```
    pub fn into_parts(mut self) -> Vec<(K, S)>
    where
        S: Unpin,
    {
        self.owned.close(&mut self.commands);
        let mut refused = Vec::new();
        while let Some(command) = self.commands.pop_front() {
            if let Some(KeyedEvent::Refused(key, source)) = self.obey(command) {
                refused.push((key, source));
            }
        }
        let keys: Vec<_> = self.pool.slab.keys().collect();
        let taken = keys.into_iter().filter_map(|key| self.pool.slab.take(key));
        taken.map(|member| (member.tag, member.source)).chain(refused).collect()
    }

    /// Carries out a command. Returns the event to report.
    fn obey(&mut self, command: Command<K, S>) -> Option<Event<K, S>> {
        match command {
            Command::Insert(key, source) => {
                if self.find(&key).is_some() {
                    return Some(KeyedEvent::Refused(key, source));
                }
                self.add(key, source);
                None
            }
            Command::Replace(key, source) => {
                let old = self.find(&key);
                self.add(key.clone(), source);
                self.pool.remove(old?);
                Some(KeyedEvent::Replaced(key))
            }
            Command::Remove(key) => {
                let old = self.find(&key)?;
                self.keys.remove(&key);
                self.pool.remove(old);
                Some(KeyedEvent::Removed(key))
            }
        }
    }

    fn find(&self, key: &K) -> Option<usize> {
        let place = *self.keys.get(key)?;
        (self.pool.slab.get(place)?.tag == *key).then_some(place)
    }

    fn add(&mut self, key: K, source: S) {
        let place = self.pool.insert(source, key.clone());
        self.keys.insert(key, place);
    }

    fn key_at(&self, place: usize) -> K {
        self.pool.slab.get(place).expect("polled just now").tag.clone()
    }
}

/// The sources are pinned in the pool.
impl<K, S> Unpin for KeyedMerge<K, S> {}

impl<K: Ord + Clone, S: Source> Stream for KeyedMerge<K, S> {
    type Item = KeyedEvent<K, S::Item, S>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if this.ended {
            return Poll::Ready(None);
        }
        let mut budget = Budget::new();
        loop {
            if core::mem::take(&mut this.woken) {
                this.pool.slab.poll_own(|cx| this.owned.register(cx.waker()));
                this.owned.take(&mut this.commands);
            }
            while let Some(command) = this.commands.pop_front() {
                if let Some(event) = this.obey(command) {
                    return Poll::Ready(Some(event));
                }
            }
            if this.pool.slab.is_empty() && this.owned.is_abandoned() {
                // The last handle may have pushed commands before it was dropped.
                this.owned.take(&mut this.commands);
                if this.commands.is_empty() {
                    this.ended = true;
                    return Poll::Ready(None);
                }
                continue;
            }
            let aside = this.pool.poll_aside(cx, &mut budget);
            match aside.unwrap_or_else(|| this.pool.poll_item(cx, &mut budget)) {
                Poll::Ready(Got::Item(place, item)) => {
                    return Poll::Ready(Some(KeyedEvent::Item(this.key_at(place), item)));
                }
                Poll::Ready(Got::Ended(place)) => {
                    let key = this.key_at(place);
                    this.keys.remove(&key);
                    this.pool.remove(place);
                    return Poll::Ready(Some(KeyedEvent::Ended(key)));
                }
                Poll::Ready(Got::Own | Got::Empty) => this.woken = true,
                Poll::Pending => return Poll::Pending,
            }
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (0, self.ended.then_some(0))
    }
}

impl<K: Ord + Clone, S: Source> Source for KeyedMerge<K, S> {
    fn poll_progress(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let mut budget = Budget::new();
        // Commands wait until the next event is asked for, because they may lead to events.
        while this.pool.poll_progress(cx, &mut budget) == Poll::Ready(true) {
            this.woken = true;
        }
        if this.ended { Poll::Ready(()) } else { Poll::Pending }
    }
}

impl<K: Ord + Clone, S: Source> FusedStream for KeyedMerge<K, S> {
    fn is_terminated(&self) -> bool {
        self.ended
    }
}

impl<K, S> fmt::Debug for KeyedMerge<K, S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyedMerge").field("len", &self.pool.slab.len()).finish_non_exhaustive()
    }
}
