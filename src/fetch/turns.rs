//! One connection a host at a time on a core, and a pause behind it, wherever the request came from: a feed's own URL, its
//! `effective_url`, a redirect of another feed. What follows within one chain of redirects is one request's matter and needs no
//! pause.
//!
//! A hop has one turn and waits for none while it has it, so no circle of hosts can stop. Nobody waits for long either: after
//! [`TURN_WAIT_MAX`], or half of what is left of its budget, a hop goes on without. Feeds of other cores that are led to the
//! same host are not seen here: what is promised is one connection a core.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use futures_channel::oneshot;

use crate::clock::Clock;
use crate::executor::sleep;
use crate::limits::TURN_WAIT_MAX;

/// From so many on, those that have rested are forgotten.
const RESTS_LOOKED_OVER: usize = 256;

#[derive(Debug, Default)]
pub(crate) struct Turns {
    /// Kept from the end of one turn to the next.
    pause: Duration,
    /// The hosts that are being asked, each with those that wait for it.
    lines: RefCell<HashMap<String, VecDeque<oneshot::Sender<Turn>>>>,
    /// Until when those rest that were asked a moment ago.
    rests: RefCell<HashMap<String, Instant>>,
}

/// The right to a connection; it goes to the next one in line when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Rc<Turns>,
    /// Empty once the turn was handed on.
    host: String,
}

impl Turns {
    pub(crate) fn new(pause: Duration) -> Turns {
        Turns { pause, ..Turns::default() }
    }

    /// Waits for the turn of `host`, and for the end of its rest unless `is_next`: the one before was ours. `None` when the turn
    /// did not come in time.
    pub(crate) async fn take(self: &Rc<Self>, host: String, left: Duration, is_next: bool) -> Option<Turn> {
        let deadline = Clock::monotonic() + TURN_WAIT_MAX.min(left / 2);
        let turn = self.wait(host, deadline).await?;
        let rest = self.rests.borrow().get(&turn.host).copied();
        if let Some(until) = rest.filter(|_| !is_next) {
            sleep(until.min(deadline).saturating_duration_since(Clock::monotonic())).await;
        }
        Some(turn)
    }

    async fn wait(self: &Rc<Self>, host: String, deadline: Instant) -> Option<Turn> {
        let waiting = {
            let mut hosts = self.lines.borrow_mut();
            match hosts.get_mut(&host) {
                None => {
                    hosts.insert(host.clone(), VecDeque::new());
                    return Some(Turn { turns: self.clone(), host });
                }
                Some(line) => {
                    line.retain(|waiting| !waiting.is_canceled());
                    let (next, waiting) = oneshot::channel();
                    line.push_back(next);
                    waiting
                }
            }
        };
        let turn = async { waiting.await.ok() };
        let timer = async {
            sleep(deadline.saturating_duration_since(Clock::monotonic())).await;
            None
        };
        futures_lite::future::or(turn, timer).await
    }

    fn rest(&self, host: &str) {
        if self.pause.is_zero() {
            return;
        }
        let now = Clock::monotonic();
        let mut rests = self.rests.borrow_mut();
        if rests.len() >= RESTS_LOOKED_OVER {
            rests.retain(|_, until| *until > now);
        }
        rests.insert(host.to_owned(), now + self.pause);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let host = std::mem::take(&mut self.host);
        if host.is_empty() {
            return;
        }
        self.turns.rest(&host);
        loop {
            // Not borrowed while a turn is sent: one that nobody takes is dropped on the spot.
            let next = match self.turns.lines.borrow_mut().get_mut(&host) {
                Some(line) => line.pop_front(),
                None => return,
            };
            let Some(next) = next else {
                self.turns.lines.borrow_mut().remove(&host);
                return;
            };
            match next.send(Turn { turns: self.turns.clone(), host: host.clone() }) {
                Ok(()) => return,
                Err(mut refused) => refused.host.clear(),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::poll_once;
    use glommio::{LocalExecutorBuilder, Placement};

    use super::*;

    const LONG: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_host_has_one_turn_at_a_time_and_hands_it_on_in_order() {
        let core = LocalExecutorBuilder::new(Placement::Unbound).io_memory(64 << 10).make().unwrap();
        core.run(async {
            let turns = Rc::new(Turns::default());
            let take = |host: &str| {
                Box::pin({
                    let (turns, host) = (turns.clone(), host.to_owned());
                    async move { turns.take(host, LONG, false).await }
                })
            };
            let first = take("a").await;
            assert!(first.is_some() && poll_once(take("b")).await.is_some(), "hosts do not wait for each other");
            let (mut second, mut gone, mut third) = (take("a"), take("a"), take("a"));
            assert!(poll_once(&mut second).await.is_none());
            assert!(poll_once(&mut gone).await.is_none());
            assert!(poll_once(&mut third).await.is_none());
            drop(gone);
            drop(first);
            assert!(poll_once(&mut third).await.is_none(), "in order");
            // A turn that was handed over and never taken up goes on, too.
            drop(second);
            let third = poll_once(&mut third).await.flatten();
            assert!(third.is_some());
            assert!(turns.take("a".into(), Duration::ZERO, false).await.is_none(), "nobody waits for long");
            drop(third);
            assert!(turns.lines.borrow().is_empty(), "{turns:?}");
        });
    }

    #[test]
    fn a_host_rests_behind_a_turn_but_not_within_a_chain() {
        const PAUSE: Duration = Duration::from_millis(200);
        let core = LocalExecutorBuilder::new(Placement::Unbound).io_memory(64 << 10).make().unwrap();
        core.run(async {
            let turns = Rc::new(Turns::new(PAUSE));
            let take = |host: &str, is_next| {
                Box::pin({
                    let (turns, host) = (turns.clone(), host.to_owned());
                    async move { turns.take(host, LONG, is_next).await }
                })
            };
            drop(take("a", false).await);
            let ended = Clock::monotonic();
            assert!(poll_once(take("a", true)).await.flatten().is_some(), "a chain goes on");
            assert!(poll_once(take("b", false)).await.flatten().is_some(), "another host is another matter");
            assert!(poll_once(take("a", false)).await.is_none());
            assert!(take("a", false).await.is_some());
            assert!(Clock::monotonic() >= ended + PAUSE);
            for n in 0..2 * RESTS_LOOKED_OVER {
                turns.rests.borrow_mut().insert(n.to_string(), ended);
            }
            drop(take("c", false).await);
            assert!(turns.rests.borrow().len() <= 3, "{}", turns.rests.borrow().len());
        });
    }
}
