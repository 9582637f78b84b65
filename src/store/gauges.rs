//! What the writer shows of itself while it works: read by anybody, at any time, without a lock.

use std::sync::atomic::{AtomicI64, AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use super::Degraded;
use crate::gauges::{COMMIT_BOUNDS, Histogram, Measured};

/// Counters since the start, and how the writer is.
#[derive(Debug)]
pub struct WriterGauges {
    commits: AtomicU64,
    articles: AtomicU64,
    updated: AtomicU64,
    pruned: AtomicU64,
    rejected: AtomicU64,
    last_commit_at: AtomicI64,
    degraded: AtomicU8,
    search_lag: AtomicU64,
    commit_times: Histogram,
    wal_bytes: AtomicU64,
}

impl Default for WriterGauges {
    fn default() -> WriterGauges {
        WriterGauges {
            commits: AtomicU64::default(),
            articles: AtomicU64::default(),
            updated: AtomicU64::default(),
            pruned: AtomicU64::default(),
            rejected: AtomicU64::default(),
            last_commit_at: AtomicI64::default(),
            degraded: AtomicU8::default(),
            search_lag: AtomicU64::default(),
            commit_times: Histogram::new(&COMMIT_BOUNDS),
            wal_bytes: AtomicU64::default(),
        }
    }
}

impl WriterGauges {
    /// Transactions that stored polls.
    pub fn commits(&self) -> u64 {
        self.commits.load(Ordering::Relaxed)
    }

    /// Articles that were new.
    pub fn articles(&self) -> u64 {
        self.articles.load(Ordering::Relaxed)
    }

    /// Articles that had changed and were stored anew, with a `seq` of their own.
    pub fn updated(&self) -> u64 {
        self.updated.load(Ordering::Relaxed)
    }

    /// Articles that retention removed.
    pub fn pruned(&self) -> u64 {
        self.pruned.load(Ordering::Relaxed)
    }

    /// Polls that the database refused.
    pub fn rejected(&self) -> u64 {
        self.rejected.load(Ordering::Relaxed)
    }

    /// Milliseconds since 1970; `None` before the first commit.
    pub fn last_commit_at(&self) -> Option<i64> {
        Some(self.last_commit_at.load(Ordering::Relaxed)).filter(|&at| at != 0)
    }

    /// Why commits wait; `None` when they do not.
    pub fn degraded(&self) -> Option<Degraded> {
        match self.degraded.load(Ordering::Relaxed) {
            1 => Some(Degraded::Full),
            2 => Some(Degraded::Locked),
            3 => Some(Degraded::ReadOnly),
            _ => None,
        }
    }

    /// Articles that are stored and cannot be searched for yet, at most: some of them may be gone again.
    pub fn search_lag(&self) -> u64 {
        self.search_lag.load(Ordering::Relaxed)
    }

    /// How long transactions took that stored polls, until they were synced.
    pub(crate) fn commit_times(&self) -> Measured {
        Measured::none(&COMMIT_BOUNDS).with(&self.commit_times)
    }

    /// How large the -wal is as a file, when it was last looked at: after each commit and each checkpoint.
    pub fn wal_bytes(&self) -> u64 {
        self.wal_bytes.load(Ordering::Relaxed)
    }

    pub(super) fn commit_took(&self, took: Duration) {
        self.commit_times.count(took);
    }

    pub(super) fn set_wal_bytes(&self, bytes: u64) {
        self.wal_bytes.store(bytes, Ordering::Relaxed);
    }

    pub(super) fn set_search_lag(&self, articles: u64) {
        self.search_lag.store(articles, Ordering::Relaxed);
    }

    pub(super) fn add_pruned(&self, articles: usize) {
        self.pruned.fetch_add(articles as u64, Ordering::Relaxed);
    }

    pub(super) fn committed(&self, new: usize, updated: usize, rejected: usize, now: i64) {
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.articles.fetch_add(new as u64, Ordering::Relaxed);
        self.updated.fetch_add(updated as u64, Ordering::Relaxed);
        self.rejected.fetch_add(rejected as u64, Ordering::Relaxed);
        self.last_commit_at.store(now, Ordering::Relaxed);
    }

    pub(super) fn set_degraded(&self, reason: Option<Degraded>) {
        let code = match reason {
            None => 0,
            Some(Degraded::Full) => 1,
            Some(Degraded::Locked) => 2,
            Some(Degraded::ReadOnly) => 3,
        };
        self.degraded.store(code, Ordering::Relaxed);
    }
}
