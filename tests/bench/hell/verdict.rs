//! The promises, and which of them were broken.

use std::fmt::Display;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::time::Duration;

use crate::aborts::Aborted;
use crate::clients::{Counts, IDLE, NEVER_READ};
use crate::figures::Times;
use crate::measure::{self, Measure, Trend};
use crate::probe::{Probed, ask};
use crate::stage::Stage;
use crate::support::Finished;

const SECOND: Duration = Duration::from_secs(1);

/// After ten thousand aborts.
const NEXT_REQUEST_MAX: Duration = Duration::from_millis(100);

/// The promise of an orderly stop.
const DRAIN_MAX: Duration = Duration::from_secs(5);

/// Of a poll of a healthy feed, 99 times in a hundred.
const LATENESS_MAX: Duration = Duration::from_secs(2);

/// A line that rises by no more than this over the time that was judged is flat: an allocator and the caches of SQLite breathe.
const MEMORY_RISE_MIB_MAX: f64 = 12.0;
/// What is aborted within the time that the kernel tells it.
const DESCRIPTORS_RISE_MAX: f64 = 100.0;
const THREADS_RISE_MAX: f64 = 0.5;
/// What io_uring waits with in the kernel counts as threads of the process, and comes and goes.
const KERNEL_THREADS: u64 = 2;

#[derive(Default)]
pub(crate) struct Verdict {
    broken: Vec<String>,
}

impl Verdict {
    fn expect(&mut self, is_kept: bool, promise: impl Display) {
        println!("{} {promise}", if is_kept { "kept  " } else { "BROKEN" });
        if !is_kept {
            self.broken.push(promise.to_string());
        }
    }

    pub(crate) fn judge_held(&mut self, measured: &Measure) {
        let mut flat = |name: &str, Trend { mean, per_hour, rise }: Trend, rise_max: f64| {
            self.expect(
                rise.abs() <= rise_max || rise < 0.0,
                format!("{name}: {mean:.1} on average, {per_hour:+.1} an hour by least squares, {rise:+.1} in all (flat: {rise_max})"),
            );
        };
        flat("resident MiB", measured.trend(measure::memory_mib), MEMORY_RISE_MIB_MAX);
        flat("descriptors", measured.trend(measure::descriptors), DESCRIPTORS_RISE_MAX);
        flat("threads", measured.trend(measure::threads), THREADS_RISE_MAX);
    }

    pub(crate) fn judge_lateness(&mut self, lateness: &Times) {
        self.expect(lateness.at(0.99) <= LATENESS_MAX, format!("polls of healthy feeds, late by: {lateness}"));
    }

    pub(crate) fn judge_aborts(&mut self, aborted: &Aborted) {
        let Aborted { count, took, next, before, after } = aborted;
        println!("       {count} aborts in {:.1} s; before: at most {before}; after: {after}", took.as_secs_f64());
        let next_ms = next.as_secs_f64() * 1_000.0;
        self.expect(*next <= NEXT_REQUEST_MAX, format!("the next request after them took {next_ms:.1} ms"));
        let more = after.descriptors.saturating_sub(before.descriptors);
        self.expect(
            more as f64 <= DESCRIPTORS_RISE_MAX && after.threads <= before.threads + KERNEL_THREADS,
            format!("{more} descriptors and {} threads more", after.threads.saturating_sub(before.threads)),
        );
        let more_mib = measure::memory_mib(after) - measure::memory_mib(before);
        self.expect(more_mib <= MEMORY_RISE_MIB_MAX, format!("{more_mib:+.1} MiB"));
    }

    pub(crate) fn judge_clients(&mut self, counts: &Counts, at: SocketAddr) {
        let Counts { never_read_dropped, slowloris_dropped, aborts, .. } = counts;
        println!(
            "       dropped: {never_read_dropped} that never read, {slowloris_dropped} that dripped; {aborts} aborts"
        );
        self.expect(*never_read_dropped > 0 && *slowloris_dropped > 0, "those who take nothing, or drip, are dropped");
        self.expect(counts.idle_closed == 0, format!("{} idle streams were closed", counts.idle_closed));
        self.expect(counts.not_let_in == 0, format!("{} clients were not let in", counts.not_let_in));
        let streams = ask(at, "/health").1.map_or(0, |answer| answer.json()["streams"].as_u64().unwrap_or(0));
        // Some of those who left are not noticed yet, some of those who never read are on their way back.
        let wanted = IDLE + NEVER_READ / 2..=IDLE + 2 * NEVER_READ;
        self.expect(wanted.contains(&usize::try_from(streams).unwrap_or(0)), format!("{streams} streams are open"));
    }

    pub(crate) fn judge_answers(&mut self, probed: &Probed) {
        for (name, times) in [("/health", &probed.health), ("/", &probed.page)] {
            let late = times.longer_than(SECOND);
            self.expect(late == 0, format!("{name}: {times}; {late} over 1 s"));
        }
        let stale = probed.heartbeats.longer_than(SECOND);
        self.expect(stale == 0, format!("age of heartbeats: {}; {stale} over 1 s", probed.heartbeats));
        self.expect(probed.bad.is_empty(), format!("{} answers were none: {:?}", probed.bad.len(), probed.bad.first()));
    }

    pub(crate) fn judge_feeds(&mut self, stage: &Stage) {
        let db = stage.home.db();
        let sql = "SELECT name || ': ' || outcome || ': ' || coalesce(error, '') FROM fetch_log JOIN feed ON feed.id = feed_id \
                   WHERE name GLOB 'healthy-*' AND outcome NOT IN ('ok', 'unchanged', 'not_modified')";
        let failed: Vec<String> = db.list(sql, |row| row.get(0));
        self.expect(failed.is_empty(), format!("{} polls of healthy feeds failed: {:?}", failed.len(), failed.first()));
        let [articles, feeds, polls]: [i64; 3] =
            ["count(*) FROM article", "count(*) FROM feed", "sum(poll_count) FROM feed"]
                .map(|what| db.one(&format!("SELECT {what}")));
        println!("       {articles} articles of {feeds} feeds in {polls} polls");
        let panics = stage.daemon.count_lines("panicked");
        self.expect(panics == 0, format!("{panics} panics"));
        let warnings = stage.daemon.lines().into_iter().filter(|line| line.contains(" ERROR ")).collect::<Vec<_>>();
        self.expect(warnings.is_empty(), format!("{} errors in the log: {:?}", warnings.len(), warnings.first()));
    }

    pub(crate) fn judge_end(&mut self, finished: &Finished, took: Duration) {
        let seconds = took.as_secs_f64();
        self.expect(
            finished.code == Some(0) && took <= DRAIN_MAX,
            format!("SIGTERM in the middle of it: exit {:?} after {seconds:.2} s", finished.code),
        );
    }

    pub(crate) fn say(self) -> ExitCode {
        if self.broken.is_empty() {
            println!("every promise was kept");
            return ExitCode::SUCCESS;
        }
        println!("{} promises were broken:\n  {}", self.broken.len(), self.broken.join("\n  "));
        ExitCode::FAILURE
    }
}
