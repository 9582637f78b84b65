//! One connection a host at a time on a core, wherever the request came from: a feed's own URL, its `effective_url`, a
//! redirect of another feed.
//!
//! A hop has one turn and waits for none while it has it, so no circle of hosts can stop. Nobody waits for long either: after
//! [`TURN_WAIT_MAX`], or half of what is left of its budget, a hop goes on without. Feeds of other cores that are led to the
//! same host are not seen here: what is promised is one connection a core.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use futures_channel::oneshot;

use crate::executor::sleep;
use crate::limits::TURN_WAIT_MAX;

/// The hosts that are being asked, each with those that wait for it.
#[derive(Debug, Default)]
pub(crate) struct Turns(RefCell<HashMap<String, VecDeque<oneshot::Sender<Turn>>>>);

/// The right to a connection; it goes to the next one in line when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn {
    turns: Rc<Turns>,
    /// Empty once the turn was handed on.
    host: String,
}

impl Turns {
    /// Waits for the turn of `host`; `None` when it did not come in time.
    pub(crate) async fn take(self: &Rc<Self>, host: String, left: Duration) -> Option<Turn> {
        let waiting = {
            let mut hosts = self.0.borrow_mut();
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
            sleep(TURN_WAIT_MAX.min(left / 2)).await;
            None
        };
        futures_lite::future::or(turn, timer).await
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let host = std::mem::take(&mut self.host);
        if host.is_empty() {
            return;
        }
        loop {
            // Not borrowed while a turn is sent: one that nobody takes is dropped on the spot.
            let next = match self.turns.0.borrow_mut().get_mut(&host) {
                Some(line) => line.pop_front(),
                None => return,
            };
            let Some(next) = next else {
                self.turns.0.borrow_mut().remove(&host);
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
                    async move { turns.take(host, LONG).await }
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
            assert!(turns.take("a".into(), Duration::ZERO).await.is_none(), "nobody waits for long");
            drop(third);
            assert!(turns.0.borrow().is_empty(), "{turns:?}");
        });
    }
}
