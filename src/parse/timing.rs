//! What a document says about when it changes, beside `ttl`, all of which feed-rs passes over: RSS `skipHours` and
//! `skipDays`, and the syndication module (<https://web.resource.org/rss/1.0/modules/syndication/>).
//!
//! The gate notes it, or the repair where that runs; what odd values mean is decided here.

use std::time::Duration;

use crate::article::Skip;

const HOUR: Duration = Duration::from_secs(3_600);

/// An element whose text is noted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Hour,
    Day,
    UpdatePeriod,
    UpdateFrequency,
}

impl Field {
    /// By its name without prefix. Those of the syndication module are like no others, so that its prefix may be any.
    pub(crate) fn of(local: &str) -> Option<Field> {
        const NAMES: [(&str, Field); 4] = [
            ("hour", Field::Hour),
            ("day", Field::Day),
            ("updatePeriod", Field::UpdatePeriod),
            ("updateFrequency", Field::UpdateFrequency),
        ];
        NAMES.into_iter().find(|(name, _)| local.eq_ignore_ascii_case(name)).map(|(_, field)| field)
    }
}

/// What was noted.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Timing {
    pub(crate) skip: Skip,
    period: Option<Duration>,
    frequency: Option<u32>,
}

impl Timing {
    /// Notes the text of an element. What makes no sense says nothing.
    pub(crate) fn note(&mut self, field: Field, text: &str) {
        let text = text.trim();
        match field {
            Field::Hour => text.parse().into_iter().for_each(|hour| self.skip.add_hour(hour)),
            Field::Day => self.skip.add_day(text),
            Field::UpdatePeriod => self.period = period(text),
            Field::UpdateFrequency => self.frequency = text.parse().ok().filter(|times| *times > 0),
        }
    }

    /// The time between two updates. By the module, once a day where only half of it is written.
    pub(crate) fn update_period(&self) -> Option<Duration> {
        match (self.period, self.frequency) {
            (None, None) => None,
            (period, frequency) => Some(period.unwrap_or(24 * HOUR) / frequency.unwrap_or(1)),
        }
    }
}

fn period(word: &str) -> Option<Duration> {
    let hours = match word.to_ascii_lowercase().as_str() {
        "hourly" => 1,
        "daily" => 24,
        "weekly" => 7 * 24,
        "monthly" => 30 * 24,
        "yearly" => 365 * 24,
        _ => return None,
    };
    Some(HOUR * hours)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::FeedMeta;
    use crate::parse::{Source, parse};

    #[test]
    fn periods_by_frequencies() {
        use Field::{UpdateFrequency, UpdatePeriod};
        for (noted, seconds) in [
            (&[][..], None),
            (&[(UpdatePeriod, " hourly\n")][..], Some(3_600)),
            (&[(UpdatePeriod, "hourly"), (UpdateFrequency, "1")][..], Some(3_600)),
            (&[(UpdateFrequency, "2"), (UpdatePeriod, "Daily")][..], Some(43_200)),
            (&[(UpdateFrequency, "4")][..], Some(21_600)),
            (&[(UpdatePeriod, "weekly")][..], Some(604_800)),
            (&[(UpdatePeriod, "monthly")][..], Some(2_592_000)),
            (&[(UpdatePeriod, "yearly"), (UpdateFrequency, "365")][..], Some(86_400)),
            (&[(UpdatePeriod, "now and then")][..], None),
            (&[(UpdatePeriod, "hourly"), (UpdateFrequency, "0")][..], Some(3_600)),
            (&[(UpdatePeriod, "hourly"), (UpdateFrequency, "-1")][..], Some(3_600)),
        ] {
            let mut timing = Timing::default();
            noted.iter().for_each(|(field, text)| timing.note(*field, text));
            assert_eq!(timing.update_period(), seconds.map(Duration::from_secs), "{noted:?}");
        }
    }

    fn meta(text: &str) -> FeedMeta {
        let base_url = url::Url::parse("http://feed.example/").unwrap();
        let source =
            Source { bytes: text.as_bytes(), content_type: None, base_url: &base_url, articles_max: 10, now_ms: 0 };
        parse(&source).unwrap_or_else(|failure| panic!("{failure}: {text}")).feed
    }

    /// The skipped hours and days, and the seconds of the period.
    fn told(text: &str) -> (u32, Vec<&'static str>, Option<u64>) {
        let meta = meta(text);
        (meta.skip.hours, meta.skip.day_names().collect(), meta.update_period.map(|period| period.as_secs()))
    }

    const SKIPS: &str = "<skipHours><hour>0</hour><hour> 23 </hour><hour>24</hour><hour>25</hour><hour>x</hour></skipHours>\
         <skipDays><day>Saturday</day><day>sunday</day><day>Someday</day></skipDays>";
    const SY: &str = "<sy:updatePeriod> daily </sy:updatePeriod><sy:updateFrequency><![CDATA[2]]></sy:updateFrequency>";
    const SY_NS: &str = "xmlns:sy=\"http://purl.org/rss/1.0/modules/syndication/\"";
    const ITEM: &str = "<item><title>a</title><guid>1</guid></item>";

    #[test]
    fn a_document_tells_its_hours_days_and_period_in_any_dialect_healthy_or_not() {
        let all = (1 | 1 << 23, vec!["Saturday", "Sunday"], Some(43_200));
        let period = (0, vec![], Some(43_200));
        for (what, text, expected) in [
            ("RSS", format!("<rss version=\"2.0\" {SY_NS}><channel>{SKIPS}{SY}{ITEM}</channel></rss>"), &all),
            (
                "after the items",
                format!("<rss version=\"2.0\" {SY_NS}><channel>{ITEM}{SKIPS}{SY}</channel></rss>"),
                &all,
            ),
            ("no version", format!("<rss {SY_NS}><channel>{SKIPS}{SY}{ITEM}</channel></rss>"), &all),
            (
                "a bare ampersand",
                format!("<rss version=\"2.0\" {SY_NS}><channel><title>a & b</title>{SKIPS}{SY}{ITEM}</channel></rss>"),
                &all,
            ),
            ("cut off", format!("<rss version=\"2.0\" {SY_NS}><channel>{SKIPS}{SY}{ITEM}<item>"), &all),
            (
                "RDF",
                format!(
                    "<rdf:RDF xmlns=\"http://purl.org/rss/1.0/\" xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\" {SY_NS}><channel>{SY}</channel>{ITEM}</rdf:RDF>"
                ),
                &period,
            ),
            (
                "Atom",
                format!(
                    "<feed xmlns=\"http://www.w3.org/2005/Atom\" {SY_NS}><id>f</id><title>f</title>{SY}<entry><id>e</id><title>a</title></entry></feed>"
                ),
                &period,
            ),
            (
                "of an item",
                format!(
                    "<rss version=\"2.0\" {SY_NS}><channel><item><title>a</title><guid>1</guid>{SKIPS}{SY}</item></channel></rss>"
                ),
                &(0, vec![], None),
            ),
        ] {
            assert_eq!(told(&text), *expected, "{what}: {text}");
        }
        assert_eq!(meta("<rss version=\"2.0\"><channel><ttl>60</ttl></channel></rss>").ttl_minutes, Some(60));
    }
}
