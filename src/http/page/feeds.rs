//! All feeds as a table, and how one feed is, in words.

use super::articles::feed_link;
use super::escape::{encoded, text};
use super::layout::{Layout, Section, column};
use super::words;

/// How a feed is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FeedHealth {
    Fine,
    /// Due, and not polled yet.
    Late,
    Failing,
    /// Not polled since it was subscribed.
    New,
    /// The publisher says that it is not coming back.
    Gone,
}

impl FeedHealth {
    /// In `state=` of an address, and as a class in the style sheet.
    pub(crate) fn name(self) -> &'static str {
        match self {
            FeedHealth::Fine => "fine",
            FeedHealth::Late => "late",
            FeedHealth::Failing => "failing",
            FeedHealth::New => "new",
            FeedHealth::Gone => "gone",
        }
    }

    pub(crate) fn from_name(name: &str) -> Option<FeedHealth> {
        FeedHealth::ALL.into_iter().find(|health| health.name() == name)
    }

    const ALL: [FeedHealth; 5] =
        [FeedHealth::Failing, FeedHealth::Late, FeedHealth::Gone, FeedHealth::New, FeedHealth::Fine];

    pub(super) fn badge(self) -> String {
        let name = self.name();
        format!(r#"<span class="badge {name}">{name}</span>"#)
    }
}

/// One feed in a table. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug)]
pub(crate) struct FeedLine {
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) health: FeedHealth,
    pub(crate) failing_since: Option<i64>,
    /// Why its last poll failed, in words.
    pub(crate) reason: Option<String>,
    pub(crate) last_polled_at: Option<i64>,
    pub(crate) next_poll_at: Option<i64>,
    pub(crate) article_count: u64,
}

/// The page of `/feeds`.
#[derive(Clone, Debug, Default)]
pub(crate) struct FeedsPage {
    pub(crate) now_ms: i64,
    /// Only these, if any.
    pub(crate) state: Option<FeedHealth>,
    /// Failing ones first is a good order; it is the caller's.
    pub(crate) feeds: Vec<FeedLine>,
    /// All there are in this state, on this page or not.
    pub(crate) total: u64,
    /// How many stand before the first one shown.
    pub(crate) offset: u64,
}

impl FeedsPage {
    pub(crate) fn to_html(&self) -> String {
        let heading = match self.state {
            None => "Feeds".to_owned(),
            Some(health) => format!("Feeds: {}", health.name()),
        };
        let main = format!(
            r#"<h1>{heading}</h1>
{states}<p class="quiet">{extent}</p>
{table}{pager}"#,
            states = self.states(),
            extent = self.extent(),
            table = self.table(),
            pager = self.pager(),
        );
        Layout { title: &heading, section: Section::Feeds, search: "" }.around(&main)
    }

    fn states(&self) -> String {
        let item = |state: Option<FeedHealth>| {
            let (href, label) = match state {
                None => ("/feeds".to_owned(), "all"),
                Some(health) => (format!("/feeds?state={}", health.name()), health.name()),
            };
            let current = if state == self.state { r#" aria-current="true""# } else { "" };
            format!(r#"<li><a href="{href}"{current}>{label}</a></li>"#)
        };
        let items: String = std::iter::once(None).chain(FeedHealth::ALL.map(Some)).map(item).collect();
        format!("<nav class=\"states\" aria-label=\"By state\"><ul>{items}</ul></nav>\n")
    }

    fn extent(&self) -> String {
        let shown = self.feeds.len() as u64;
        if shown == self.total {
            return words::counted(self.total, "feed");
        }
        if shown == 0 {
            return format!("none of {}", words::counted(self.total, "feed"));
        }
        let (first, last) = (self.offset.saturating_add(1), self.offset.saturating_add(shown));
        let (first, last) = (words::count(first), words::count(last));
        format!("{first} to {last} of {}", words::counted(self.total, "feed"))
    }

    fn table(&self) -> String {
        if self.feeds.is_empty() {
            return String::new();
        }
        let columns = [
            column("Feed", false),
            column("State", false),
            column("Last poll", false),
            column("Next poll", false),
            column("Articles", true),
        ]
        .concat();
        let rows: String = self.feeds.iter().map(|feed| self.row(feed)).collect();
        // On a narrow screen rows become cards. The roles are said again, since a table that is laid out otherwise is none
        // to assistive technology.
        format!(
            r#"<table class="cards" role="table" aria-label="Feeds"><thead role="rowgroup"><tr role="row">{}</tr></thead>
<tbody role="rowgroup">{rows}</tbody></table>"#,
            columns.replace("<th ", r#"<th role="columnheader" "#)
        )
    }

    fn row(&self, feed: &FeedLine) -> String {
        let title = (feed.title.as_deref())
            .map(|title| format!(r#"<span class="sub" dir="auto">{}</span>"#, text(title)))
            .unwrap_or_default();
        let since = (feed.failing_since)
            .map(|at| format!(r#" <span class="sub">began {}</span>"#, words::time(self.now_ms, at)))
            .unwrap_or_default();
        let reason = (feed.reason.as_deref())
            .map(|reason| format!(r#"<span class="sub reason">{}</span>"#, text(reason)))
            .unwrap_or_default();
        let time = |at: Option<i64>| at.map_or_else(|| "–".to_owned(), |at| words::time(self.now_ms, at));
        format!(
            r#"<tr role="row"><th role="rowheader" scope="row">{name}{title}</th><td role="cell">{badge}{since}{reason}</td><td role="cell" data-label="Last poll">{last}</td><td role="cell" data-label="Next poll">{next}</td><td role="cell" class="number" data-label="Articles">{articles}</td></tr>
"#,
            name = feed_link(&feed.name),
            badge = feed.health.badge(),
            last = time(feed.last_polled_at),
            next = time(feed.next_poll_at),
            articles = words::count(feed.article_count),
        )
    }

    fn pager(&self) -> String {
        let state = self.state.map(|health| format!("state={}&amp;", health.name())).unwrap_or_default();
        let shown = self.feeds.len() as u64;
        let first = (self.offset > 0).then(|| {
            let mark = if self.state.is_some() { "?" } else { "" };
            let state = state.trim_end_matches("&amp;");
            format!(r#"<li><a href="/feeds{mark}{state}" rel="first">First</a></li>"#)
        });
        let next = (shown > 0 && self.offset.saturating_add(shown) < self.total).then(|| {
            let offset = self.offset + shown;
            format!(r#"<li><a href="/feeds?{state}offset={offset}" rel="next">Next</a></li>"#)
        });
        match (first, next) {
            (None, None) => String::new(),
            (first, next) => format!(
                r#"<nav class="pager" aria-label="Paging"><ul>{}{}</ul></nav>"#,
                first.unwrap_or_default(),
                next.unwrap_or_default()
            ),
        }
    }
}

/// A feed's labels, each a link to all articles with it.
pub(super) fn labels(labels: &[(String, String)]) -> String {
    labels
        .iter()
        .map(|(key, value)| {
            let href = format!("/articles?label={}:{}", encoded(key), encoded(value));
            format!(r#"<a class="label" href="{href}"><bdi>{}: {}</bdi></a> "#, text(key), text(value))
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_state_has_a_name_that_finds_it() {
        for health in FeedHealth::ALL {
            assert_eq!(FeedHealth::from_name(health.name()), Some(health));
        }
        assert_eq!(FeedHealth::from_name("\"><script>"), None);
    }

    #[test]
    fn pages_of_feeds_lead_on_to_the_last() {
        let line = FeedLine {
            name: "a".into(),
            title: None,
            health: FeedHealth::Fine,
            failing_since: None,
            reason: None,
            last_polled_at: None,
            next_poll_at: None,
            article_count: 0,
        };
        let failing = Some(FeedHealth::Failing);
        for (state, shown, total, offset, extent, links) in [
            (None, 2, 2, 0, "2 feeds", vec![]),
            (None, 2, 5, 0, "1 to 2 of 5 feeds", vec!["/feeds?offset=2"]),
            (failing, 2, 5, 2, "3 to 4 of 5 feeds", vec!["/feeds?state=failing", "/feeds?state=failing&amp;offset=4"]),
            (None, 1, 5, 4, "5 to 5 of 5 feeds", vec!["/feeds"]),
            (None, 0, 0, 0, "0 feeds", vec![]),
            // As asked for by hand.
            (None, 0, 5, u64::MAX, "none of 5 feeds", vec!["/feeds"]),
        ] {
            let page = FeedsPage { state, feeds: vec![line.clone(); shown], total, offset, ..FeedsPage::default() };
            let pager = page.pager();
            let found: Vec<&str> =
                pager.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect();
            assert_eq!((page.extent().as_str(), found), (extent, links));
        }
    }
}
