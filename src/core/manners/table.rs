//! What a month cost the publishers and how late their articles were seen, beside a naive poller: one that comes at the same
//! interval, sends no validators, hears no wishes, and is never down. Lateness is in hours and minutes, from an article's appearance
//! to the first answer that listed it; the naive poller is taken to find it at its next poll, whatever troubles the publisher.

use std::collections::HashMap;

use super::Kind;
use super::publisher::{Publisher, Trouble};
use super::reply::Reply;
use crate::clock::duration_ms;
use crate::tarpit::Head;

/// What one publisher saw of his subscriber.
pub(super) struct Tally {
    pub(super) requests: u64,
    pub(super) not_modified: u64,
    wire_bytes: u64,
    first_at: Option<i64>,
    /// When which article was delivered first.
    delivered_at: Vec<Option<i64>>,
}

impl Tally {
    pub(super) fn new(article_count: usize) -> Tally {
        let delivered_at = vec![None; article_count];
        Tally { requests: 0, not_modified: 0, wire_bytes: 0, first_at: None, delivered_at }
    }

    pub(super) fn count(&mut self, reply: &Reply, now_ms: i64) {
        self.requests += 1;
        self.not_modified += u64::from(reply.kind == Kind::NotModified);
        self.wire_bytes += reply.wire_bytes();
        self.first_at.get_or_insert(now_ms);
        for article in &reply.articles {
            self.delivered_at[*article].get_or_insert(now_ms);
        }
    }

    pub(super) fn delivered(&self) -> usize {
        self.delivered_at.iter().flatten().count()
    }
}

/// Under which name a feed is counted, if it is.
type Name = dyn Fn(&Publisher) -> Option<String>;

/// A line of the table: several feeds together.
#[derive(Default)]
pub(super) struct Line {
    feeds: usize,
    pub(super) requests: u64,
    not_modified: u64,
    pub(super) wire_bytes: u64,
    pub(super) naive_requests: u64,
    pub(super) naive_bytes: u64,
    /// From an article's appearance to its delivery.
    late_ms: Vec<i64>,
    naive_late_ms: Vec<i64>,
    /// Left the document before they were delivered.
    missed: usize,
}

impl Line {
    fn of(publisher: &Publisher, tally: &Tally, end_ms: i64) -> Line {
        let first_at = tally.first_at.unwrap_or(end_ms);
        let mut line = Line {
            feeds: 1,
            requests: tally.requests,
            not_modified: tally.not_modified,
            wire_bytes: tally.wire_bytes,
            ..Line::default()
        };
        let interval = duration_ms(publisher.pace.interval) as i64;
        let last = tally.delivered_at.iter().rposition(Option::is_some).unwrap_or(0);
        for (index, appeared_at) in publisher.articles.iter().enumerate().filter(|(_, at_ms)| **at_ms > first_at) {
            match tally.delivered_at[index] {
                Some(at_ms) => line.late_ms.push(at_ms - appeared_at),
                None => line.missed += usize::from(index < last),
            }
            line.naive_late_ms.push(interval - (appeared_at - first_at - 1) % interval);
        }
        // What has no condition is answered alike as long as nothing changes.
        let mut sizes = HashMap::new();
        for at_ms in (first_at..end_ms).step_by(interval.unsigned_abs() as usize) {
            let trouble = publisher.trouble_now(at_ms);
            let size = *sizes.entry((publisher.version(at_ms), trouble != Trouble::Calm)).or_insert_with(|| {
                let ask = |path: &String| {
                    let head = Head { path: path.clone(), version: "HTTP/1.1".to_owned(), ..Head::default() };
                    publisher.reply(&head, at_ms)
                };
                let [home, elsewhere] = publisher.paths();
                let first = ask(&home);
                let is_led = first.kind == Kind::Redirect;
                (1 + u64::from(is_led), first.wire_bytes() + if is_led { ask(&elsewhere).wire_bytes() } else { 0 })
            });
            line.naive_requests += size.0;
            line.naive_bytes += size.1;
        }
        line
    }

    fn add(&mut self, other: &Line) {
        self.feeds += other.feeds;
        self.requests += other.requests;
        self.not_modified += other.not_modified;
        self.wire_bytes += other.wire_bytes;
        self.naive_requests += other.naive_requests;
        self.naive_bytes += other.naive_bytes;
        self.late_ms.extend(&other.late_ms);
        self.naive_late_ms.extend(&other.naive_late_ms);
        self.missed += other.missed;
    }

    fn print(&mut self, name: &str) {
        let late = |late_ms: &mut Vec<i64>, percent: usize| {
            late_ms.sort_unstable();
            let at = (late_ms.len() * percent / 100).min(late_ms.len().saturating_sub(1));
            late_ms.get(at).map_or("-".to_owned(), |ms| format!("{}:{:02}", ms / 3_600_000, ms / 60_000 % 60))
        };
        println!(
            "{name:<28} {:>5} {:>8} {:>4} % {:>8.1} {:>8} {:>8.1} {:>6} {:>6} {:>6} {:>6} {:>6}",
            self.feeds,
            self.requests,
            self.not_modified * 100 / self.requests.max(1),
            self.wire_bytes as f64 / 1e6,
            self.naive_requests,
            self.naive_bytes as f64 / 1e6,
            late(&mut self.late_ms, 50),
            late(&mut self.late_ms, 99),
            late(&mut self.naive_late_ms, 50),
            late(&mut self.naive_late_ms, 99),
            self.missed,
        );
    }
}

/// Prints the table, and gives its last line: all of them.
pub(super) fn print(publishers: &[Publisher], tallies: &[Tally], end_ms: i64) -> Line {
    println!(
        "{:<28} {:>5} {:>8} {:>6} {:>8} {:>8} {:>8} {:>6} {:>6} {:>6} {:>6} {:>6}",
        "", "feeds", "requests", "304", "MB", "naive", "MB", "p50", "p99", "naive", "p99", "missed"
    );
    let lines: Vec<Line> =
        publishers.iter().zip(tallies).map(|(publisher, tally)| Line::of(publisher, tally, end_ms)).collect();
    let told: [(&str, &Name); 4] = [
        ("publishes, silent, calm and alone", &|publisher| {
            let is_silent = publisher.wish.is_silent() && publisher.trouble == Trouble::Calm && publisher.is_alone();
            is_silent.then(|| format!("{:?}", publisher.habit))
        }),
        ("wishes", &|publisher| Some(format!("{:?}", publisher.wish))),
        ("validators", &|publisher| Some(format!("{:?}", publisher.tags))),
        ("troubles", &|publisher| Some(format!("{:?}", publisher.trouble))),
    ];
    for (title, name) in told {
        println!("{title}:");
        let mut names: Vec<String> = publishers.iter().filter_map(name).collect();
        names.sort();
        names.dedup();
        for told in names {
            let mut sum = Line::default();
            let of_it = publishers.iter().zip(&lines).filter(|(publisher, _)| name(publisher).as_ref() == Some(&told));
            of_it.for_each(|(_, line)| sum.add(line));
            sum.print(&format!("  {told}"));
        }
    }
    let mut all = Line::default();
    lines.iter().for_each(|line| all.add(line));
    all.print("all");
    all
}
