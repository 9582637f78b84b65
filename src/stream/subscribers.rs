//! Who waits for the stream to move, and how many streams there are.
//!
//! Level-triggered: a wake-up only says "look again". A client takes a [`Mark`] before it looks, and waits for anything
//! after that mark, so what is published between its look and its wait wakes it too.
//!
//! All of one thread. A waiter that is dropped leaves the list at once, or with the wake-up that is under way; waking costs one call a waiter and nothing else.

use std::cell::RefCell;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use crate::limits::AUDIENCE_GONE_AFTER;

/// The tasks that wait for the next publication.
#[derive(Clone, Debug, Default)]
pub(crate) struct WakeList(Rc<RefCell<Waiters>>);

#[derive(Debug, Default)]
struct Waiters {
    publications: u64,
    /// A waiter keeps its slot until it is dropped; the slot is empty once it was woken.
    slots: Vec<Option<Waker>>,
    free: Vec<usize>,
    /// To be woken for the last publication.
    awaking: Vec<Waker>,
}

/// What had been published when a client looked.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mark(u64);

impl WakeList {
    pub(crate) fn mark(&self) -> Mark {
        Mark(self.0.borrow().publications)
    }

    /// Resolves at the first publication after the mark.
    pub(crate) fn wait(&self, mark: Mark) -> Woken {
        Woken { list: self.clone(), mark, slot: None }
    }

    /// Wakes everybody.
    pub(crate) fn publish(&self) {
        self.announce();
        while self.wake_some(usize::MAX) {}
    }

    /// There is something new: who looks from now on sees it, and who waits is to be woken, by [`WakeList::wake_some`].
    pub(crate) fn announce(&self) {
        let Waiters { publications, slots, awaking, .. } = &mut *self.0.borrow_mut();
        *publications += 1;
        awaking.extend(slots.iter_mut().filter_map(Option::take));
    }

    /// Wakes as many of them, so that others get their turn between. Gives whether there are more.
    pub(crate) fn wake_some(&self, count: usize) -> bool {
        for _ in 0..count {
            // Not while the list is borrowed: a waker may drop its task, and with it a waiter.
            let waker = self.0.borrow_mut().awaking.pop();
            match waker {
                Some(waker) => waker.wake(),
                None => return false,
            }
        }
        !self.0.borrow().awaking.is_empty()
    }

    /// Waiters, woken ones that have not run yet included.
    #[cfg(test)]
    pub(crate) fn waiting(&self) -> usize {
        let waiters = self.0.borrow();
        waiters.slots.len() - waiters.free.len()
    }
}

/// A wait for the next publication.
#[derive(Debug)]
#[must_use = "it waits only when it is awaited"]
pub(crate) struct Woken {
    list: WakeList,
    mark: Mark,
    slot: Option<usize>,
}

impl Future for Woken {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let list = self.list.clone();
        let waiters = &mut *list.0.borrow_mut();
        if waiters.publications != self.mark.0 {
            return Poll::Ready(());
        }
        let slot = *self.slot.get_or_insert_with(|| {
            waiters.free.pop().unwrap_or_else(|| {
                waiters.slots.push(None);
                waiters.slots.len() - 1
            })
        });
        match &mut waiters.slots[slot] {
            Some(waker) => waker.clone_from(context.waker()),
            empty => *empty = Some(context.waker().clone()),
        }
        Poll::Pending
    }
}

impl Drop for Woken {
    fn drop(&mut self) {
        let Some(slot) = self.slot else { return };
        let waiters = &mut *self.list.0.borrow_mut();
        waiters.free.push(slot);
        let waker = waiters.slots[slot].take();
        // Ten thousand that have left take no room.
        if waiters.free.len() == waiters.slots.len() {
            waiters.slots = Vec::new();
            waiters.free = Vec::new();
        }
        drop(waker);
    }
}

/// Seats for streams, of which there are so many.
#[derive(Clone, Debug)]
pub(crate) struct Seats {
    seated: Rc<RefCell<Seated>>,
    max: usize,
}

#[derive(Debug, Default)]
struct Seated {
    /// Up to which `seq` each stream was given everything; `None` where that is not known, and in a seat that is free.
    places: Vec<Option<i64>>,
    free: Vec<usize>,
    /// Since the start.
    given: u64,
}

/// How far streams are behind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Lag {
    /// So many have not been given everything.
    pub(crate) streams: usize,
    /// That of the one that lacks most.
    pub(crate) articles_most: u64,
}

impl Seats {
    pub(crate) fn new(max: usize) -> Seats {
        Seats { seated: Rc::default(), max }
    }

    /// A seat until it is dropped; `None` when there is none left.
    pub(crate) fn take(&self) -> Option<Seat> {
        (self.taken() < self.max).then(|| {
            let Seated { places, free, given } = &mut *self.seated.borrow_mut();
            *given += 1;
            let index = free.pop().unwrap_or_else(|| {
                places.push(None);
                places.len() - 1
            });
            Seat { seated: self.seated.clone(), index }
        })
    }

    pub(crate) fn taken(&self) -> usize {
        let seated = self.seated.borrow();
        seated.places.len() - seated.free.len()
    }

    /// How far they are behind `last`, by one look at each.
    pub(crate) fn lag(&self, last: i64) -> Lag {
        let seated = self.seated.borrow();
        let behind =
            seated.places.iter().flatten().map(|place| last.saturating_sub(*place)).filter(|behind| *behind > 0);
        behind.fold(Lag::default(), |lag, behind| Lag {
            streams: lag.streams + 1,
            articles_most: lag.articles_most.max(behind.unsigned_abs()),
        })
    }
}

/// Whether anybody follows the stream. A long poll leaves its seat with each answer, and is back soon.
#[derive(Debug, Default)]
pub(crate) struct Audience {
    given: u64,
    seen_at: Option<Instant>,
}

impl Audience {
    /// Somebody has a seat, or had one of late.
    pub(crate) fn is_there(&mut self, seats: &Seats, now: Instant) -> bool {
        let given = seats.seated.borrow().given;
        if seats.taken() > 0 || given != self.given {
            (self.given, self.seen_at) = (given, Some(now));
        }
        self.seen_at.is_some_and(|at| now < at + AUDIENCE_GONE_AFTER)
    }
}

/// One stream, as long as it lives.
#[derive(Debug)]
#[must_use = "the seat is free again when it is dropped"]
pub(crate) struct Seat {
    seated: Rc<RefCell<Seated>>,
    index: usize,
}

impl Seat {
    /// Its stream was given everything up to this `seq`.
    pub(crate) fn reach(&self, seq: i64) {
        self.seated.borrow_mut().places[self.index] = Some(seq);
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let Seated { places, free, .. } = &mut *self.seated.borrow_mut();
        places[self.index] = None;
        free.push(self.index);
        // Ten thousand that have left take no room.
        if free.len() == places.len() {
            (*places, *free) = (Vec::new(), Vec::new());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::Wake;

    use super::*;
    use crate::clock::Clock;

    #[test]
    fn an_audience_is_there_for_a_while_after_it_left() {
        let (seats, mut audience, start) = (Seats::new(1), Audience::default(), Clock::monotonic());
        assert!(!audience.is_there(&seats, start));
        let seat = seats.take();
        assert!(audience.is_there(&seats, start));
        assert!(audience.is_there(&seats, start + 10 * AUDIENCE_GONE_AFTER));
        drop(seat);
        let left = start + 10 * AUDIENCE_GONE_AFTER;
        assert!(audience.is_there(&seats, left + AUDIENCE_GONE_AFTER / 2));
        assert!(!audience.is_there(&seats, left + AUDIENCE_GONE_AFTER));
        // It came and went between two looks.
        drop(seats.take());
        assert!(audience.is_there(&seats, left + 2 * AUDIENCE_GONE_AFTER));
    }

    #[derive(Default)]
    struct Count(AtomicUsize);

    impl Wake for Count {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn look(woken: &mut Woken, count: &Arc<Count>) -> bool {
        let waker = count.clone().into();
        Pin::new(woken).poll(&mut Context::from_waker(&waker)).is_ready()
    }

    #[test]
    fn thousands_are_woken_a_few_at_a_time() {
        let (list, count) = (WakeList::default(), Arc::new(Count::default()));
        let mut waiting: Vec<Woken> = (0..5).map(|_| list.wait(list.mark())).collect();
        assert!(!waiting.iter_mut().any(|woken| look(woken, &count)));
        list.announce();
        // Who comes by now does not wait, though nobody has been woken.
        assert!(look(&mut list.wait(Mark(0)), &count));
        for (woken, more) in [(2, true), (4, true), (5, false)] {
            assert_eq!(list.wake_some(2), more);
            assert_eq!(count.0.load(Ordering::Relaxed), woken);
        }
        assert!(waiting.iter_mut().all(|woken| look(woken, &count)));
    }

    #[test]
    fn everybody_is_woken_once_and_leaves() {
        let (list, count) = (WakeList::default(), Arc::new(Count::default()));
        let mut waiting: Vec<Woken> = (0..10_000).map(|_| list.wait(list.mark())).collect();
        assert!(!waiting.iter_mut().any(|woken| look(woken, &count)));
        // A second look registers nobody twice.
        assert!(!waiting.iter_mut().any(|woken| look(woken, &count)));
        assert_eq!(list.waiting(), 10_000);
        waiting.truncate(9_000);
        assert_eq!(list.waiting(), 9_000);
        list.publish();
        list.publish();
        assert_eq!(count.0.load(Ordering::Relaxed), 9_000);
        assert!(waiting.iter_mut().all(|woken| look(woken, &count)));
        drop(waiting);
        assert_eq!((list.waiting(), list.0.borrow().slots.capacity()), (0, 0));
    }

    #[test]
    fn what_is_published_between_look_and_wait_is_not_lost() {
        let (list, count) = (WakeList::default(), Arc::new(Count::default()));
        let mark = list.mark();
        list.publish();
        assert!(look(&mut list.wait(mark), &count));
        assert!(!look(&mut list.wait(list.mark()), &count));
    }

    #[test]
    fn a_slot_goes_to_one_waiter_at_a_time() {
        let (list, count) = (WakeList::default(), Arc::new(Count::default()));
        let mut kept = list.wait(list.mark());
        assert!(!look(&mut kept, &count));
        for _ in 0..100 {
            let mut left = list.wait(list.mark());
            assert!(!look(&mut left, &count));
        }
        assert_eq!((list.waiting(), list.0.borrow().slots.len()), (1, 2));
        list.publish();
        assert_eq!(count.0.load(Ordering::Relaxed), 1);
    }

    /// A task that is dropped by its own wake-up, as on an executor that is ending.
    #[test]
    fn a_waker_may_drop_a_waiter() {
        struct Dropping(std::sync::Mutex<Option<send_wrapper::SendWrapper<Woken>>>);
        impl Wake for Dropping {
            fn wake(self: Arc<Self>) {
                self.0.lock().unwrap().take();
            }
        }
        let list = WakeList::default();
        let dropping = Arc::new(Dropping(std::sync::Mutex::default()));
        let mut woken = list.wait(list.mark());
        let waker = dropping.clone().into();
        assert!(Pin::new(&mut woken).poll(&mut Context::from_waker(&waker)).is_pending());
        *dropping.0.lock().unwrap() = Some(send_wrapper::SendWrapper::new(woken));
        list.publish();
        assert_eq!(list.waiting(), 0);
    }

    #[test]
    fn places_are_counted_and_given_back() {
        let seats = Seats::new(2);
        let (first, second) = (seats.take(), seats.take());
        assert!(first.is_some() && second.is_some() && seats.take().is_none());
        drop(first);
        assert_eq!(seats.taken(), 1);
        assert!(seats.take().is_some());
    }

    #[test]
    fn the_slowest_stream_counts_and_only_as_long_as_it_is_there() {
        let seats = Seats::new(9);
        let streams: Vec<Seat> = std::iter::from_fn(|| seats.take()).take(4).collect();
        assert_eq!(seats.lag(100), Lag::default(), "where they are is not known yet");
        for (stream, place) in streams.iter().zip([100, 93, 40, 101]) {
            stream.reach(place);
        }
        assert_eq!(seats.lag(100), Lag { streams: 2, articles_most: 60 });
        streams[2].reach(100);
        assert_eq!(seats.lag(100), Lag { streams: 1, articles_most: 7 });
        drop(streams);
        let _next = seats.take();
        assert_eq!((seats.lag(100), seats.taken()), (Lag::default(), 1), "nobody inherits a place");
    }
}
