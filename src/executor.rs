//! What keeps a glommio executor from sleeping over its own work.
//!
//! glommio-ng 0.12.0 (like glommio 0.9.0) does so: if there is a completion in its latency ring when it wants to run its
//! queues, `run_task_queues` returns as if there had been nothing to run; if that completion was nobody's but its own
//! preemption timer, it parks with tasks ready to run, until the next completion. All it takes is that the kernel gives
//! the CPU to others, between arming that timer and looking at it, for as long as the timer runs. With a timer of 2 ms
//! on a busy machine that was seen once in some ten thousand wakes.
//!
//! Two things together make it harmless. The preemption timer is long, so that it hardly ever expires there; whoever
//! could run for ever takes a [`nap`] from time to time instead of asking `need_preempt`. And [`Ticks`] are the next
//! completion.

use std::time::Duration;

use glommio::Task;

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
            glommio::timer::sleep(TICK_INTERVAL / TICKS * index).await;
            loop {
                glommio::timer::sleep(TICK_INTERVAL).await;
            }
        };
        Ticks { _tasks: (0..TICKS).map(|index| glommio::spawn_local(tick(index))).collect() }
    }
}

/// Lets every other task that is ready run, and the executor look for what has completed.
///
/// A yield alone would keep the task in the queue, and while a queue has tasks nothing is looked for until the
/// preemption timer expires.
pub(crate) async fn nap() {
    glommio::timer::sleep(NAP).await;
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::rc::Rc;
    use std::sync::mpsc;
    use std::thread;

    use glommio::{LocalExecutorBuilder, Placement};

    use super::*;

    /// With a preemption timer that never expires only an empty queue lets a timer through.
    #[test]
    fn a_task_that_naps_lets_timers_through() {
        let (done, is_done) = mpsc::channel();
        thread::spawn(move || {
            let executor = LocalExecutorBuilder::new(Placement::Unbound)
                .io_memory(64 << 10)
                .preempt_timer(Duration::from_secs(24 * 3600))
                .make()
                .unwrap();
            executor.run(async {
                let stop = Rc::new(Cell::new(false));
                let timer = glommio::spawn_local({
                    let stop = Rc::clone(&stop);
                    async move {
                        glommio::timer::sleep(Duration::from_millis(1)).await;
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
