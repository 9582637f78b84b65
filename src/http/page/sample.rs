//! Pages with something on them, for tests and for looking at: an ordinary day, and one on which every feed is hostile.

pub(super) mod hostile;

use std::time::Duration;

use super::*;
use crate::failure::Phase;
use crate::http::Status;
use crate::schedule;

const NOW_MS: i64 = 1_785_304_800_000;
const MINUTE_MS: i64 = 60_000;

/// Every page, under the name of the file to look at it in.
pub(super) fn pages() -> Vec<(&'static str, String)> {
    vec![
        ("overview", overview(Status::Ok).to_html()),
        ("overview-first-round", first_round().to_html()),
        ("overview-empty", empty_overview().to_html()),
        ("overview-hostile", hostile::overview().to_html()),
        ("feeds", feeds().to_html()),
        ("feeds-hostile", hostile::feeds().to_html()),
        ("feed", feed().to_html()),
        ("feed-failing", failing_feed().to_html()),
        ("feed-hostile", hostile::feed().to_html()),
        ("articles", articles().to_html()),
        ("articles-empty", ArticlesPage { now_ms: NOW_MS, ..ArticlesPage::default() }.to_html()),
        ("articles-hostile", hostile::articles().to_html()),
        ("article", article().to_html()),
        ("article-hostile", hostile::article().to_html()),
        ("problem", problem("no such article").to_html()),
        ("problem-hostile", problem(hostile::TEXT).to_html()),
    ]
}

fn safe(html: &str) -> SafeHtml {
    SafeHtml::from_sanitiser(html.to_owned())
}

fn overview(status: Status) -> Overview {
    Overview {
        now_ms: NOW_MS,
        status,
        reasons: vec![],
        uptime_s: 356_512,
        feeds: FeedCounts { total: 2_480, ok: 2_469, overdue: 3, failing: 11 },
        first_round: None,
        failing: [
            ("le-monde-une", 12, 3, "timeout(first byte): no answer within 10 s of the request"),
            ("tagesschau", 51, 5, "status: the server answered 503 Service Unavailable"),
            (
                "jornal-de-noticias-ultimas",
                190,
                14,
                "tls: the certificate of jn.example is not valid any more: it expired on 26 Jul 2026",
            ),
            ("old-blog", 8_900, 41, "dns: old-blog.example does not exist; is the address still right?"),
        ]
        .map(|(name, minutes, count, reason)| FailingLine {
            name: name.into(),
            since_ms: NOW_MS - minutes * MINUTE_MS,
            failure_count: count,
            reason: reason.into(),
            next_poll_at: Some(NOW_MS + 7 * MINUTE_MS),
        })
        .into(),
        newest: Some(lines(20)),
        cursor: Some("5f0c9a77b1e2d340-91840".into()),
        hour: hour(60),
        cores: vec![
            CoreLine { core: 0, heartbeat_age_ms: 12, feeds: 1_233, in_flight: 4, overdue: 1 },
            CoreLine { core: 1, heartbeat_age_ms: 187, feeds: 1_247, in_flight: 9, overdue: 2 },
        ],
        flights: [
            ("le-monde-une", Phase::FirstByte, 8_420, 1_580, 0),
            ("a-feed-with-an-exceptionally-long-name.example.org-path", Phase::Body, 2_310, 9_900, 48_213),
            ("nature-news", Phase::Tls, 212, 4_788, 0),
            ("bbc-world", Phase::Commit, 96, 29_904, 61_542),
        ]
        .map(|(feed, phase, age_ms, left_ms, wire_bytes)| FlightLine {
            feed: feed.into(),
            phase,
            age_ms,
            left_ms,
            wire_bytes,
        })
        .into(),
        writer_queue: 0,
        last_commit_at: Some(NOW_MS - 2_000),
        streams: 12,
    }
}

fn first_round() -> Overview {
    Overview {
        reasons: vec![
            "core 1 has not turned for 6120 ms".into(),
            "the disk is full: commits wait; free some space".into(),
        ],
        uptime_s: 9,
        first_round: Some(FirstRound { polled: 312, feeds: 500, articles: 9_184 }),
        failing: vec![],
        newest: None,
        cursor: None,
        hour: hour(1),
        last_commit_at: None,
        ..overview(Status::Failing)
    }
}

fn empty_overview() -> Overview {
    Overview {
        reasons: vec!["the database is locked by another program: commits wait".into()],
        feeds: FeedCounts::default(),
        failing: vec![],
        newest: Some(vec![]),
        hour: hour(0),
        cores: vec![CoreLine::default()],
        flights: vec![],
        ..overview(Status::Degraded)
    }
}

/// A wave with a spike, and a gap while the daemon was down.
fn hour(minutes: usize) -> Hour {
    let minute = |n: usize| {
        let wave = ((n as f64 / 7.0).sin() * 30.0 + 165.0) as u64 + (n as u64 * 37 % 23);
        let slow = if n % 19 == 4 { 9_800 } else { 700 + (n as u64 * 91 % 600) };
        let down = (20..23).contains(&n);
        Minute {
            polls: if down { 0 } else { wave },
            wire_bytes: if down { 0 } else { wave * 31_000 + (n as u64 * 7_919 % 1_300_000) },
            latency_p50_ms: (!down).then_some(120 + n as u64 * 53 % 60),
            latency_p95_ms: (!down).then_some(slow),
        }
    };
    Hour { minutes: (0..minutes).map(minute).collect() }
}

fn lines(n: usize) -> Vec<ArticleLine> {
    let titles = [
        ("bbc-world", "Ceasefire talks resume as mediators arrive in Geneva", "https://www.bbc.co.uk/news/world-1"),
        (
            "nature-news",
            "A quiet sensor network is rewriting what we know about soil",
            "https://www.nature.com/articles/d41586",
        ),
        ("nhk", "台風10号、週末に本州へ接近する見込み", "https://www3.nhk.or.jp/news/html/1.html"),
        ("al-jazeera-ar", "اجتماع طارئ لبحث أزمة المياه في المنطقة", "https://www.aljazeera.net/news/1"),
        ("lwn", "The extensible scheduler class, two years on", "https://lwn.net/Articles/1/"),
        ("rust-blog", "Announcing Rust 1.92.0", "https://blog.rust-lang.org/2026/07/29/1.92.0"),
        (
            "tiny-blog",
            "On keeping a notebook that nobody else will ever read, and why the fourth attempt was the one that stuck",
            "https://tiny.example/n",
        ),
    ];
    (0..n)
        .map(|index| {
            let (feed, title, url) = titles[index % titles.len()];
            ArticleLine {
                id: 91_840 - index as i64,
                feed: feed.into(),
                title: (index != 5).then(|| title.into()),
                url: Some(url.into()),
                summary: None,
                published_at: (index != 2).then_some(NOW_MS - (index * index) as i64 * MINUTE_MS - 4_000),
                fetched_at: NOW_MS - index as i64 * MINUTE_MS,
                updated: index == 3,
            }
        })
        .collect()
}

fn articles() -> ArticlesPage {
    let mut articles = lines(8);
    for (index, article) in articles.iter_mut().enumerate() {
        article.summary = (index % 3 != 2).then(|| {
            safe("<p>Delegations from both sides returned to the table on Wednesday after a <em>nine-day</em> pause, with water rights &amp; prisoner exchanges first on the agenda. Officials close to the talks cautioned against expecting results before the weekend, though several described the mood as better than in June.</p>")
        });
    }
    ArticlesPage {
        now_ms: NOW_MS,
        asked: Asked {
            q: Some("talks geneva".into()),
            labels: vec![("category".into(), "world".into())],
            before: Some(95_000),
            ..Asked::default()
        },
        articles,
        older_before: Some(91_833),
        search_lag: 214,
        notice: None,
    }
}

fn article() -> ArticlePage {
    ArticlePage {
        now_ms: NOW_MS,
        seq: 92_004,
        feed: "nature-news".into(),
        labels: vec![("category".into(), "science".into()), ("country".into(), "GB".into())],
        title: Some("A quiet sensor network is rewriting what we know about soil".into()),
        url: Some("https://www.nature.com/articles/d41586-026-01234-5".into()),
        guid: Some("d41586-026-01234-5".into()),
        authors: vec!["Ada Nwosu".into(), "Jens Lindqvist".into()],
        content: Some(safe(
            "<p>For six years, a few hundred probes no larger than a pencil have listened to the ground of eleven countries. What they heard is only now being put together, and it does not fit the textbooks.</p><h1>Breathing in the dark</h1><p>Soil <em>breathes</em>: it takes in oxygen and gives off carbon dioxide, and <a href=\"https://example.org/\" rel=\"noopener noreferrer nofollow\">how much</a> had been estimated from a handful of sites.</p><img src=\"https://media.nature.com/soil.jpg\" alt=\"A probe in a field of barley\"><blockquote>We had the sign right and the size wrong.</blockquote><ul><li>412 probes, one reading every 90 seconds</li><li>eleven countries, four climates</li></ul><pre>depth  co2_ppm\n0.1 m      2140\n0.5 m      9800</pre>",
        )),
        summary: None,
        image_url: Some("https://media.nature.com/soil.jpg".into()),
        enclosures: vec![EnclosureLine {
            url: "https://media.nature.com/podcast/soil.mp3".into(),
            media_type: Some("audio/mpeg".into()),
            length_bytes: Some(28_311_552),
            duration_s: Some(1_742),
        }],
        categories: vec!["Ecology".into(), "Climate sciences".into()],
        language: Some("en-GB".into()),
        published_at: Some(NOW_MS - 190 * MINUTE_MS),
        updated_at: Some(NOW_MS - 34 * MINUTE_MS),
        fetched_at: NOW_MS - 33 * MINUTE_MS,
        revision: 1,
        comments_url: Some("https://www.nature.com/articles/d41586-026-01234-5#comments".into()),
    }
}

fn feeds() -> FeedsPage {
    let line = |name: &str, title: &str, health, since: Option<i64>, reason: Option<&str>, next: i64, count| FeedLine {
        name: name.into(),
        title: Some(title.into()),
        health,
        failing_since: since.map(|minutes| NOW_MS - minutes * MINUTE_MS),
        reason: reason.map(Into::into),
        last_polled_at: (health != FeedHealth::New).then_some(NOW_MS - 4 * MINUTE_MS),
        next_poll_at: Some(NOW_MS + next * MINUTE_MS),
        article_count: count,
    };
    FeedsPage {
        now_ms: NOW_MS,
        state: None,
        feeds: vec![
            line(
                "le-monde-une",
                "Le Monde : à la une",
                FeedHealth::Failing,
                Some(12),
                Some("timeout(first byte): no answer within 10 s of the request"),
                7,
                4_120,
            ),
            line(
                "old-blog",
                "An Old Blog",
                FeedHealth::Gone,
                Some(8_900),
                Some("gone: the server answered 410 Gone"),
                1_440,
                87,
            ),
            line(
                "a-feed-with-an-exceptionally-long-name.example.org-path-segment",
                "Something",
                FeedHealth::Late,
                None,
                None,
                0,
                12,
            ),
            line("bbc-world", "BBC News – World", FeedHealth::Fine, None, None, 11, 91_204),
            line("al-jazeera-ar", "الجزيرة نت", FeedHealth::Fine, None, None, 3, 1_877),
            line("new-one", "", FeedHealth::New, None, None, 1, 0),
        ],
        total: 2_480,
        offset: 0,
    }
}

fn feed() -> FeedPage {
    let polls: Vec<PollLine> = (0..50)
        .map(|n: u64| {
            let timed_out = n == 17 || n == 18;
            PollLine {
                started_at: NOW_MS - 4 * MINUTE_MS - n as i64 * 15 * MINUTE_MS,
                resolve_ms: Some(n * 13 % 17),
                connect_ms: Some(18 + n % 5),
                tls_ms: n.is_multiple_of(4).then_some(41 + n % 9),
                first_byte_ms: Some(if timed_out { 1_500 } else { 90 + n * 37 % 130 }),
                body_ms: (!timed_out).then_some(22 + n * 11 % 60),
                parse_ms: (n % 3 != 1 && !timed_out).then_some(3),
                total_ms: if timed_out { 1_540 } else { 180 + n * 37 % 130 },
                status: (!timed_out).then_some(if n % 3 == 1 { 304 } else { 200 }),
                outcome: if timed_out {
                    "timeout(first byte)"
                } else if n % 3 == 1 {
                    "not_modified"
                } else {
                    "articles"
                }
                .into(),
                body_bytes: (n % 3 != 1 && !timed_out).then_some(61_542 + n * 100),
                new_count: if n.is_multiple_of(3) { n % 7 } else { 0 },
                error: timed_out.then(|| "no answer within 1.5 s of the request".into()),
            }
        })
        .collect();
    FeedPage {
        now_ms: NOW_MS,
        name: "bbc-world".into(),
        title: Some("BBC News – World".into()),
        health: FeedHealth::Fine,
        url: "https://feeds.bbci.co.uk/news/world/rss.xml".into(),
        effective_url: None,
        site_url: Some("https://www.bbc.co.uk/news/world".into()),
        language: Some("en-GB".into()),
        labels: vec![("category".into(), "world".into()), ("country".into(), "GB".into())],
        etag: Some("W/\"5f0c9a77b1e2d340\"".into()),
        last_modified: Some("Wed, 29 Jul 2026 05:41:12 GMT".into()),
        repaired: vec!["bare ampersand x3".into(), "odd version".into()],
        last_polled_at: Some(NOW_MS - 4 * MINUTE_MS),
        last_ok_at: Some(NOW_MS - 4 * MINUTE_MS),
        failing_since: None,
        failure_count: 0,
        reason: None,
        next_poll_at: Some(NOW_MS + 11 * MINUTE_MS),
        rules: vec![
            rule(schedule::Rule::Interval, 600, false),
            rule(schedule::Rule::MaxAge, 30, false),
            rule(schedule::Rule::Ttl, 900, true),
        ],
        poll_count: 12_904,
        article_count: 91_204,
        has_odd_guids: true,
        polls,
        articles: lines(5),
    }
}

fn rule(rule: schedule::Rule, seconds: u64, won: bool) -> schedule::Asked {
    schedule::Asked { rule, wait: Duration::from_secs(seconds), won, until_ms: None }
}

fn failing_feed() -> FeedPage {
    FeedPage {
        name: "old-blog".into(),
        title: None,
        health: FeedHealth::Failing,
        effective_url: Some("https://www.old-blog.example/feed".into()),
        last_ok_at: None,
        failing_since: Some(NOW_MS - 190 * MINUTE_MS),
        failure_count: 14,
        reason: Some("timeout(first byte): no answer within 10 s of the request".into()),
        next_poll_at: Some(NOW_MS - 3_000),
        rules: vec![],
        polls: vec![],
        articles: vec![],
        ..feed()
    }
}

fn problem(title: &str) -> ProblemPage {
    ProblemPage {
        status: 404,
        title: title.into(),
        detail: Some("It may have been removed when it grew older than the retention.".into()),
    }
}
