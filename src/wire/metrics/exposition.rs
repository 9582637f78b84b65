//! The text that a metrics server reads: OpenMetrics 1.0, and the older Prometheus format for who asks for that.
//!
//! They differ in little: in the older one a counter's metadata carries its samples' name, there are no units and no end.

use std::fmt::Write;

use crate::escape::metric;
use crate::gauges::Measured;

/// As the `Accept` header decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    OpenMetrics,
    Prometheus,
}

impl Format {
    /// OpenMetrics is the default; a client that names only the older format gets that.
    pub(crate) fn of_accept(accept: Option<&str>) -> Format {
        let asks = |what: &str| accept.is_some_and(|accept| accept.contains(what));
        let is_older = asks("text/plain") && !asks("application/openmetrics-text");
        if is_older { Format::Prometheus } else { Format::OpenMetrics }
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self {
            Format::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Format::Prometheus => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// A text in the making: one family after the other.
#[derive(Debug)]
pub(super) struct Exposition {
    format: Format,
    text: String,
}

/// One family, to which samples are added.
#[derive(Debug)]
pub(super) struct Family<'a> {
    text: &'a mut String,
    name: &'static str,
    suffix: &'static str,
}

/// A sample's value.
#[derive(Clone, Copy, Debug)]
pub(super) enum Value {
    Whole(u64),
    Real(f64),
}

impl Exposition {
    pub(super) fn new(format: Format) -> Exposition {
        Exposition { format, text: String::new() }
    }

    /// What only grows. Its samples are called `NAME_total`.
    pub(super) fn counter(&mut self, name: &'static str, unit: &'static str, help: &str) -> Family<'_> {
        self.family(name, "_total", "counter", unit, help)
    }

    pub(super) fn gauge(&mut self, name: &'static str, unit: &'static str, help: &str) -> Family<'_> {
        self.family(name, "", "gauge", unit, help)
    }

    /// How often something took how long, in seconds.
    pub(super) fn histogram(&mut self, name: &'static str, help: &str) -> Family<'_> {
        self.family(name, "", "histogram", "seconds", help)
    }

    pub(super) fn finish(mut self) -> String {
        if self.format == Format::OpenMetrics {
            self.text.push_str("# EOF\n");
        }
        self.text
    }

    /// `unit` is empty, or what the name ends in.
    fn family(
        &mut self,
        name: &'static str,
        suffix: &'static str,
        kind: &'static str,
        unit: &'static str,
        help: &str,
    ) -> Family<'_> {
        debug_assert!(is_name(name) && name.ends_with(unit), "{name} {unit}");
        let Exposition { format, text } = self;
        let described = if *format == Format::Prometheus { suffix } else { "" };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "# TYPE {name}{described} {kind}");
        if *format == Format::OpenMetrics && !unit.is_empty() {
            let _ = writeln!(text, "# UNIT {name} {unit}");
        }
        let _ = writeln!(text, "# HELP {name}{described} {}", metric(help));
        Family { text, name, suffix }
    }
}

impl Family<'_> {
    /// Labels have few values, all ours: a feed's name is none, nor a message.
    pub(super) fn sample(&mut self, labels: &[(&'static str, &str)], value: impl Into<Value>) -> &mut Self {
        self.write(self.suffix, labels, value.into());
        self
    }

    /// One histogram, of a family that is of histograms: its slots, each with those below it, their sum and their count.
    pub(super) fn measured(&mut self, labels: &[(&'static str, &str)], measured: &Measured) -> &mut Self {
        let bounds = measured.bounds.iter().map(|us| format!("{:?}", seconds_of_us(*us))).chain(["+Inf".to_owned()]);
        let mut count = 0;
        for (bound, more) in bounds.zip(measured.counts) {
            count += more;
            self.write("_bucket", &[labels, &[("le", &bound)]].concat(), count.into());
        }
        self.write("_sum", labels, seconds_of_us(measured.sum_us).into());
        self.write("_count", labels, count.into());
        self
    }

    fn write(&mut self, suffix: &str, labels: &[(&'static str, &str)], value: Value) {
        let Family { text, name, .. } = self;
        text.push_str(name);
        text.push_str(suffix);
        for (index, (label, value)) in labels.iter().enumerate() {
            debug_assert!(is_name(label), "{label}");
            let before = if index == 0 { '{' } else { ',' };
            let _ = write!(text, "{before}{label}=\"{}\"", metric(value));
        }
        if !labels.is_empty() {
            text.push('}');
        }
        let _ = match value {
            Value::Whole(value) => writeln!(text, " {value}"),
            Value::Real(value) if value == f64::INFINITY => writeln!(text, " +Inf"),
            Value::Real(value) if value == f64::NEG_INFINITY => writeln!(text, " -Inf"),
            Value::Real(value) => writeln!(text, " {value}"),
        };
    }
}

fn seconds_of_us(us: u64) -> f64 {
    us as f64 / 1e6
}

impl From<u64> for Value {
    fn from(value: u64) -> Value {
        Value::Whole(value)
    }
}

impl From<usize> for Value {
    fn from(value: usize) -> Value {
        Value::Whole(value as u64)
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Value {
        Value::Whole(value.into())
    }
}

impl From<f64> for Value {
    fn from(value: f64) -> Value {
        Value::Real(value)
    }
}

fn is_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase())
        && name.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gauges::POLL_BOUNDS;

    fn text(format: Format) -> String {
        let mut exposition = Exposition::new(format);
        exposition
            .counter("a_bytes", "bytes", "Bytes \"read\"\\\n.")
            .sample(&[("core", "0"), ("class", "x\"\\\ny")], 3_u64);
        exposition.gauge("b", "", "B.").sample(&[], 0.25).sample(&[], f64::INFINITY).sample(&[], true);
        exposition.finish()
    }

    #[test]
    fn both_formats() {
        assert_eq!(
            text(Format::OpenMetrics),
            "# TYPE a_bytes counter\n# UNIT a_bytes bytes\n# HELP a_bytes Bytes \\\"read\\\"\\\\\\n.\n\
             a_bytes_total{core=\"0\",class=\"x\\\"\\\\\\ny\"} 3\n\
             # TYPE b gauge\n# HELP b B.\nb 0.25\nb +Inf\nb 1\n# EOF\n"
        );
        assert_eq!(
            text(Format::Prometheus),
            "# TYPE a_bytes_total counter\n# HELP a_bytes_total Bytes \\\"read\\\"\\\\\\n.\n\
             a_bytes_total{core=\"0\",class=\"x\\\"\\\\\\ny\"} 3\n\
             # TYPE b gauge\n# HELP b B.\nb 0.25\nb +Inf\nb 1\n"
        );
    }

    #[test]
    fn a_histogram_counts_what_is_below_each_bound() {
        let mut measured = Measured::none(&POLL_BOUNDS);
        (measured.counts[0], measured.counts[8], measured.counts[14], measured.sum_us) = (2, 3, 1, 1_500_000);
        for format in [Format::OpenMetrics, Format::Prometheus] {
            let mut exposition = Exposition::new(format);
            exposition.histogram("a_seconds", "A.").measured(&[("b", "c")], &measured).measured(&[], &measured);
            let text = exposition.finish();
            let head = "# TYPE a_seconds histogram\n";
            assert!(text.starts_with(head) && text.contains("\n# HELP a_seconds A.\n"), "{text}");
            for line in [
                "a_seconds_bucket{b=\"c\",le=\"0.001\"} 2",
                "a_seconds_bucket{b=\"c\",le=\"0.5\"} 2",
                "a_seconds_bucket{b=\"c\",le=\"1.0\"} 5",
                "a_seconds_bucket{b=\"c\",le=\"60.0\"} 5",
                "a_seconds_bucket{b=\"c\",le=\"+Inf\"} 6",
                "a_seconds_sum{b=\"c\"} 1.5",
                "a_seconds_count{b=\"c\"} 6",
                "a_seconds_bucket{le=\"+Inf\"} 6",
                "a_seconds_count 6",
            ] {
                assert_eq!(text.lines().filter(|found| *found == line).count(), 1, "{line}\n{text}");
            }
        }
    }

    #[test]
    fn the_older_format_is_for_who_asks_for_it_alone() {
        for (accept, want) in [
            (None, Format::OpenMetrics),
            (Some("*/*"), Format::OpenMetrics),
            (Some("text/plain"), Format::Prometheus),
            (Some("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5"), Format::OpenMetrics),
        ] {
            assert_eq!(Format::of_accept(accept), want, "{accept:?}");
        }
    }
}
