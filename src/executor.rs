//! Executors: how one is started, and what keeps it from sleeping over its own work.
//!
//! glommio-ng 0.12.0 (like glommio 0.9.0) does so: if there is a completion in its latency ring when it wants to run its
//! queues, `run_task_queues` returns as if there had been nothing to run; if that completion was nobody's but its own
//! preemption timer, it parks with tasks ready to run, until the next completion. All it takes is that the kernel gives
//! the CPU to others, between arming that timer and looking at it, for as long as the timer runs. With a timer of 2 ms
//! on a busy machine that was seen once in some ten thousand wakes.
//!
//! Three things together make it harmless. The preemption timer is long, so that it hardly ever expires there; whoever
//! could run for ever takes a [`nap`] from time to time instead of asking `need_preempt`. [`Ticks`] are the next
//! completion. And an executor that sleeps over its very first task, before it could tick, is left behind by [`start`],
//! which tries again with another.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crossbeam_channel::bounded;
use glommio::timer::Timer;
use glommio::{LocalExecutor, LocalExecutorBuilder, Placement, Task};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::{Pid, gettid};

use crate::clock::Clock;
use crate::limits::{EXECUTOR_START_TIMEOUT, EXECUTOR_STARTS_MAX, IO_MEMORY_BYTES, PREEMPT_MS};
use crate::machine::{self, Lack};

/// Starts an executor on a thread of its own, which ends when the future that `main` gives does. Signals are blocked on it.
///
/// Gives the thread once the executor runs.
///
/// # Errors
///
/// io_uring is refused, too little memory may be locked, no thread is to be had.
pub(crate) fn start<F, M>(name: &str, placement: Placement, main: M) -> Result<JoinHandle<()>, Lack>
where
    F: Future<Output = ()>,
    M: FnOnce() -> F + Send + 'static,
{
    // Whichever executor runs first takes it out.
    let main = Arc::new(Mutex::new(Some(main)));
    // One for all tries: whichever of them it is that runs in the end is heard.
    let (up, is_up) = bounded(EXECUTOR_STARTS_MAX as usize);
    let mut threads = Vec::new();
    for index in 0..EXECUTOR_STARTS_MAX as usize {
        let (main, placement, executor_name, up) = (main.clone(), placement.clone(), name.to_owned(), up.clone());
        let on_thread = move || {
            machine::block_signals();
            let placement = pinned(&executor_name, placement);
            let made = has_room_for_a_thread(&executor_name).and_then(|()| Ok(make(&executor_name, placement)?));
            let executor = match made {
                Ok(executor) => executor,
                Err(lack) => {
                    let _ = up.send(Err(lack));
                    return;
                }
            };
            executor.run(async move {
                let _ticks = Ticks::start();
                // Nothing panics while it is locked.
                let main = main.lock().unwrap_or_else(PoisonError::into_inner).take();
                // One that was left behind and woke up late finds nothing to do.
                let Some(main) = main else { return };
                let _ = up.send(Ok(index));
                main().await;
            });
        };
        let thread = thread::Builder::new().name(name.to_owned()).spawn(on_thread);
        let thread = thread.map_err(|error| Lack::of_thread(name, &error))?;
        threads.push(thread);
        match is_up.recv_timeout(EXECUTOR_START_TIMEOUT) {
            Ok(Ok(index)) => return Ok(threads.swap_remove(index)),
            Ok(Err(lack)) => return Err(lack),
            Err(_) => log::warn!("{name} slept over its start; trying again"),
        }
    }
    let sentence = format!("{name} did not start in {EXECUTOR_STARTS_MAX} tries; is the machine overloaded?");
    Err(Lack { sentence, is_passing: true })
}

/// glommio starts a thread of its own for each executor, and panics where it cannot.
fn has_room_for_a_thread(name: &str) -> Result<(), Lack> {
    let tried = thread::Builder::new().name(name.to_owned()).spawn(gettid);
    let tried = tried.map_err(|error| Lack::of_thread(name, &error))?;
    // The kernel counts a thread for a moment longer than others wait for it: glommio's would be one too many.
    if let Ok(tried) = tried.join() {
        let (entry, deadline) = (format!("/proc/self/task/{tried}"), Clock::monotonic() + LEAVES_WITHIN);
        while Path::new(&entry).exists() && Clock::monotonic() < deadline {
            thread::yield_now();
        }
    }
    Ok(())
}

/// Pins the calling thread here and leaves nothing of it to glommio, which looks the CPU up in /sys and panics where that
/// cannot be read. A CPU that was taken away since it was chosen is no reason not to run.
fn pinned(name: &str, placement: Placement) -> Placement {
    let Placement::Fixed(cpu) = placement else { return placement };
    let mut set = CpuSet::new();
    if let Err(error) = set.set(cpu).and_then(|()| sched_setaffinity(Pid::from_raw(0), &set)) {
        log::warn!("cannot pin {name} to CPU {cpu}: {error}; it runs wherever the kernel lets it");
    }
    Placement::Unbound
}

/// Makes an executor on the calling thread.
///
/// # Errors
///
/// A sentence with the remedy.
pub(crate) fn make(name: &str, placement: Placement) -> Result<LocalExecutor, String> {
    LocalExecutorBuilder::new(placement)
        .name(name)
        .io_memory(IO_MEMORY_BYTES)
        .preempt_timer(Duration::from_millis(PREEMPT_MS))
        .make()
        .map_err(|error| format!("cannot start the executor {name}: {error}"))
}

/// For a thread that has ended to be gone from the kernel's books.
const LEAVES_WITHIN: Duration = Duration::from_millis(100);

/// Ticks of one executor, out of step: if one is slept over too, the next is not.
const TICKS: u32 = 4;

/// Of each tick; between them they come four times as often.
const TICK_INTERVAL: Duration = Duration::from_millis(200);

/// Short beside the work between two naps. Not as short as can be: a timer that has expired when it is first looked at is
/// no nap at all.
const NAP: Duration = Duration::from_micros(50);

/// Timers that wake this thread's executor a few times a second. They end when they are dropped.
#[must_use = "the ticks end when they are dropped"]
pub(crate) struct Ticks {
    _tasks: Vec<Task<()>>,
}

impl Ticks {
    /// # Panics
    ///
    /// Where no executor runs.
    pub(crate) fn start() -> Ticks {
        let tick = |index: u32| async move {
            sleep(TICK_INTERVAL / TICKS * index).await;
            loop {
                sleep(TICK_INTERVAL).await;
            }
        };
        Ticks { _tasks: (0..TICKS).map(|index| glommio::spawn_local(tick(index))).collect() }
    }
}

/// Waits.
///
/// glommio-ng 0.12.0 registers its timer anew each time that it is polled, and forgets all but the last one when it is
/// dropped: raced against a busy future it would leave thousands behind. This one takes the old one back first. (It
/// cannot trust the old one and leave it: glommio may fire a timer a moment early, and then expects to be asked again.)
pub(crate) fn sleep(duration: Duration) -> Sleep {
    Sleep { timer: Timer::new(duration), at: Clock::of_timers() + duration, is_registered: false }
}

/// See [`sleep`].
#[derive(Debug)]
pub(crate) struct Sleep {
    timer: Timer,
    at: Instant,
    is_registered: bool,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if self.is_registered {
            let left = self.at.saturating_duration_since(Clock::of_timers());
            self.timer.reset(left);
        }
        self.is_registered = true;
        Pin::new(&mut self.timer).poll(context).map(|_| ())
    }
}

/// Lets every other task that is ready run, and the executor look for what has completed.
///
/// A yield alone would keep the task in the queue, and while a queue has tasks nothing is looked for until the
/// preemption timer expires.
pub(crate) async fn nap() {
    sleep(NAP).await;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn a_started_executor_runs_what_it_is_given_and_ends_with_it() {
        let (done, is_done) = mpsc::channel();
        let main = move || async move {
            nap().await;
            done.send(thread::current().name().map(str::to_owned)).unwrap();
        };
        let thread = start("started", Placement::Unbound, main).unwrap();
        assert_eq!(is_done.recv().unwrap().as_deref(), Some("started"));
        thread.join().unwrap();
    }

    /// Beyond 256 timers glommio rounds them to milliseconds and fires some of them early.
    #[test]
    fn every_one_of_many_sleeps_ends_beside_a_busy_task() {
        let (done, is_done) = mpsc::channel();
        let main = move || async move {
            let ended = Rc::new(Cell::new(0));
            for n in 0..1_000 {
                let ended = ended.clone();
                let sleeping = async move {
                    let busy = async {
                        for _ in 0..n % 7 {
                            nap().await;
                        }
                        std::future::pending::<()>().await;
                    };
                    futures_lite::future::or(sleep(Duration::from_micros(600 + n)), busy).await;
                    ended.set(ended.get() + 1);
                };
                glommio::spawn_local(sleeping).detach();
            }
            while ended.get() < 1_000 {
                nap().await;
            }
            done.send(()).unwrap();
        };
        start("sleeps", Placement::Unbound, main).unwrap();
        is_done.recv_timeout(Duration::from_secs(30)).unwrap();
    }

    /// With a preemption timer that never expires only an empty queue lets a timer through.
    #[test]
    fn a_task_that_naps_lets_timers_through() {
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let executor = LocalExecutorBuilder::new(Placement::Unbound)
                .io_memory(IO_MEMORY_BYTES)
                .preempt_timer(Duration::from_secs(24 * 3600))
                .make()
                .unwrap();
            executor.run(async {
                let stop = Rc::new(Cell::new(false));
                let timer = glommio::spawn_local({
                    let stop = Rc::clone(&stop);
                    async move {
                        sleep(Duration::from_millis(1)).await;
                        stop.set(true);
                    }
                });
                while !stop.get() {
                    nap().await;
                }
                timer.await;
            });
            done.send(()).unwrap();
        });
        is_done.recv_timeout(Duration::from_secs(30)).unwrap();
    }
}
