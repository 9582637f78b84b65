//! What `--once` shows: a bar on a terminal while it runs, and a summary at the end.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::atomic::Ordering;

use indicatif::{ProgressBar, ProgressStyle};

use crate::daemon::Daemon;
use crate::store;

/// What all cores together have done.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Totals {
    pub(super) feeds: u64,
    pub(super) polls: u64,
    pub(super) failed: u64,
    pub(super) articles_new: u64,
    pub(super) wire_bytes: u64,
    /// For want of descriptors or memory.
    pub(super) left_out: u64,
}

impl Totals {
    pub(super) fn of(daemon: &Daemon) -> Totals {
        daemon.gauges().fold(Totals { feeds: daemon.feed_count() as u64, ..Totals::default() }, |sum, core| Totals {
            polls: sum.polls + core.polls.load(Ordering::Relaxed),
            failed: sum.failed + core.polls_failed.load(Ordering::Relaxed),
            articles_new: sum.articles_new + core.articles_new.load(Ordering::Relaxed),
            wire_bytes: sum.wire_bytes + core.wire_bytes.load(Ordering::Relaxed),
            left_out: sum.left_out + core.polls_left_out.load(Ordering::Relaxed),
            ..sum
        })
    }
}

/// The bar: nothing at all where standard error is no terminal.
pub(super) struct Progress(ProgressBar);

impl Progress {
    pub(super) fn new(feeds: usize) -> Progress {
        let bar = ProgressBar::new(feeds as u64);
        let style = ProgressStyle::with_template("{bar:40} {pos} of {len} feeds, {msg}, {elapsed}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
        Progress(bar)
    }

    pub(super) fn show(&self, totals: &Totals) {
        self.0.set_position(totals.polls);
        self.0.set_message(format!("{} articles, {} failed", totals.articles_new, totals.failed));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}

/// What a person wants to know after one round: how much is new, and what failed for which reason.
pub(super) fn print_summary(db: &Path, totals: &Totals) {
    let mut out = std::io::stdout().lock();
    let Totals { feeds, polls, failed, articles_new, wire_bytes, left_out } = totals;
    let kib = wire_bytes / 1024;
    // Standard output may be closed; then nobody wants the summary.
    let _ = writeln!(
        out,
        "{polls} of {feeds} feeds polled: {} fine, {failed} failed; {articles_new} new articles, {kib} KiB",
        polls.saturating_sub(*failed)
    );
    if *left_out > 0 {
        let _ = writeln!(
            out,
            "  {left_out:>5} left out: there were no descriptors or no memory for them; raise LimitNOFILE or LimitAS, or ask for \
             fewer cores"
        );
    }
    if let Ok(failing) = store::failing_feeds(db) {
        let mut classes: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for feed in &failing {
            classes.entry(&feed.class).or_default().push(&feed.name);
        }
        for (class, names) in classes {
            let shown = names.iter().take(5).copied().collect::<Vec<_>>().join(", ");
            let more = if names.len() > 5 { ", ..." } else { "" };
            let _ = writeln!(out, "  {:>5} {class}: {shown}{more}", names.len());
        }
    }
}
