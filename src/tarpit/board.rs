//! What the tarpit's thread and the threads of its users share: routes in, recorded requests and counts out.
//!
//! One mutex, held for a few instructions and never across a wait, so that neither side can keep the other.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::request::{Head, Recorded};
use super::step::{Script, Step};
use super::tls::Tls;
use crate::limits::TARPIT_REQUESTS_MAX;

/// Any host, or any path.
pub const ANY: &str = "*";

#[derive(Default)]
pub(crate) struct Board {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    routes: HashMap<(String, String), Route>,
    tls: HashMap<String, Tls>,
    requests: VecDeque<Recorded>,
    counts: Counts,
}

enum Route {
    Script {
        script: Script,
        /// Requests that it has answered.
        answered: usize,
    },
    Decided(Arc<Decide>),
}

/// What is played for a request, once it is there.
pub(crate) type Decide = dyn Fn(&Head) -> Vec<Step> + Send + Sync;

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Connections that are open now.
    pub open: u64,
    /// Connections accepted since the start.
    pub accepted: u64,
    /// Requests read since the start; those forgotten are counted too.
    pub requests: u64,
}

impl Board {
    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics between two changes that belong together, so a poisoned state is a whole one.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn route(&self, host: &str, path: &str, script: Script) {
        self.insert(host, path, Route::Script { script, answered: 0 });
    }

    pub(crate) fn route_by(&self, host: &str, path: &str, decide: Arc<Decide>) {
        self.insert(host, path, Route::Decided(decide));
    }

    fn insert(&self, host: &str, path: &str, route: Route) {
        self.state().routes.insert((host.to_ascii_lowercase(), path.to_string()), route);
    }

    /// The steps that a route has for this request, if one is there: the most exact, the host before the path.
    pub(crate) fn play(&self, head: &Head) -> Option<Arc<[Step]>> {
        let mut state = self.state();
        let names = [(&*head.host, &*head.path), (&head.host, ANY), (ANY, &head.path), (ANY, ANY)];
        let key = names
            .into_iter()
            .map(|(host, path)| (host.to_string(), path.to_string()))
            .find(|key| state.routes.contains_key(key))?;
        let decide = match state.routes.get_mut(&key)? {
            Route::Script { script, answered } => {
                *answered += 1;
                return Some(script.play(*answered - 1));
            }
            Route::Decided(decide) => Arc::clone(decide),
        };
        // It is somebody else's code, and may look at the tarpit itself.
        drop(state);
        Some(decide(head).into())
    }

    pub(crate) fn set_tls(&self, host: &str, tls: Tls) {
        self.state().tls.insert(host.to_ascii_lowercase(), tls);
    }

    pub(crate) fn tls(&self, host: &str) -> Option<Tls> {
        let state = self.state();
        state.tls.get(host).or_else(|| state.tls.get(ANY)).copied()
    }

    pub(crate) fn record(&self, request: Recorded) {
        let mut state = self.state();
        if state.requests.len() == TARPIT_REQUESTS_MAX {
            state.requests.pop_front();
        }
        state.requests.push_back(request);
        state.counts.requests += 1;
        drop(state);
        self.changed.notify_all();
    }

    pub(crate) fn requests(&self) -> Vec<Recorded> {
        self.state().requests.iter().cloned().collect()
    }

    pub(crate) fn forget_requests(&self) {
        self.state().requests.clear();
    }

    /// Counts a connection in, and returns its number.
    pub(crate) fn opened(&self) -> u64 {
        let mut state = self.state();
        state.counts.open += 1;
        state.counts.accepted += 1;
        let number = state.counts.accepted;
        drop(state);
        self.changed.notify_all();
        number
    }

    pub(crate) fn closed(&self) {
        self.state().counts.open -= 1;
        self.changed.notify_all();
    }

    pub(crate) fn counts(&self) -> Counts {
        self.state().counts
    }

    /// Waits until the counts satisfy `enough`, and says whether they did within `timeout`.
    pub(crate) fn wait(&self, timeout: Duration, mut enough: impl FnMut(Counts) -> bool) -> bool {
        let waited = self.changed.wait_timeout_while(self.state(), timeout, |state| !enough(state.counts));
        !waited.unwrap_or_else(PoisonError::into_inner).1.timed_out()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tarpit::answer::Answer;

    #[test]
    fn the_most_exact_route_wins() {
        let board = Board::default();
        for (host, path, status) in
            [(ANY, ANY, 201), (ANY, "/a", 202), ("A.test", ANY, 203), ("a.test", "/a", 204), ("b.test", "/b", 205)]
        {
            board.route(host, path, Answer::status(status).into());
        }
        for (host, path, status) in
            [("a.test", "/a", 204), ("a.test", "/b", 203), ("c.test", "/a", 202), ("c.test", "/b", 201)]
        {
            let head = Head { host: host.to_string(), path: path.to_string(), ..Head::default() };
            let steps = board.play(&head).unwrap();
            let Step::Answer(answer) = &steps[0] else { panic!("{steps:?}") };
            let Step::Send(bytes) = &answer.steps(None)[0] else { panic!() };
            assert!(bytes.starts_with(format!("HTTP/1.1 {status}").as_bytes()), "{host}{path}");
        }
    }

    #[test]
    fn a_decision_is_made_of_the_request() {
        let board = Board::default();
        let decide =
            |head: &Head| if head.query.is_empty() { vec![Step::Close] } else { vec![Step::Stall, Step::Close] };
        board.route_by("a.test", ANY, Arc::new(decide));
        let steps = |query: &str| {
            board.play(&Head { host: "a.test".into(), query: query.into(), ..Head::default() }).map(|steps| steps.len())
        };
        assert_eq!((steps(""), steps("slowly")), (Some(1), Some(2)));
    }

    #[test]
    fn no_route_no_steps() {
        let board = Board::default();
        board.route("a.test", "/a", Step::Close.into());
        assert!(board.play(&Head { host: "b.test".into(), path: "/a".into(), ..Head::default() }).is_none());
    }
}
