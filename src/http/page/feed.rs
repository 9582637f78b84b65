//! One feed: how it is, when it is polled next and why, and how its last polls went.

use super::article::{bdi, fact};
use super::articles::ArticleLine;
use super::escape::{encoded, link, text};
use super::feeds::{FeedHealth, labels};
use super::layout::{Layout, Section, column, scrolling_tall};
use super::plot::{self, Stack};
use super::words;
use crate::clock::duration_ms;
use crate::limits::{FETCH_LOG_POLLS, GONE_POLLS_MAX};
use crate::schedule::{Asked, Rule};

/// The page of `/feeds/NAME`. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug)]
pub(crate) struct FeedPage {
    pub(crate) now_ms: i64,
    pub(crate) name: String,
    pub(crate) title: Option<String>,
    pub(crate) health: FeedHealth,
    /// As configured.
    pub(crate) url: String,
    /// Where permanent redirects led.
    pub(crate) effective_url: Option<String>,
    pub(crate) site_url: Option<String>,
    pub(crate) language: Option<String>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) etag: Option<String>,
    pub(crate) last_modified: Option<String>,
    /// What was wrong with its last document, a line a kind.
    pub(crate) repaired: Vec<String>,
    pub(crate) last_polled_at: Option<i64>,
    pub(crate) last_ok_at: Option<i64>,
    pub(crate) failing_since: Option<i64>,
    /// Failures in a row.
    pub(crate) failure_count: u64,
    /// Why the last poll failed, in words.
    pub(crate) reason: Option<String>,
    pub(crate) next_poll_at: Option<i64>,
    /// Every rule that spoke; empty where that is not known.
    pub(crate) rules: Vec<Asked>,
    pub(crate) poll_count: u64,
    pub(crate) article_count: u64,
    /// Its guids mean nothing, and its articles go by their links.
    pub(crate) has_odd_guids: bool,
    /// Newest first.
    pub(crate) polls: Vec<PollLine>,
    /// Newest first.
    pub(crate) articles: Vec<ArticleLine>,
}

/// One finished poll. Phases in milliseconds; one that was not reached or not needed is `None`.
#[derive(Clone, Debug, Default)]
pub(crate) struct PollLine {
    pub(crate) started_at: i64,
    pub(crate) resolve_ms: Option<u64>,
    pub(crate) connect_ms: Option<u64>,
    pub(crate) tls_ms: Option<u64>,
    pub(crate) first_byte_ms: Option<u64>,
    pub(crate) body_ms: Option<u64>,
    pub(crate) parse_ms: Option<u64>,
    pub(crate) total_ms: u64,
    pub(crate) status: Option<u16>,
    pub(crate) outcome: String,
    pub(crate) body_bytes: Option<u64>,
    pub(crate) new_count: u64,
    pub(crate) error: Option<String>,
}

/// In the order of a poll, and of [`PollLine::phases`].
const PHASES: [&str; 6] = ["Resolve", "Connect", "TLS", "First byte", "Body", "Parse"];

impl PollLine {
    fn phases(&self) -> [Option<u64>; PHASES.len()] {
        [self.resolve_ms, self.connect_ms, self.tls_ms, self.first_byte_ms, self.body_ms, self.parse_ms]
    }

    /// Every failed poll says why.
    fn failed(&self) -> bool {
        self.error.is_some()
    }
}

impl FeedPage {
    pub(crate) fn to_html(&self) -> String {
        let title = self.title.as_deref().unwrap_or(&self.name);
        // Without a title of its own the name is the heading.
        let name = match self.title {
            Some(_) => format!(r#"<p class="meta"><bdi>{}</bdi></p>"#, text(&self.name)),
            None => String::new(),
        };
        let main = format!(
            r#"<header class="lead">{name}
<h1 dir="auto">{title}</h1>
<p class="state">{badge} {state}</p>
{reason}</header>
{next}{polls}{articles}<section aria-labelledby="facts"><h2 id="facts">What is known of it</h2>
<dl class="facts">{facts}</dl></section>"#,
            title = text(title),
            badge = self.health.badge(),
            state = self.state(),
            reason = self.reason.as_deref().map(reason).unwrap_or_default(),
            next = self.next(),
            polls = self.polls(),
            articles = self.articles(),
            facts = self.facts(),
        );
        let title = format!("{title} · feed");
        Layout { title: &title, section: Section::Feeds, search: "" }.around(&main)
    }

    fn time(&self, at_ms: i64) -> String {
        words::time(self.now_ms, at_ms)
    }

    fn state(&self) -> String {
        match (self.health, self.failing_since, self.last_ok_at) {
            (FeedHealth::New, ..) => "not polled yet".to_owned(),
            (_, Some(since), _) => {
                let polls = words::counted(self.failure_count, "poll");
                format!("began {}, {polls} in a row", self.time(since))
            }
            (_, None, Some(at)) => format!("last polled well {}", self.time(at)),
            (_, None, None) => String::new(),
        }
    }

    fn next(&self) -> String {
        let Some(at) = self.next_poll_at else {
            return if self.health == FeedHealth::Gone { given_up() } else { String::new() };
        };
        let waiting = if at <= self.now_ms { ", waiting for its turn" } else { "" };
        let why = match self.rules.as_slice() {
            [] => "<p class=\"quiet\">Which rule decided that is known again after the next poll.</p>\n".to_owned(),
            rules => rules_table(rules),
        };
        format!(
            r#"<section aria-labelledby="next"><h2 id="next">Next poll</h2>
<p class="figure">due {}{waiting}</p>
{why}</section>
"#,
            self.time(at)
        )
    }

    fn polls(&self) -> String {
        if self.polls.is_empty() {
            return String::new();
        }
        // The oldest at the left, as everywhere in plots.
        let stacks: Vec<Stack<{ PHASES.len() }>> = (self.polls.iter().rev())
            .map(|poll| Stack { parts: poll.phases().map(Option::unwrap_or_default), marked: poll.failed() })
            .collect();
        let slots = usize::try_from(FETCH_LOG_POLLS).unwrap_or(stacks.len());
        let slowest = self.polls.iter().map(|poll| poll.total_ms).max().unwrap_or_default();
        let failed = self.polls.iter().filter(|poll| poll.failed()).count();
        let counted = words::counted(self.polls.len() as u64, "poll");
        let label =
            format!("times of the last {counted}: the slowest took {}, {failed} failed", words::duration(slowest));
        let legend: String =
            (PHASES.iter().enumerate()).map(|(n, phase)| format!(r#"<li class="part-{n}">{phase}</li>"#)).collect();
        format!(
            r#"<section aria-labelledby="polls"><h2 id="polls">Last polls</h2>
<figure class="wide">{plot}<figcaption><span>oldest</span><span>slowest {slowest}</span><span>newest</span></figcaption>
<ul class="legend">{legend}<li class="foot">Failed</li></ul></figure>
{table}</section>
"#,
            plot = plot::stacks(&label, &stacks, slots),
            slowest = words::duration(slowest),
            table = scrolling_tall("Last polls", &self.polls_table()),
        )
    }

    fn polls_table(&self) -> String {
        let mut columns = vec![column("Started", false), column("Outcome", false), column("Status", true)];
        columns.push(column("Total", true));
        columns.extend(PHASES.iter().map(|phase| column(phase, true)));
        columns.push(column("Size", true));
        columns.push(column("New", true));
        let rows: String = self.polls.iter().map(|poll| self.poll_row(poll)).collect();
        format!("<table><thead><tr>{}</tr></thead>\n<tbody>{rows}</tbody></table>", columns.concat())
    }

    fn poll_row(&self, poll: &PollLine) -> String {
        let number =
            |value: Option<String>| format!(r#"<td class="number">{}</td>"#, value.unwrap_or_else(|| "–".into()));
        let cells: String =
            [number(poll.status.map(|status| status.to_string())), number(Some(words::duration(poll.total_ms)))]
                .into_iter()
                .chain(poll.phases().map(|ms| number(ms.map(words::duration))))
                .chain([number(poll.body_bytes.map(words::bytes)), number(Some(words::count(poll.new_count)))])
                .collect();
        let error = (poll.error.as_deref())
            .map(|error| format!(r#"<span class="sub reason">{}</span>"#, text(error)))
            .unwrap_or_default();
        let class = if poll.failed() { r#" class="failed""# } else { "" };
        format!(
            "<tr{class}><th scope=\"row\">{}</th><td>{}{error}</td>{cells}</tr>\n",
            self.time(poll.started_at),
            text(&poll.outcome.replace('_', " "))
        )
    }

    fn articles(&self) -> String {
        let items: String = self.articles.iter().map(|article| article.item(self.now_ms)).collect();
        let name = encoded(&self.name);
        let list = match items.is_empty() {
            true => r#"<p class="quiet">No articles yet.</p>"#.to_owned(),
            false => format!(r#"<ol class="articles">{items}</ol>"#),
        };
        format!(
            r#"<section aria-labelledby="articles"><h2 id="articles">Newest articles</h2>
{list}
<p class="quiet"><a href="/articles?feed={name}">All articles of this feed</a>, or follow it: <a href="/feed.atom?feed={name}">Atom</a>, <a href="/feed.json?feed={name}">JSON Feed</a>.</p></section>
"#
        )
    }

    fn facts(&self) -> String {
        let address = |url: &str| Some(link(url).map_or_else(|| bdi(url), |link| link.around(text(url))));
        [
            ("Address", address(&self.url)),
            ("Moved to", self.effective_url.as_deref().and_then(address)),
            ("Site", self.site_url.as_deref().and_then(address)),
            ("Labels", Some(labels(&self.labels))),
            ("Language", self.language.as_deref().map(bdi)),
            ("Last poll", self.last_polled_at.map(|at| self.time(at))),
            ("Last good poll", self.last_ok_at.map(|at| self.time(at))),
            ("Polls", Some(words::count(self.poll_count))),
            ("Articles kept", Some(words::count(self.article_count))),
            (
                "Told apart by",
                self.has_odd_guids.then(|| "their links, since the feed’s guids mean nothing".to_owned()),
            ),
            ("ETag", self.etag.as_deref().map(bdi)),
            ("Last-Modified", self.last_modified.as_deref().map(bdi)),
            ("Repaired", Some(text(&self.repaired.join(", ")).to_string())),
        ]
        .into_iter()
        .filter_map(|(name, value)| Some(fact(name, &value.filter(|value| !value.is_empty())?)))
        .collect()
    }
}

fn reason(reason: &str) -> String {
    format!(r#"<p class="reason">{}</p>"#, text(reason))
}

fn given_up() -> String {
    format!(
        r#"<section aria-labelledby="next"><h2 id="next">Next poll</h2>
<p class="quiet">None: it is given up after {GONE_POLLS_MAX} answers of 410 in a row. Remove it from feeds.toml, or change anything of
it there to have it asked again.</p></section>
"#
    )
}

fn rules_table(rules: &[Asked]) -> String {
    let columns = [column("Rule", false), column("Asked for", true), column("Decided", false)].concat();
    let rows: String = rules
        .iter()
        .map(|Asked { rule, wait, won, .. }| {
            let wait = words::duration(duration_ms(*wait));
            let won = if *won { "yes" } else { "no" };
            format!(
                "<tr class=\"{won}\"><th scope=\"row\">{}</th><td class=\"number\">{wait}</td><td>{won}</td></tr>\n",
                rule_in_words(*rule)
            )
        })
        .collect();
    format!("<table class=\"narrow\"><thead><tr>{columns}</tr></thead>\n<tbody>{rows}</tbody></table>\n")
}

fn rule_in_words(rule: Rule) -> &'static str {
    match rule {
        Rule::Interval => "the feed’s own interval",
        Rule::Cadence => "how often it brings something",
        Rule::Backoff => "backoff after failures",
        Rule::Gone => "the publisher says that it is gone",
        Rule::RetryAfter => "the server’s Retry-After",
        Rule::HostRetryAfter => "the host’s Retry-After, for all of its feeds",
        Rule::MaxAge => "how long the answer is fresh (max-age)",
        Rule::Expires => "until when the answer is fresh (Expires)",
        Rule::Ttl => "how long the document is fresh (ttl)",
        Rule::UpdatePeriod => "how often the document changes (updatePeriod)",
        Rule::SkipHours => "hours in which it does not change (skipHours)",
        Rule::SkipDays => "days on which it does not change (skipDays)",
    }
}
