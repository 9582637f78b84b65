//! What the daemon holds over time, and how late its healthy feeds are polled.

use std::collections::HashMap;
use std::path::Path;
use std::time::{Duration, Instant};

use rssd::clock::Clock;

use crate::figures::{Held, Times};
use crate::plot;
use crate::stage::Stage;
use crate::support::{Db, pause};

const RELOAD_EVERY: Duration = Duration::from_secs(10);
const SAMPLE_EVERY: Duration = Duration::from_secs(1);

/// Of the last minute: those that never read are dropped together every half of one.
const LATE_SAMPLES: usize = 60;

/// This part of the time is warm-up: the first round of polls, allocators, caches.
const WARM_UP: f64 = 0.2;

pub(crate) struct Measure {
    /// When, in seconds since the beginning.
    samples: Vec<(f64, Held)>,
    lasts: Duration,
    lateness: Times,
    reloads: usize,
}

/// A line through samples.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Trend {
    pub(crate) mean: f64,
    pub(crate) per_hour: f64,
    /// By which the line rises over the time that was judged.
    pub(crate) rise: f64,
}

impl Measure {
    /// Samples for so long, and reloads meanwhile.
    pub(crate) fn take(stage: &mut Stage, lasts: Duration) -> Measure {
        let mut measure = Measure { samples: Vec::new(), lasts, lateness: Times::default(), reloads: 0 };
        let mut punctuality = Punctuality::default();
        let db = stage.home.db_soon();
        let began = Clock::monotonic();
        let mut reload_at = began + RELOAD_EVERY;
        let mut sample_at = began;
        while Clock::monotonic() < began + lasts {
            pause_until(sample_at);
            sample_at += SAMPLE_EVERY;
            stage.daemon.assert_running("the end");
            let at = (Clock::monotonic() - began).as_secs_f64();
            measure.samples.push((at, Held::by(&stage.daemon)));
            punctuality.look(&db, &mut measure.lateness);
            if Clock::monotonic() >= reload_at {
                reload_at += RELOAD_EVERY;
                stage.reload();
                measure.reloads += 1;
            }
        }
        println!("{} reloads, of which {} were told", measure.reloads, stage.daemon.count_lines("reloaded "));
        measure
    }

    pub(crate) fn lateness(&self) -> &Times {
        &self.lateness
    }

    pub(crate) fn trend(&self, of: impl Fn(&Held) -> f64) -> Trend {
        let from = self.lasts.as_secs_f64() * WARM_UP;
        let points: Vec<(f64, f64)> =
            self.samples.iter().filter(|(at, _)| *at >= from).map(|(at, held)| (*at, of(held))).collect();
        let count = points.len().max(1) as f64;
        let mean_at = points.iter().map(|(at, _)| at).sum::<f64>() / count;
        let mean = points.iter().map(|(_, value)| value).sum::<f64>() / count;
        let covariance: f64 = points.iter().map(|(at, value)| (at - mean_at) * (value - mean)).sum();
        let variance: f64 = points.iter().map(|(at, _)| (at - mean_at).powi(2)).sum();
        let per_second = if variance > 0.0 { covariance / variance } else { 0.0 };
        Trend { mean, per_hour: per_second * 3_600.0, rise: per_second * (self.lasts.as_secs_f64() - from) }
    }

    /// The most of each that was held in the last samples.
    pub(crate) fn most_of_late(&self) -> Held {
        let late = self.samples.iter().rev().take(LATE_SAMPLES).map(|(_, held)| held);
        late.fold(Held::default(), |most, held| Held {
            resident_kib: most.resident_kib.max(held.resident_kib),
            threads: most.threads.max(held.threads),
            descriptors: most.descriptors.max(held.descriptors),
        })
    }

    /// Draws it all into `target/hell.svg`.
    pub(crate) fn draw(&self) {
        let series = |of: fn(&Held) -> f64| self.samples.iter().map(|(at, held)| (*at, of(held))).collect::<Vec<_>>();
        let drawing = plot::svg(
            self.lasts.as_secs_f64() * WARM_UP,
            &[
                ("resident memory, MiB", series(memory_mib)),
                ("descriptors", series(descriptors)),
                ("threads", series(threads)),
            ],
        );
        let file = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("hell.svg");
        std::fs::write(&file, drawing).expect("the target directory can be written");
        println!("drawn into {}", file.display());
    }
}

pub(crate) fn memory_mib(held: &Held) -> f64 {
    held.resident_kib as f64 / 1_024.0
}

pub(crate) fn descriptors(held: &Held) -> f64 {
    held.descriptors as f64
}

pub(crate) fn threads(held: &Held) -> f64 {
    held.threads as f64
}

fn pause_until(at: Instant) {
    pause(at.saturating_duration_since(Clock::monotonic()));
}

/// When each healthy feed was polled last, and when it is to be polled next: the next poll that is seen tells how late it was.
#[derive(Default)]
struct Punctuality(HashMap<i64, (i64, i64)>);

impl Punctuality {
    fn look(&mut self, db: &Db, lateness: &mut Times) {
        let sql = "SELECT id, last_polled_at, next_poll_at FROM feed WHERE name GLOB 'healthy-*' \
                   AND last_polled_at IS NOT NULL AND next_poll_at IS NOT NULL";
        for (id, polled_at, next_at) in db.list(sql, |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))) {
            match self.0.insert(id, (polled_at, next_at)) {
                Some((polled_before, due_at)) if polled_before != polled_at => {
                    lateness.add(Duration::from_millis(u64::try_from(polled_at - due_at).unwrap_or(0)));
                }
                _ => {}
            }
        }
    }
}
