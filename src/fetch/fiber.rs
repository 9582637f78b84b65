//! Fibers: blocking-style code on a small stack of its own, run as a future on a core.
//!
//! ureq is written as if sockets block. Inside a fiber, [`wait`] parks the stack until a future is ready and the core
//! goes on with its other work; dropping the [`Fiber`] unwinds the stack and so cancels what runs on it.
//!
//! What keeps this sound, beside the `SAFETY` notes below:
//! - a fiber never leaves its thread (`Fiber` is not `Send`);
//! - [`wait`] is never called while panicking, inside a `Drop` that unwinding may run, under a lock, in a `OnceLock`
//!   initialiser or inside `LocalKey::with`: the stack would be parked with the lock held;
//! - nothing is spawned from inside a fiber: `spawn_local` polls its child on the caller's stack;
//! - panics leave through `resume` and are caught outside of it, never inside.
#![allow(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::{Pin, pin};
use std::ptr;
use std::task::{Context, Poll};

use corosensei::stack::{DefaultStack, Stack};
use corosensei::{Coroutine, CoroutineResult, Yielder};

use crate::limits::{FIBER_STACK_BYTES, FIBER_STACKS_KEPT_MAX, FIBER_STACKS_MEASURED_EVERY};

/// The context of the poll that resumed the fiber. Its real lifetime is that one poll.
type ContextPtr = *mut Context<'static>;

/// What [`wait`] needs to know of the fiber that it runs on.
#[derive(Clone, Copy)]
struct Running {
    yielder: *const Yielder<ContextPtr, ()>,
    context: ContextPtr,
}

const OUTSIDE: Running = Running { yielder: ptr::null(), context: ptr::null_mut() };

thread_local! {
    static RUNNING: Cell<Running> = const { Cell::new(OUTSIDE) };
    static SPARE_STACKS: RefCell<Vec<DefaultStack>> = const { RefCell::new(Vec::new()) };
    static COUNT: Cell<usize> = const { Cell::new(0) };
    static STACKS_RETURNED: Cell<u32> = const { Cell::new(0) };
    static STACK_BYTES_MOST: Cell<usize> = const { Cell::new(0) };
}

/// How many fibers of this thread there are.
pub(super) fn count() -> usize {
    COUNT.get()
}

/// The most that code on a fiber of this thread has touched of its stack, in whole pages: of one in
/// [`FIBER_STACKS_MEASURED_EVERY`] stacks that come back. A stack is used again and again, and remembers all of it.
pub(super) fn stack_bytes_most() -> usize {
    STACK_BYTES_MOST.get()
}

/// Code on a stack of its own. Await it for the code's result; drop it to cancel.
pub(crate) struct Fiber<T> {
    /// `None` once the code has returned.
    coroutine: Option<Coroutine<ContextPtr, (), T>>,
    _counted: Counted,
}

impl<T: 'static> Fiber<T> {
    /// Prepares `code` to run when the fiber is first polled.
    ///
    /// # Errors
    ///
    /// When the kernel gives no memory for a stack (too little memory, or `vm.max_map_count` reached).
    pub(crate) fn new(code: impl FnOnce() -> T + 'static) -> std::io::Result<Fiber<T>> {
        let stack = match SPARE_STACKS.with_borrow_mut(Vec::pop) {
            Some(stack) => stack,
            None => DefaultStack::new(FIBER_STACK_BYTES)?,
        };
        let coroutine = Coroutine::with_stack(stack, move |yielder: &Yielder<ContextPtr, ()>, context| {
            RUNNING.set(Running { yielder, context });
            code()
        });
        Ok(Fiber { coroutine: Some(coroutine), _counted: Counted::new() })
    }
}

// Nothing in a `Fiber` is pinned: the stack lives in a mapping of its own and never moves.
impl<T> Unpin for Fiber<T> {}

impl<T> Future for Fiber<T> {
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let Some(coroutine) = self.coroutine.as_mut() else { panic!("a fiber was polled after it returned") };
        assert!(RUNNING.get().yielder.is_null(), "a fiber was polled from inside another one");
        let result = {
            // Also when the code on the fiber panics: `resume` passes the panic on.
            let _outside_again = Defer(|| RUNNING.set(OUTSIDE));
            coroutine.resume(ptr::from_mut(context).cast())
        };
        match result {
            CoroutineResult::Yield(()) => Poll::Pending,
            CoroutineResult::Return(value) => {
                if let Some(finished) = self.coroutine.take() {
                    keep_stack(finished.into_stack());
                }
                Poll::Ready(value)
            }
        }
    }
}

impl<T> Drop for Fiber<T> {
    fn drop(&mut self) {
        // A parked fiber is unwound here, on its own stack. Whatever its destructors do, they must not find the
        // context of an earlier poll.
        let outer = RUNNING.replace(OUTSIDE);
        drop(self.coroutine.take());
        RUNNING.set(outer);
    }
}

/// Parks the fiber that this is called on until `future` is ready, and gives its output.
///
/// # Panics
///
/// Outside a fiber, and while the fiber is being unwound.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let Running { yielder, context } = RUNNING.get();
        assert!(!yielder.is_null(), "wait() was called outside a fiber, or while one was unwound");
        debug_assert!(!std::thread::panicking(), "wait() was called while panicking");
        // SAFETY: `context` is that of the poll which resumed this fiber. That poll is still on the stack below us: it
        // returns only when we suspend, and after each suspension both values are read anew.
        match future.as_mut().poll(unsafe { &mut *context }) {
            Poll::Ready(output) => return output,
            Poll::Pending => {
                // SAFETY: the yielder lives at the base of this very stack for as long as the code on it runs.
                let context = unsafe { (*yielder).suspend(()) };
                RUNNING.set(Running { yielder, context });
            }
        }
    }
}

/// One fiber, as long as it lives.
struct Counted;

impl Counted {
    fn new() -> Counted {
        COUNT.set(COUNT.get() + 1);
        Counted
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        COUNT.set(COUNT.get() - 1);
    }
}

fn keep_stack(stack: DefaultStack) {
    // The first one too, so that there is a figure from the first fetch on.
    let returned = STACKS_RETURNED.get();
    STACKS_RETURNED.set(returned.wrapping_add(1));
    if returned.is_multiple_of(FIBER_STACKS_MEASURED_EVERY) {
        STACK_BYTES_MOST.set(STACK_BYTES_MOST.get().max(touched_bytes(&stack)));
    }
    SPARE_STACKS.with_borrow_mut(|spare| {
        if spare.len() < FIBER_STACKS_KEPT_MAX {
            spare.push(stack);
        }
    });
}

/// How deep a stack was ever used, in whole pages; 0 where the kernel does not tell. A page that was swapped out since is
/// not seen.
fn touched_bytes(stack: &DefaultStack) -> usize {
    // SAFETY: it has no preconditions.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) }).unwrap_or(0);
    // One byte a page; the smallest that Linux has are of 4 KiB.
    let mut pages = [0_u8; FIBER_STACK_BYTES / 4096];
    if page < 4096 || !FIBER_STACK_BYTES.is_multiple_of(page) {
        return 0;
    }
    let lowest = stack.base().get() - FIBER_STACK_BYTES;
    // SAFETY: the stack has that much below its base, above its guard page, and is ours alone: its mapping lives as long as
    // the reference. `mincore` only looks at it, and writes one byte a page, for which `pages` has the room.
    let told = unsafe { libc::mincore(lowest as *mut libc::c_void, FIBER_STACK_BYTES, pages.as_mut_ptr()) };
    // Stacks grow downwards: the lowest page that is resident is the deepest that was touched.
    let untouched = pages[..FIBER_STACK_BYTES / page].iter().take_while(|resident| **resident & 1 == 0).count();
    if told == 0 { FIBER_STACK_BYTES - untouched * page } else { 0 }
}

/// Runs its closure when it goes out of scope.
struct Defer<F: FnMut()>(F);

impl<F: FnMut()> Drop for Defer<F> {
    fn drop(&mut self) {
        (self.0)();
    }
}

#[cfg(test)]
mod tests {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    use std::rc::Rc;

    use futures_lite::future::{block_on, poll_once, yield_now};

    use super::*;

    #[test]
    fn returns_what_its_code_returns() {
        let fiber = Fiber::new(|| {
            let mut sum = 0;
            for i in 0..100 {
                sum += wait(async move {
                    yield_now().await;
                    i
                });
            }
            sum
        });
        assert_eq!(block_on(fiber.unwrap()), 4950);
    }

    #[test]
    fn dropping_a_parked_fiber_runs_the_destructors_on_its_stack() {
        let held = Rc::new(());
        let inside = held.clone();
        let mut fiber = Fiber::new(move || {
            let _inside = inside;
            wait(std::future::pending::<()>());
        })
        .unwrap();
        assert!(block_on(poll_once(&mut fiber)).is_none());
        assert_eq!(Rc::strong_count(&held), 2);
        drop(fiber);
        assert_eq!(Rc::strong_count(&held), 1);
    }

    #[test]
    fn a_panic_inside_leaves_through_the_poll_and_the_thread_goes_on() {
        let fiber = Fiber::new(|| {
            wait(yield_now());
            std::panic::resume_unwind(Box::new("inside"));
        })
        .unwrap();
        let caught = catch_unwind(AssertUnwindSafe(|| block_on(fiber))).unwrap_err();
        assert_eq!(caught.downcast_ref::<&str>(), Some(&"inside"));
        assert_eq!(block_on(Fiber::new(|| wait(async { 7 })).unwrap()), 7);
    }

    #[test]
    fn waiting_outside_a_fiber_is_refused() {
        let caught = catch_unwind(|| wait(async {})).unwrap_err();
        let message = caught.downcast_ref::<&str>().unwrap();
        assert!(message.contains("outside a fiber"), "{message}");
    }

    #[test]
    fn fibers_are_counted_as_long_as_they_live() {
        assert_eq!(count(), 0);
        let mut parked = Fiber::new(|| wait(std::future::pending::<()>())).unwrap();
        assert!(block_on(poll_once(&mut parked)).is_none());
        let returned = Fiber::new(|| ()).unwrap();
        assert_eq!(count(), 2);
        block_on(returned);
        drop(parked);
        assert_eq!(count(), 0);
    }

    #[test]
    fn how_deep_a_stack_was_used_is_seen_on_it_afterwards() {
        fn descend(left_bytes: usize) -> u64 {
            let frame = std::hint::black_box([1_u8; 4096]);
            let below = if left_bytes > frame.len() { descend(left_bytes - frame.len()) } else { 0 };
            below + u64::from(std::hint::black_box(frame)[7])
        }
        let depths = [4, 20, 48].map(|kib: usize| {
            block_on(Fiber::new(move || descend(kib << 10)).unwrap());
            let stack = SPARE_STACKS.with_borrow_mut(Vec::pop).unwrap();
            touched_bytes(&stack)
        });
        for (depth, kib) in depths.into_iter().zip([4, 20, 48]) {
            assert!(depth >= kib << 10 && depth < FIBER_STACK_BYTES, "{depths:?}");
        }
        assert!(depths.is_sorted_by(|a, b| a < b), "{depths:?}");
        // Only the first of them was looked at.
        assert_eq!(stack_bytes_most(), depths[0]);
        for _ in 3..=FIBER_STACKS_MEASURED_EVERY {
            block_on(Fiber::new(|| descend(32 << 10)).unwrap());
        }
        assert!(stack_bytes_most() > depths[0], "its turn has come again");
    }

    #[test]
    fn thousands_can_be_parked_at_once() {
        let mut fibers: Vec<_> = (0..2_000)
            .map(|i| {
                Fiber::new(move || {
                    wait(async move {
                        yield_now().await;
                        i
                    })
                })
                .unwrap()
            })
            .collect();
        for fiber in &mut fibers {
            assert!(block_on(poll_once(fiber)).is_none());
        }
        let sum: usize = fibers.into_iter().map(block_on).sum();
        assert_eq!(sum, 1_999 * 2_000 / 2);
    }
}
