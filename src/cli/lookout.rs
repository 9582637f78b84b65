//! What the main thread does between two events beside waiting: it looks after every other thread, and tells systemd.
//!
//! It never waits, so it may be called wherever the main thread waits for something itself.

use std::cell::{Cell, RefCell};
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::daemon::Daemon;
use crate::gauges::CoreGauges;
use crate::systemd::Manager;
use crate::watch::Watchdog;

pub(super) struct Lookout {
    watchdog: RefCell<Watchdog>,
    manager: RefCell<Manager>,
    is_ready: Cell<bool>,
}

impl Lookout {
    pub(super) fn new(daemon: &Daemon) -> Lookout {
        let manager = RefCell::new(Manager::of_environment());
        Lookout { watchdog: RefCell::new(Watchdog::new(daemon.watch())), manager, is_ready: Cell::new(false) }
    }

    /// Some twenty times a second.
    pub(super) fn look(&self, daemon: &mut Daemon) {
        daemon.nudge_late_cores();
        // Not before every thread has turned: until then a start may still fail.
        if !self.is_ready.get() && daemon.is_up() {
            self.is_ready.set(true);
            self.manager.borrow().ready();
        }
        self.look_with(|| state(daemon));
    }

    /// The main thread waits for the writer, that it may take over a configuration.
    pub(super) fn look_while_reloading(&self) {
        self.look_with(|| "reloading".to_owned());
    }

    fn look_with(&self, state: impl FnOnce() -> String) {
        let mut watchdog = self.watchdog.borrow_mut();
        watchdog.look();
        let status = || match watchdog.stalled() {
            Some(stalled) => format!("{}; {stalled}", state()),
            None => state(),
        };
        self.manager.borrow_mut().look(watchdog.is_fed(), status);
    }

    /// Tells systemd of a reload, which `work` is. Reading a large file takes its time, and is no absence.
    pub(super) fn during_reload(&self, work: impl FnOnce()) {
        self.manager.borrow().reloading();
        work();
        self.watchdog.borrow_mut().was_busy();
        self.manager.borrow().ready();
    }

    pub(super) fn stopping(&self) {
        self.manager.borrow().stopping();
    }
}

/// How it is, in one line.
fn state(daemon: &Daemon) -> String {
    let sum = |counter: fn(&CoreGauges) -> &AtomicUsize| -> usize {
        daemon.gauges().map(|core| counter(core).load(Ordering::Relaxed)).sum()
    };
    let (feeds, failing) = (sum(|core| &core.feeds), sum(|core| &core.feeds_failing));
    format!("{feeds} feeds, {failing} failing; {} polls in flight", sum(|core| &core.in_flight))
}
