//! What the writer counts.

use super::exposition::Exposition;
use super::seconds;
use crate::gauges::Measured;
use crate::limits::WRITER_QUEUE_MAX;
use crate::store::{Degraded, WriterGauges};

#[derive(Clone, Copy, Debug)]
pub(crate) struct WriterSnapshot {
    pub(crate) queue: usize,
    pub(crate) commit_times: Measured,
    pub(crate) wal_bytes: u64,
    pub(crate) search_lag: u64,
    pub(crate) commits: u64,
    pub(crate) articles: u64,
    pub(crate) updated: u64,
    pub(crate) pruned: u64,
    pub(crate) rejected: u64,
    pub(crate) degraded: Option<Degraded>,
    pub(crate) last_commit_age_ms: Option<u64>,
}

impl WriterSnapshot {
    pub(crate) fn of(gauges: &WriterGauges, queue: usize, now_ms: i64) -> WriterSnapshot {
        let age_ms = |at: i64| u64::try_from(now_ms.saturating_sub(at)).unwrap_or(0);
        WriterSnapshot {
            queue,
            commit_times: gauges.commit_times(),
            wal_bytes: gauges.wal_bytes(),
            search_lag: gauges.search_lag(),
            commits: gauges.commits(),
            articles: gauges.articles(),
            updated: gauges.updated(),
            pruned: gauges.pruned(),
            rejected: gauges.rejected(),
            degraded: gauges.degraded(),
            last_commit_age_ms: gauges.last_commit_at().map(age_ms),
        }
    }

    pub(super) fn write(&self, text: &mut Exposition) {
        text.gauge("rssd_writer_queue", "", "Finished polls that wait for the writer.").sample(&[], self.queue);
        text.gauge("rssd_writer_queue_max", "", "Finished polls that may wait for it.").sample(&[], WRITER_QUEUE_MAX);
        text.histogram(
            "rssd_writer_commit_seconds",
            "What transactions took that stored polls, until they were synced.",
        )
        .measured(&[], &self.commit_times);
        let help = "What the -wal takes of the disk, after the last commit or checkpoint.";
        text.gauge("rssd_writer_wal_bytes", "bytes", help).sample(&[], self.wal_bytes);
        let help = "Articles that are stored and cannot be searched for yet.";
        text.gauge("rssd_search_lag", "", help).sample(&[], self.search_lag);
        text.counter("rssd_writer_commits", "", "Transactions that stored polls.").sample(&[], self.commits);
        text.counter("rssd_writer_articles", "", "Articles committed that were new.").sample(&[], self.articles);
        let help = "Articles committed again because they had changed.";
        text.counter("rssd_writer_articles_updated", "", help).sample(&[], self.updated);
        text.counter("rssd_writer_articles_pruned", "", "Articles that retention removed.").sample(&[], self.pruned);
        text.counter("rssd_writer_polls_rejected", "", "Polls that the database refused.").sample(&[], self.rejected);
        let mut waits = text.gauge("rssd_writer_degraded", "", "Why commits wait: 1 for the reason, if there is one.");
        for (name, reason) in
            [("full", Degraded::Full), ("locked", Degraded::Locked), ("read_only", Degraded::ReadOnly)]
        {
            waits.sample(&[("reason", name)], self.degraded == Some(reason));
        }
        if let Some(age_ms) = self.last_commit_age_ms {
            text.gauge("rssd_writer_last_commit_age_seconds", "seconds", "How long ago the last commit was.")
                .sample(&[], seconds(age_ms));
        }
    }
}

impl Default for WriterSnapshot {
    fn default() -> WriterSnapshot {
        WriterSnapshot::of(&WriterGauges::default(), 0, 0)
    }
}
