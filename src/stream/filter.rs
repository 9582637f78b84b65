//! Which articles a client asked for: by feed and by label.
//!
//! Feeds are alternatives. Labels with the same key are alternatives, those with different keys all have to hold:
//! `label=country:GB&label=country:IE&label=category:world` is world news of either country.

use std::fmt;

use super::ring::Origin;
use crate::limits::FILTER_VALUES_MAX;

/// What to let through; the default is everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Filter {
    /// Names.
    feeds: Vec<String>,
    /// Keys and values, sorted, so that those of one key stand together.
    labels: Vec<(String, String)>,
}

/// Why a filter cannot be understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FilterMistake {
    /// A `label=` without a colon.
    NoColon,
    TooMany,
}

impl Filter {
    /// From the values of `feed=` and `label=K:V`. A key ends at the first colon.
    ///
    /// # Errors
    ///
    /// A label without a colon, or more values than a request may have.
    pub(crate) fn new<'a>(
        feeds: impl IntoIterator<Item = &'a str>,
        labels: impl IntoIterator<Item = &'a str>,
    ) -> Result<Filter, FilterMistake> {
        let mut filter = Filter::default();
        for feed in feeds {
            filter.feeds.push(feed.to_owned());
            if filter.feeds.len() > FILTER_VALUES_MAX {
                return Err(FilterMistake::TooMany);
            }
        }
        for label in labels {
            let (key, value) = label.split_once(':').ok_or(FilterMistake::NoColon)?;
            filter.labels.push((key.to_owned(), value.to_owned()));
            if filter.labels.len() > FILTER_VALUES_MAX {
                return Err(FilterMistake::TooMany);
            }
        }
        filter.feeds.sort_unstable();
        filter.feeds.dedup();
        filter.labels.sort_unstable();
        filter.labels.dedup();
        Ok(filter)
    }

    pub(crate) fn lets_through(&self, origin: &Origin) -> bool {
        let of_feed = self.feeds.is_empty() || self.feeds.binary_search(&origin.feed).is_ok();
        let holds = |alternatives: &[(String, String)]| {
            let value = origin.labels.get(&alternatives[0].0);
            value.is_some_and(|value| alternatives.iter().any(|(_, wanted)| wanted == value))
        };
        of_feed && self.labels.chunk_by(|a, b| a.0 == b.0).all(holds)
    }

    /// Names of feeds, any of which will do; none is all.
    pub(crate) fn feeds(&self) -> &[String] {
        &self.feeds
    }

    /// Keys and values, sorted.
    pub(crate) fn labels(&self) -> &[(String, String)] {
        &self.labels
    }
}

impl fmt::Display for FilterMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            FilterMistake::NoColon => f.write_str("`label` has no colon; write it as KEY:VALUE"),
            FilterMistake::TooMany => write!(f, "more than {FILTER_VALUES_MAX} values of `feed` or of `label`"),
        }
    }
}

impl std::error::Error for FilterMistake {}

#[cfg(test)]
mod tests {
    use super::*;

    fn origin(feed: &str, labels: &[(&str, &str)]) -> Origin {
        let labels = labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Origin { feed: feed.to_owned(), labels: labels.collect() }
    }

    #[test]
    fn feeds_and_labels() {
        let bbc = origin("bbc", &[("category", "world"), ("country", "GB")]);
        for (feeds, labels, want) in [
            (vec![], vec![], true),
            (vec!["bbc"], vec![], true),
            (vec!["cnn", "bbc"], vec![], true),
            (vec!["cnn"], vec![], false),
            (vec!["BBC"], vec![], false),
            (vec![], vec!["country:GB"], true),
            (vec![], vec!["country:IE"], false),
            (vec![], vec!["country:IE", "country:GB"], true),
            (vec![], vec!["country:IE", "category:world", "country:GB"], true),
            (vec![], vec!["country:GB", "category:sport"], false),
            (vec![], vec!["absent:"], false),
            (vec!["cnn"], vec!["country:GB"], false),
        ] {
            let filter = Filter::new(feeds.clone(), labels.clone()).unwrap();
            assert_eq!(filter.lets_through(&bbc), want, "{feeds:?} {labels:?}");
        }
    }

    #[test]
    fn a_value_may_hold_colons_and_a_label_has_one() {
        let odd = origin("f", &[("link", "a:b")]);
        assert!(Filter::new([], ["link:a:b"]).unwrap().lets_through(&odd));
        assert_eq!(Filter::new([], ["link"]), Err(FilterMistake::NoColon));
        assert_eq!(Filter::new(vec!["f"; FILTER_VALUES_MAX + 1], []), Err(FilterMistake::TooMany));
        assert_eq!(Filter::new([], vec!["a:b"; FILTER_VALUES_MAX + 1]), Err(FilterMistake::TooMany));
    }
}
