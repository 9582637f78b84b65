//! What has to hold between the keys of one feed, and the feed that they make when it does.
//!
//! A relation is checked in the layer that completes it: between two values of `[defaults]` once, there, and not again
//! for each feed. Only what was written can be wrong: a built-in value gives way to a written one.

use std::path::PathBuf;
use std::time::Duration;

use url::Url;

use super::Feed;
use super::entry::{Owner, Written};
use super::keys::Keys;
use super::mistakes::{At, Mistake, Report, nothing};
use super::units::show_duration;
use crate::limits::INTERVAL_PUBLIC_LEAST;

/// Reports what does not hold in `merged` and has a part in `own`, the layer on top of it.
pub(super) fn check(report: &mut Report, owner: Owner<'_>, own: &Keys, merged: &Keys) {
    let mut check = Check { report, owner };
    let time = |key, pick: fn(&Keys) -> Option<Written<Duration>>| {
        pick(merged).map(|written| Time { key, written, is_own: pick(own).is_some() })
    };
    let interval = time("interval", |keys| keys.interval);
    let interval_min = time("interval_min", |keys| keys.interval_min);
    let interval_max = time("interval_max", |keys| keys.interval_max);
    let connect_timeout = time("connect_timeout", |keys| keys.connect_timeout);
    let read_timeout = time("read_timeout", |keys| keys.read_timeout);
    let total_timeout = time("total_timeout", |keys| keys.total_timeout);

    if !merged.allow_private.is_some_and(|allow| allow.value) {
        for time in [interval, interval_min, interval_max].into_iter().flatten() {
            check.polite(time, own.allow_private.map(|allow| allow.at));
        }
    }
    check.at_most(interval_min, interval);
    check.at_most(interval, interval_max);
    check.at_most(interval_min, interval_max);
    check.at_most(connect_timeout, total_timeout);
    check.at_most(read_timeout, total_timeout);
    check.credentials(own, merged);
}

/// The feed of a name, a URL and all layers, once their relations hold.
pub(super) fn settle(name: String, url: Url, keys: Keys) -> Feed {
    let built_in = Feed::new(name, url);
    let written = |time: Option<Written<Duration>>| time.map(|written| written.value);
    let (least, most) = (written(keys.interval_min), written(keys.interval_max));
    let interval = written(keys.interval)
        .unwrap_or_else(|| built_in.interval.max(least.unwrap_or_default()).min(most.unwrap_or(Duration::MAX)));
    let (connect, read) = (written(keys.connect_timeout), written(keys.read_timeout));
    let total = written(keys.total_timeout)
        .unwrap_or_else(|| built_in.total_timeout.max(connect.unwrap_or_default()).max(read.unwrap_or_default()));
    Feed {
        labels: keys.labels,
        enabled: keys.enabled.map_or(built_in.enabled, |written| written.value),
        interval,
        interval_min: least.unwrap_or(built_in.interval_min.min(interval)),
        interval_max: most.unwrap_or(built_in.interval_max.max(interval)),
        connect_timeout: connect.unwrap_or(built_in.connect_timeout.min(total)),
        read_timeout: read.unwrap_or(built_in.read_timeout.min(total)),
        total_timeout: total,
        body_bytes_max: keys.body_bytes_max.map_or(built_in.body_bytes_max, |written| written.value),
        articles_max: keys.articles_max.map_or(built_in.articles_max, |written| written.value as usize),
        articles_initial_max: keys.articles_initial_max.map(|written| written.value as usize),
        allow_private: keys.allow_private.map_or(built_in.allow_private, |written| written.value),
        allow_downgrade: keys.allow_downgrade.map_or(built_in.allow_downgrade, |written| written.value),
        username: keys.username.map(|written| written.value),
        password_file: keys.password_file.map(|written| written.value),
        bearer_file: keys.bearer_file.map(|written| written.value),
        headers: keys.headers,
        ca_file: keys.ca_file.map(|written: Written<PathBuf>| written.value),
        proxy: keys.proxy.map(|written| written.value),
        updates: keys.updates.map_or(built_in.updates, |written| written.value),
        ..built_in
    }
}

/// A written duration, and whether this layer wrote it.
#[derive(Clone, Copy, Debug)]
struct Time {
    key: &'static str,
    written: Written<Duration>,
    is_own: bool,
}

struct Check<'r, 'o> {
    report: &'r mut Report,
    owner: Owner<'o>,
}

impl Check<'_, '_> {
    /// A feed of somebody else's is not polled more than once a minute.
    fn polite(&mut self, time: Time, allow_private_at: Option<At>) {
        let least = show_duration(INTERVAL_PUBLIC_LEAST);
        if time.written.value >= INTERVAL_PUBLIC_LEAST {
            return;
        }
        if time.is_own {
            let remedy = format!("write at least {least:?}, or allow_private = true for a feed on your own network");
            self.time_wrong(time, format!("is below the least of {least}"), remedy);
        } else if let Some(at) = allow_private_at {
            let inherited = self.described(time);
            let wrong = format!("= false leaves {inherited} below the least of {least}");
            self.owner.wrong(
                self.report,
                at,
                "allow_private",
                wrong,
                format!("write at least {} = {least:?} here", time.key),
            );
        }
    }

    fn at_most(&mut self, low: Option<Time>, high: Option<Time>) {
        let (Some(low), Some(high)) = (low, high) else { return };
        if low.written.value <= high.written.value {
            return;
        }
        if low.is_own {
            let (wrong, bound) = (format!("is above {}", self.described(high)), show_duration(high.written.value));
            self.time_wrong(low, wrong, format!("write at most {bound:?}, or raise {}", high.key));
        } else if high.is_own {
            let (wrong, bound) = (format!("is below {}", self.described(low)), show_duration(low.written.value));
            self.time_wrong(high, wrong, format!("write at least {bound:?}, or lower {}", low.key));
        }
    }

    fn credentials(&mut self, own: &Keys, merged: &Keys) {
        let has_own_password = own.password_file.as_ref().filter(|_| merged.username.is_none());
        if let Some(password_file) = has_own_password {
            let (wrong, remedy) = ("is of no use without a username", "write username = \"...\" beside it");
            self.owner.wrong(self.report, password_file.at, "password_file", wrong, remedy);
        }
        if let (Some(bearer_file), true) = (&own.bearer_file, own.username.is_some()) {
            let (wrong, remedy) = ("cannot stand beside username", "keep the one that the server asks for");
            self.owner.wrong(self.report, bearer_file.at, "bearer_file", wrong, remedy);
        }
        let sets = |keys: &Keys| keys.headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization"));
        let at = merged.username.as_ref().map(|w| ("username", w.at));
        let at = at.or(merged.bearer_file.as_ref().map(|w| ("bearer_file", w.at)));
        let has_own_part = sets(own) || own.username.is_some() || own.bearer_file.is_some();
        if let (Some((key, at)), true, true) = (at, sets(merged), has_own_part) {
            let wrong = "cannot stand beside an Authorization header, for it becomes one";
            self.owner.wrong(self.report, at, key, wrong, "keep one of the two");
        }
    }

    fn time_wrong(&mut self, time: Time, wrong: String, remedy: String) {
        let (subject, key) = (self.owner.subject.to_owned(), time.key.to_owned());
        let value = Some(format!("{:?}", show_duration(time.written.value)));
        self.report.add(time.written.at, Mistake { subject, key, value, wrong, remedy, ..nothing() });
    }

    /// `interval_min = "5m" (feeds.toml:3)`
    fn described(&self, time: Time) -> String {
        let (value, line) = (show_duration(time.written.value), self.report.line(time.written.at));
        format!("{} = {value:?} ({line})", time.key)
    }
}
