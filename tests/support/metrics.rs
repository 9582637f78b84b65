//! What `/metrics` says at one moment.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use super::http::get_with;
use super::until;

/// Of a metrics server that knows both formats.
pub(crate) const OPEN: &str = "Accept: application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5\r\n";

/// Each series, name and labels as they are written, with its value.
pub(crate) struct Metrics(BTreeMap<String, f64>);

impl Metrics {
    pub(crate) fn of(at: SocketAddr) -> Metrics {
        let answer = get_with(at, "/metrics", OPEN);
        let sample = |line: &str| {
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("no value in {line:?}"));
            (series.to_owned(), value.parse().unwrap_or_else(|error| panic!("{error} in {line:?}")))
        };
        Metrics(answer.text().lines().filter(|line| !line.starts_with('#')).map(sample).collect())
    }

    /// The first one that has this series as it is wanted.
    pub(crate) fn until(at: SocketAddr, series: &str, is_wanted: impl Fn(f64) -> bool) -> Metrics {
        until(series, || Some(Metrics::of(at)).filter(|metrics| is_wanted(metrics.sum(series))))
    }

    /// Of this series, or of all that have this name, added up.
    pub(crate) fn sum(&self, series: &str) -> f64 {
        let is_of =
            |found: &str| found == series || found.strip_prefix(series).is_some_and(|rest| rest.starts_with('{'));
        let found: Vec<f64> = self.0.iter().filter(|(found, _)| is_of(found)).map(|(_, value)| *value).collect();
        assert!(!found.is_empty(), "no series {series} in {:#?}", self.series());
        found.iter().sum()
    }

    /// Names with their labels.
    pub(crate) fn series(&self) -> Vec<&str> {
        self.0.keys().map(|series| &**series).collect()
    }

    /// Names alone.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.0.keys().any(|series| series.split('{').next() == Some(name))
    }
}
