//! What a publisher answers to a request, and what he means by it.

use std::fmt::Write as _;

use jiff::Timestamp;

use super::publisher::{HOUR_MS, Publisher, Shape, Tags, Trouble, Wish};
use crate::placement;
use crate::tarpit::{Answer, Coding, Head, Step};

/// An answer, and what its publisher knows of it.
pub(super) struct Reply {
    pub(super) kind: Kind,
    /// Those that are the feed's.
    pub(super) etag: Option<Vec<u8>>,
    pub(super) last_modified: Option<Vec<u8>>,
    /// For so long his headers ask to be left alone.
    pub(super) fresh_s: Option<u64>,
    pub(super) retry_until_ms: Option<i64>,
    /// The articles that it brings, by their numbers.
    pub(super) articles: Vec<usize>,
    /// What goes onto the wire.
    pub(super) steps: Vec<Step>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Feed,
    NotModified,
    Redirect,
    Gone,
    /// 429.
    Limited,
    /// Whatever else is neither the feed nor a word about it.
    Other,
}

impl Reply {
    pub(super) fn wire_bytes(&self) -> u64 {
        let sent = |step: &Step| if let Step::Send(bytes) = step { bytes.len() as u64 } else { 0 };
        self.steps.iter().map(sent).sum()
    }
}

impl Wish {
    /// Says nothing of when to come back, in whatever words.
    pub(super) fn is_silent(self) -> bool {
        matches!(self, Wish::Silent | Wish::Senseless)
    }

    /// What he says in headers, and for how many seconds that makes an answer fresh.
    fn headers(self, now_ms: i64) -> (Vec<(&'static str, String)>, Option<u64>) {
        let cache = |value: String| ("Cache-Control", value);
        match self {
            Wish::MaxAge(s) => (vec![cache(format!("public, max-age={s}"))], Some(s)),
            Wish::Several => (vec![cache("max-age=21600".to_owned())], Some(21_600)),
            Wish::Week => (vec![cache("max-age=604800".to_owned())], Some(604_800)),
            Wish::Aged(s, age) => (vec![cache(format!("max-age={s}")), ("Age", age.to_string())], Some(s - age)),
            Wish::Expires(s, off) => {
                let date_ms = now_ms + off * 1_000;
                let expires = http_date(date_ms + s as i64 * 1_000);
                (vec![("Date", http_date(date_ms)), ("Expires", expires)], Some(s))
            }
            Wish::Senseless => {
                (vec![cache("no-cache, s-maxage=86400, max-age=soon".to_owned()), ("Expires", "0".to_owned())], None)
            }
            _ => (Vec::new(), None),
        }
    }

    fn elements(self) -> String {
        let hours = |hours: std::ops::Range<u32>| hours.map(|hour| format!("<hour>{hour}</hour>")).collect::<String>();
        match self {
            Wish::Ttl(minutes) => format!("<ttl>{minutes}</ttl>"),
            Wish::SkipNights => format!("<skipHours>{}</skipHours>", hours(0..6)),
            Wish::SkipWeekends => "<skipDays><day>Saturday</day><day>Sunday</day></skipDays>".to_owned(),
            Wish::UpdatePeriod(period, _, times) => {
                format!("<sy:updatePeriod>{period}</sy:updatePeriod><sy:updateFrequency>{times}</sy:updateFrequency>")
            }
            Wish::Several => format!("<ttl>60</ttl><skipHours>{}</skipHours>", hours(2..4)),
            _ => String::new(),
        }
    }

    /// For how many seconds his document asks to be left alone.
    pub(super) fn document_s(self) -> Option<u64> {
        match self {
            Wish::Ttl(minutes) => Some(minutes * 60),
            Wish::UpdatePeriod(_, hours, times) => Some(hours * 3_600 / times),
            Wish::Several => Some(3_600),
            _ => None,
        }
    }

    /// Whether his document says that nothing changes now.
    pub(super) fn skips(self, now_ms: i64) -> bool {
        let hour = now_ms.rem_euclid(24 * HOUR_MS) / HOUR_MS;
        // The first day of 1970 was a Thursday.
        let weekday = (now_ms.div_euclid(24 * HOUR_MS) + 3).rem_euclid(7);
        match self {
            Wish::SkipNights => hour < 6,
            Wish::SkipWeekends => weekday >= 5,
            Wish::Several => (2..4).contains(&hour),
            _ => false,
        }
    }
}

impl Publisher {
    /// Where the subscriber was told to look, and where the feed is while it is elsewhere.
    pub(super) fn paths(&self) -> [String; 2] {
        [format!("/{}", self.name), format!("/{}/elsewhere", self.name)]
    }

    /// What he answers to a request for one of his paths.
    pub(super) fn reply(&self, head: &Head, now_ms: i64) -> Reply {
        let [home, elsewhere] = self.paths();
        let is_home = head.path == home;
        let refusal = |status| Answer::status(status).body("not now");
        match self.trouble_now(now_ms) {
            Trouble::Calm => self.feed(head, now_ms),
            Trouble::Busy { by_date } => self.later(Kind::Other, 503, by_date, now_ms),
            Trouble::Limited { by_date } => self.later(Kind::Limited, 429, by_date, now_ms),
            Trouble::Broken => other(Kind::Other, head, &refusal(500).header("ETag", "\"an error's\"")),
            Trouble::Resets => Reply { steps: vec![Step::Reset], ..other(Kind::Other, head, &refusal(500)) },
            Trouble::Missing => other(Kind::Other, head, &refusal(404)),
            Trouble::Page => {
                let page = "<!DOCTYPE html><html><head><title>Back soon</title></head><body>Back soon</body></html>";
                let answer = Answer::ok("text/html", page).header("ETag", "\"a page's\"");
                other(Kind::Other, head, &answer.header("Last-Modified", http_date(now_ms)))
            }
            Trouble::Gone | Trouble::GoneForAWhile => other(Kind::Gone, head, &refusal(410)),
            Trouble::Moved if is_home => other(Kind::Redirect, head, &Answer::redirect(301, elsewhere)),
            Trouble::MovedForAWhile if is_home => {
                let wait = self.retry_after_s / 4;
                let answer = Answer::redirect(302, elsewhere).header("Retry-After", wait.to_string());
                Reply { retry_until_ms: Some(now_ms + wait * 1_000), ..other(Kind::Redirect, head, &answer) }
            }
            Trouble::Moved | Trouble::MovedForAWhile => self.feed(head, now_ms),
        }
    }

    fn later(&self, kind: Kind, status: u16, by_date: bool, now_ms: i64) -> Reply {
        let until_ms = now_ms + self.retry_after_s * 1_000;
        // A date has no milliseconds.
        let until_ms = if by_date { until_ms - until_ms % 1_000 } else { until_ms };
        let value = if by_date { http_date(until_ms) } else { self.retry_after_s.to_string() };
        let answer = Answer::status(status).header("Retry-After", value);
        Reply { retry_until_ms: Some(until_ms), ..other(kind, &Head::default(), &answer) }
    }

    fn feed(&self, head: &Head, now_ms: i64) -> Reply {
        let version = self.version(now_ms);
        let (etag, last_modified) = (self.etag(&head.path, version), self.last_modified(version));
        let known = self.known_version(head, version);
        let (said, fresh_s) = self.wish.headers(now_ms);
        let is_known = known == Some(version);
        let is_bare = is_known && self.tags == Tags::Bare304;
        let is_delta = self.tags == Tags::Delta && known.is_some() && head.header("a-im").is_some();
        let mut articles: Vec<usize> = (version.saturating_sub(self.window)..version).rev().collect();
        if let Some(known) = known.filter(|_| is_delta) {
            articles.retain(|article| *article >= known);
        }
        if is_known {
            articles.clear();
        }
        if self.shape == Shape::Shuffled {
            articles.sort_by_key(|article| placement::mix(*article as u64 ^ self.answers));
        }
        let mut answer = match (is_known, is_delta) {
            (true, _) => Answer::status(304),
            (false, true) => Answer::status(226).header("IM", "feed").header("Content-Type", "application/rss+xml"),
            (false, false) => Answer::ok("application/rss+xml", ""),
        };
        if !is_known {
            answer = answer.body(self.document(&articles));
            if self.shape == Shape::Gzip {
                answer = answer.coded(Coding::Gzip);
            }
        }
        if !is_bare {
            answer = said.into_iter().fold(answer, |answer, (name, value)| answer.header(name, value));
            answer = etag.iter().fold(answer, |answer, etag| answer.header("ETag", etag));
            answer = last_modified.iter().fold(answer, |answer, date| answer.header("Last-Modified", date));
        }
        Reply {
            kind: if is_known { Kind::NotModified } else { Kind::Feed },
            etag: etag.filter(|_| !is_bare),
            last_modified: last_modified.filter(|_| !is_bare),
            fresh_s: fresh_s.filter(|_| !is_bare),
            retry_until_ms: None,
            articles,
            steps: answer.steps(Some(head)),
        }
    }

    fn etag(&self, path: &str, version: usize) -> Option<Vec<u8>> {
        match self.tags {
            Tags::LastModified | Tags::Without => None,
            Tags::Weak => Some(format!("W/\"{path} v{version} \"").into_bytes()),
            Tags::Odd => Some([format!("{path} v{version} ,").as_bytes(), b"\xe9 'x'"].concat()),
            Tags::Changing | Tags::RenewedBy304 => Some(format!("\"{path} v{version} {}\"", self.answers).into_bytes()),
            Tags::Etag | Tags::Both | Tags::Bare304 | Tags::Ignored | Tags::Delta => {
                Some(format!("\"{path} v{version} \"").into_bytes())
            }
        }
    }

    fn last_modified(&self, version: usize) -> Option<Vec<u8>> {
        let newest_ms = self.articles[version - 1];
        match self.tags {
            Tags::LastModified | Tags::Both | Tags::Bare304 | Tags::Ignored => Some(http_date(newest_ms).into_bytes()),
            Tags::Odd => Some(time(newest_ms).strftime("%Y/%m/%d  %H.%M.%S local").to_string().into_bytes()),
            _ => None,
        }
    }

    /// The version that the client has, if he believes it. An ETag goes before a date (RFC 9110, section 13.2.2).
    fn known_version(&self, head: &Head, version: usize) -> Option<usize> {
        if matches!(self.tags, Tags::Changing | Tags::Ignored) {
            return None;
        }
        let Some(etag) = head.header("if-none-match") else {
            let date = head.header("if-modified-since")?;
            return self.last_modified(version).is_some_and(|now| now == date).then_some(version);
        };
        let text = String::from_utf8_lossy(etag);
        let mut words = text.split(' ');
        // Of this URL, and of no other.
        let is_ours = words.next()?.ends_with(head.path.as_str());
        let known = words.next()?.strip_prefix('v')?.parse().ok().filter(|_| is_ours)?;
        (known == version || self.tags == Tags::Delta && known < version).then_some(known)
    }

    fn document(&self, articles: &[usize]) -> String {
        let Publisher { name, host, .. } = self;
        let mut text = format!(
            "<?xml version=\"1.0\"?><rss version=\"2.0\" xmlns:sy=\"http://purl.org/rss/1.0/modules/syndication/\"><channel>\
             <title>{name}</title><link>http://{host}/</link><description>of {name}</description>{}",
            self.wish.elements()
        );
        for article in articles {
            let churn = if self.shape == Shape::GuidChurn { self.answers } else { 0 };
            let date = http_date(self.articles[*article]);
            let words = (0..self.words).map(|word| placement::mix((*article as u64) << 8 | word) % 100_000);
            write!(
                text,
                "<item><guid isPermaLink=\"false\">{name}-{article}-{churn}</guid><title>{name}, article {article}</title>\
                 <link>http://{host}/{name}/{article}</link><pubDate>{date}</pubDate><description>"
            )
            .and_then(|()| words.into_iter().try_for_each(|word| write!(text, "word{word} ")))
            .and_then(|()| text.write_str("</description></item>"))
            .expect("a String takes every write");
        }
        text + "</channel></rss>"
    }
}

/// An answer that says nothing of the feed.
fn other(kind: Kind, head: &Head, answer: &Answer) -> Reply {
    Reply {
        kind,
        etag: None,
        last_modified: None,
        fresh_s: None,
        retry_until_ms: None,
        articles: Vec::new(),
        steps: answer.steps(Some(head)),
    }
}

pub(super) fn time(at_ms: i64) -> Timestamp {
    Timestamp::from_millisecond(at_ms).expect("a simulation stays within the years that there are")
}

fn http_date(at_ms: i64) -> String {
    time(at_ms).strftime("%a, %d %b %Y %H:%M:%S GMT").to_string()
}
