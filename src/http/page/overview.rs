//! The page at `/`: is it well, which feeds are not, what arrives, how hard it works.

use super::articles::{ArticleLine, feed_link};
use super::escape::text;
use super::layout::{Layout, Section, column, scrolling};
use super::plot;
use super::words;
use crate::failure::Phase;
use crate::http::Status;
use crate::limits::{PAGE_FAILING_MAX, PAGE_FLIGHTS_MAX, PAGE_NEWEST_MAX};

/// What the page shows. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug)]
pub(crate) struct Overview {
    pub(crate) now_ms: i64,
    pub(crate) status: Status,
    /// What is not as it should be, in words.
    pub(crate) reasons: Vec<String>,
    pub(crate) uptime_s: u64,
    pub(crate) feeds: FeedCounts,
    /// While not every feed was polled once since the start.
    pub(crate) first_round: Option<FirstRound>,
    /// The latest to fail first, as that is the news. Only the first few are shown.
    pub(crate) failing: Vec<FailingLine>,
    /// Newest first; `None` where the database did not answer in time.
    pub(crate) newest: Option<Vec<ArticleLine>>,
    /// Where the live list goes on after `newest`.
    pub(crate) cursor: Option<String>,
    pub(crate) hour: Hour,
    pub(crate) cores: Vec<CoreLine>,
    /// Oldest first. Only the first few are shown.
    pub(crate) flights: Vec<FlightLine>,
    /// Polls that wait for the writer.
    pub(crate) writer_queue: u64,
    pub(crate) last_commit_at: Option<i64>,
    pub(crate) streams: u64,
}

/// As in `/health`: `ok` and `failing` are all of them, `overdue` may be either.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FeedCounts {
    pub(crate) total: u64,
    pub(crate) ok: u64,
    pub(crate) overdue: u64,
    pub(crate) failing: u64,
}

/// How far the first round since the start has come.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct FirstRound {
    pub(crate) polled: u64,
    pub(crate) feeds: u64,
    pub(crate) articles: u64,
}

/// A feed whose last poll failed.
#[derive(Clone, Debug)]
pub(crate) struct FailingLine {
    pub(crate) name: String,
    pub(crate) since_ms: i64,
    pub(crate) failure_count: u64,
    /// In words.
    pub(crate) reason: String,
    pub(crate) next_poll_at: Option<i64>,
}

/// The last sixty minutes, oldest first, the last one just ended; fewer right after a start.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hour {
    pub(crate) minutes: Vec<Minute>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Minute {
    pub(crate) polls: u64,
    /// Received, before decoding.
    pub(crate) wire_bytes: u64,
    /// Half of the polls took less; `None` where there was none.
    pub(crate) latency_p50_ms: Option<u64>,
    pub(crate) latency_p95_ms: Option<u64>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct CoreLine {
    pub(crate) core: usize,
    pub(crate) heartbeat_age_ms: u64,
    pub(crate) feeds: u64,
    pub(crate) in_flight: u64,
    /// Due, and not admitted yet.
    pub(crate) overdue: u64,
}

/// A poll in flight.
#[derive(Clone, Debug)]
pub(crate) struct FlightLine {
    pub(crate) feed: String,
    pub(crate) phase: Phase,
    pub(crate) age_ms: u64,
    /// What is left until it is given up.
    pub(crate) left_ms: u64,
    pub(crate) wire_bytes: u64,
}

const MINUTES: usize = 60;

impl Overview {
    pub(crate) fn to_html(&self) -> String {
        let main = [
            self.lead(),
            self.first_round(),
            self.failing(),
            self.hour(),
            format!(
                "<div class=\"columns\">\n{}<div class=\"side\">\n{}{}</div>\n</div>",
                self.newest(),
                self.cores(),
                self.flights()
            ),
        ]
        .concat();
        let title = status_in_words(self.status);
        Layout { title, section: Section::Overview, search: "" }.around(&main)
    }

    /// live.js keeps it up to date from `/health`, by the ids and `data-` attributes.
    fn lead(&self) -> String {
        let status = self.status.name();
        let words = status_in_words(self.status);
        let reasons: String = self.reasons.iter().map(|reason| format!("<li>{}</li>", text(reason))).collect();
        let commit = match self.last_commit_at {
            Some(at) => format!("last commit {}", words::time(self.now_ms, at)),
            None => "nothing committed yet".to_owned(),
        };
        let FeedCounts { total, ok, overdue, failing } = self.feeds;
        let figure = |n: u64, key: &str, href: &str, label: &str| {
            let none = if n == 0 { " none" } else { "" };
            let n = words::count(n);
            format!(
                r#"<li class="{key}{none}"><a href="{href}"><strong data-count="{key}">{n}</strong> {label}</a></li>"#
            )
        };
        let figures = [
            figure(failing, "failing", "/feeds?state=failing", "failing"),
            figure(overdue, "overdue", "/feeds?state=late", "late"),
            figure(ok, "ok", "/feeds?state=fine", "fine"),
            figure(total, "total", "/feeds", "feeds"),
        ]
        .concat();
        format!(
            r#"<header class="lead" id="status" data-status="{status}">
<h1>{words}</h1>
<ul class="reasons" aria-label="Reasons">{reasons}</ul>
<p class="meta">up <span data-uptime="{uptime_s}">{uptime}</span>, <span data-commit="">{commit}</span>, <span data-queue="">{queue}</span> waiting for the writer, <span data-streams="">{streams}</span></p>
<ul class="figures" aria-label="Feeds">{figures}</ul>
</header>
"#,
            uptime_s = self.uptime_s,
            uptime = words::duration(self.uptime_s.saturating_mul(1000)),
            queue = words::counted(self.writer_queue, "poll"),
            streams = words::counted(self.streams, "stream"),
        )
    }

    fn first_round(&self) -> String {
        let (hidden, FirstRound { polled, feeds, articles }) = match self.first_round {
            Some(round) => ("", round),
            None => (r#" hidden="hidden""#, FirstRound::default()),
        };
        let words = format!(
            "{} of {}, {}",
            words::count(polled),
            words::counted(feeds, "feed"),
            words::counted(articles, "article")
        );
        let most = feeds.max(1);
        format!(
            r#"<section class="round" id="round" aria-labelledby="round-heading"{hidden}><h2 id="round-heading">First round</h2>
<p><progress value="{polled}" max="{most}" aria-labelledby="round-words"></progress> <span id="round-words">{words}</span></p></section>
"#
        )
    }

    fn failing(&self) -> String {
        if self.failing.is_empty() {
            return String::new();
        }
        let items: String = self.failing.iter().take(PAGE_FAILING_MAX).map(|line| self.failing_item(line)).collect();
        let shown = self.failing.len().min(PAGE_FAILING_MAX) as u64;
        let more = match self.feeds.failing.saturating_sub(shown) {
            0 => String::new(),
            more => {
                format!(r#"<p class="more"><a href="/feeds?state=failing">and {} more</a></p>"#, words::count(more))
            }
        };
        format!(
            "<section aria-labelledby=\"failing\"><h2 id=\"failing\">Failing feeds</h2>\n\
             <ul class=\"failing\">{items}</ul>\n{more}</section>\n"
        )
    }

    fn failing_item(&self, line: &FailingLine) -> String {
        let next =
            (line.next_poll_at).map(|at| format!(", next poll {}", words::time(self.now_ms, at))).unwrap_or_default();
        format!(
            r#"<li>{name}<p class="reason">{reason}</p><p class="meta">began {since}, {polls}{next}</p></li>
"#,
            name = feed_link(&line.name),
            reason = text(&line.reason),
            since = words::time(self.now_ms, line.since_ms),
            polls = words::counted(line.failure_count, "poll"),
        )
    }

    fn hour(&self) -> String {
        let minutes = &self.hour.minutes;
        let column = |of: fn(&Minute) -> Option<u64>| minutes.iter().map(of).collect::<Vec<Option<u64>>>();
        let polls = column(|minute| Some(minute.polls));
        let bytes = column(|minute| Some(minute.wire_bytes));
        let usual = column(|minute| minute.latency_p50_ms);
        let slow = column(|minute| minute.latency_p95_ms);
        let most = |values: &[Option<u64>]| values.iter().flatten().copied().max();
        let last = |values: &[Option<u64>]| values.iter().rev().flatten().copied().next();
        let or_none = |value: Option<u64>, words: fn(u64) -> String| value.map_or_else(|| "–".to_owned(), words);

        let polls_most = or_none(most(&polls), words::count);
        let bytes_most = or_none(most(&bytes), words::bytes);
        let slow_most = or_none(most(&slow), words::duration);
        let slow_last = or_none(last(&slow), words::duration);
        let figures = [
            Figure {
                name: "Polls a minute",
                now: or_none(last(&polls), words::count),
                beside: String::new(),
                extent: format!("most {polls_most}"),
                plot: plot::bars(&format!("polls a minute over the last hour, at most {polls_most}"), &polls, MINUTES),
            },
            Figure {
                name: "Latency of a poll",
                now: or_none(last(&usual), words::duration),
                beside: format!("95 % under {slow_last}"),
                extent: format!("slowest {slow_most}, log scale"),
                plot: plot::band(
                    &format!("median and 95th percentile of a poll’s time over the last hour, up to {slow_most}"),
                    &usual,
                    &slow,
                    MINUTES,
                ),
            },
            Figure {
                name: "Received a minute",
                now: or_none(last(&bytes), words::bytes),
                beside: String::new(),
                extent: format!("most {bytes_most}"),
                plot: plot::bars(
                    &format!("bytes received a minute over the last hour, at most {bytes_most}"),
                    &bytes,
                    MINUTES,
                ),
            },
        ]
        .iter()
        .map(Figure::markup)
        .collect::<String>();
        format!(
            "<section aria-labelledby=\"hour\"><h2 id=\"hour\">The last hour</h2>\n\
             <div class=\"multiples\">{figures}</div></section>\n"
        )
    }

    fn newest(&self) -> String {
        let articles = self.newest.as_deref().unwrap_or_default();
        let items: String = articles.iter().take(PAGE_NEWEST_MAX).map(|article| article.item(self.now_ms)).collect();
        let empty = match &self.newest {
            None => "The database did not answer in time; articles that arrive from now on appear here.",
            Some(_) => "No articles yet; they appear here as they arrive.",
        };
        let hidden = if items.is_empty() { "" } else { r#" hidden="hidden""# };
        let cursor =
            self.cursor.as_deref().map(|cursor| format!(r#" data-cursor="{}""#, text(cursor))).unwrap_or_default();
        format!(
            r#"<section class="arriving" aria-labelledby="arriving"><div class="title-row"><h2 id="arriving">Newest articles</h2>
<p class="live" id="live" role="status"><span>as of {now}</span></p>
<button type="button" id="pause" hidden="hidden" aria-pressed="false">Pause</button></div>
<p class="quiet" id="no-articles"{hidden}>{empty}</p>
<ol class="articles" id="articles" aria-live="polite" aria-relevant="additions"{cursor}>{items}</ol>
<p class="more"><a href="/articles">All articles</a></p></section>
"#,
            now = words::time_of_day(self.now_ms),
        )
    }

    fn cores(&self) -> String {
        let columns = [
            column("Core", false),
            column("Turned", true),
            column("Feeds", true),
            column("Late", true),
            column("In flight", true),
        ]
        .concat();
        let rows: String = self.cores.iter().map(CoreLine::row).collect();
        let table = format!("<table><thead><tr>{columns}</tr></thead>\n<tbody>{rows}</tbody></table>");
        format!(
            "<section aria-labelledby=\"cores\"><h2 id=\"cores\">Cores</h2>\n{}</section>\n",
            scrolling("Cores", &table)
        )
    }

    fn flights(&self) -> String {
        let all: u64 = self.cores.iter().map(|core| core.in_flight).sum();
        let shown = self.flights.len().min(PAGE_FLIGHTS_MAX) as u64;
        let content = if shown == 0 {
            r#"<p class="quiet">Nothing at the moment.</p>"#.to_owned()
        } else {
            let columns =
                [column("Feed", false), column("Phase", false), column("Age", true), column("Left", true)].concat();
            let rows: String = self.flights.iter().take(PAGE_FLIGHTS_MAX).map(FlightLine::row).collect();
            let table = format!("<table><thead><tr>{columns}</tr></thead>\n<tbody>{rows}</tbody></table>");
            scrolling("Polls in flight", &table)
        };
        let more = match all.saturating_sub(shown) {
            more if more > 0 && shown > 0 => format!("<p class=\"more\">and {} younger</p>", words::count(more)),
            _ => String::new(),
        };
        format!(
            "<section aria-labelledby=\"flights\"><h2 id=\"flights\">In flight, oldest first</h2>\n{content}{more}</section>\n"
        )
    }
}

/// The sentence that the page opens with; live.js has the same ones.
fn status_in_words(status: Status) -> &'static str {
    match status {
        Status::Ok => "All is well",
        Status::Degraded => "Something waits, nothing is lost",
        Status::Failing => "Something has stopped",
    }
}

/// One of the small plots.
struct Figure {
    name: &'static str,
    now: String,
    beside: String,
    extent: String,
    plot: String,
}

impl Figure {
    fn markup(&self) -> String {
        let Figure { name, now, beside, extent, plot } = self;
        format!(
            r#"<figure><h3>{name}</h3><p class="figure">{now} <small>{beside}</small></p>
{plot}<figcaption><span>an hour ago</span><span>{extent}</span><span>now</span></figcaption></figure>
"#
        )
    }
}

impl CoreLine {
    fn row(&self) -> String {
        let CoreLine { core, heartbeat_age_ms, feeds, in_flight, overdue } = *self;
        let count = |n: u64, key: &str| format!(r#"<td class="number" data-{key}="">{}</td>"#, words::count(n));
        format!(
            "<tr data-core=\"{core}\"><th scope=\"row\">core {core}</th><td class=\"number\" data-heartbeat=\"\">{} ago</td>{}{}{}</tr>\n",
            words::duration(heartbeat_age_ms),
            count(feeds, "feeds"),
            count(overdue, "late"),
            count(in_flight, "in-flight"),
        )
    }
}

impl FlightLine {
    fn row(&self) -> String {
        let FlightLine { feed, phase, age_ms, left_ms, wire_bytes } = self;
        let received = match wire_bytes {
            0 => String::new(),
            n => format!(r#"<span class="sub">{}</span>"#, words::bytes(*n)),
        };
        format!(
            "<tr><th scope=\"row\">{}{}</th><td>{}{received}</td><td class=\"number\">{}</td><td class=\"number\">{}</td></tr>\n",
            feed_link(feed),
            plot::gauge(*age_ms, age_ms.saturating_add(*left_ms)),
            phase.name(),
            words::duration(*age_ms),
            words::duration(*left_ms),
        )
    }
}
