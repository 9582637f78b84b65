//! The world outside: hosts and the documents that they serve, with the moods of both. A publisher remembers what each of his
//! documents listed, so that what a client of his claims to have can be held against it.

use std::collections::HashMap;

use ureq::http::HeaderMap;
use ureq::http::header::{CACHE_CONTROL, HeaderValue};
use url::Url;

use crate::article::{Article, Document, FeedMeta};
use crate::failure::{Class, Failure, Phase};
use crate::fetch::{Hop, Trip};
use crate::parse::identity;
use crate::placement;
use crate::stream::model::Dice;

/// Of a document, at least and at most: guids that mean nothing are seen through in documents of some size.
const WINDOW: (usize, usize) = (8, 14);
/// Longer than any deadline of a fetch: what hangs ends by the reader's own clock.
const TOTAL_TIMEOUT_MS: u64 = 30_000;
const CONNECT_TIMEOUT_MS: u64 = 5_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Mood {
    Well,
    Broken,
    Missing,
    Busy {
        retry_s: u64,
    },
    Gone,
    Hangs,
    NoFeed,
    /// 301 to another host, where the same document is.
    Moved,
    /// 302 likewise.
    MovedForNow,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Guids {
    Sane,
    /// Others in each document.
    New,
    None,
}

/// One document.
pub(super) struct Source {
    pub(super) host: usize,
    name: usize,
    guids: Guids,
    window: usize,
    /// The version of each article.
    versions: Vec<u32>,
    next_version: u32,
    is_tagged: bool,
    is_shuffled: bool,
    pub(super) fresh_s: Option<u64>,
    pub(super) ttl_minutes: Option<u32>,
    pub(super) mood: Mood,
    /// Of the document; another one with every change.
    edition: u64,
    answers: u64,
    /// What each edition listed: links and versions.
    pub(super) editions: HashMap<u64, Vec<(String, u32)>>,
}

#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Host {
    /// Nobody answers there.
    pub(super) is_dead: bool,
    /// Whoever comes is asked to leave everything here alone for so long.
    pub(super) limits_s: Option<u64>,
}

/// What a fetch came to.
pub(super) struct Answer {
    pub(super) trip: Trip,
    pub(super) result: Result<Brought, Failure>,
    pub(super) took_ms: u64,
    /// The publisher's wish not to be asked before, in seconds, and whether it holds for his host.
    pub(super) retry_s: Option<u64>,
    pub(super) is_host_wide: bool,
}

#[expect(clippy::large_enum_variant, reason = "one a poll and soon taken apart: a box would only add an allocation")]
pub(super) enum Brought {
    NotModified,
    Document { etag: Option<String>, hash: [u8; 32], document: Document },
}

pub(super) struct Publishers {
    pub(super) hosts: Vec<Host>,
    pub(super) sources: Vec<Source>,
    /// Our own network: nobody is reached while it is out.
    pub(super) is_cut_off: bool,
}

impl Publishers {
    pub(super) fn draw(dice: &mut Dice, hosts: usize, sources: usize) -> Publishers {
        let mut publishers = Publishers {
            hosts: vec![Host::default(); hosts],
            sources: (0..sources).map(|name| Source::draw(dice, name, hosts)).collect(),
            is_cut_off: false,
        };
        for source in &mut publishers.sources {
            (0..source.window).for_each(|_| source.publish());
        }
        publishers
    }

    pub(super) fn url(&self, source: usize) -> Url {
        format!("http://h{}.example/{source}", self.sources[source].host).parse().expect("it is one")
    }

    fn elsewhere(&self, source: usize) -> Url {
        let host = (self.sources[source].host + 1) % self.hosts.len().max(2);
        format!("http://h{host}.example/{source}/new").parse().expect("it is one")
    }

    /// Something happens to somebody.
    pub(super) fn live(&mut self, dice: &mut Dice) {
        let source = dice.below(self.sources.len());
        let host = dice.below(self.hosts.len());
        let retry_s = [1, 17, 120, 3_600, 90_000][dice.below(5)];
        match dice.below(14) {
            0..5 => (0..1 + dice.below(3)).for_each(|_| self.sources[source].publish()),
            5..8 => self.sources[source].edit(dice),
            8..11 => {
                let moods = [
                    Mood::Broken,
                    Mood::Missing,
                    Mood::Busy { retry_s },
                    Mood::Gone,
                    Mood::Hangs,
                    Mood::NoFeed,
                    Mood::Moved,
                    Mood::Moved,
                    Mood::MovedForNow,
                ];
                let is_well = self.sources[source].mood == Mood::Well;
                self.sources[source].mood = if is_well { moods[dice.below(moods.len())] } else { Mood::Well };
            }
            11 => self.hosts[host].is_dead = !self.hosts[host].is_dead && dice.below(3) == 0,
            _ => {
                let limits = &mut self.hosts[host].limits_s;
                *limits = if limits.is_some() { None } else { Some(retry_s) };
            }
        }
    }

    pub(super) fn heal(&mut self) {
        self.is_cut_off = false;
        self.hosts.iter_mut().for_each(|host| *host = Host::default());
        self.sources.iter_mut().for_each(|source| source.mood = Mood::Well);
    }

    /// Answers somebody who asks at `url` and says that he has `etag`.
    pub(super) fn answer(&mut self, url: &Url, etag: Option<&str>, dice: &mut Dice) -> Answer {
        let source = path_of(url);
        let home = self.url(source);
        let (is_home, elsewhere) = (*url == home, self.elsewhere(source));
        let host = self.hosts[host_of(url) % self.hosts.len()];
        let hop = |url: &Url, status| Hop {
            url: url.clone(),
            address: Some(([198, 41, 0, 4], 80).into()),
            status: Some(status),
        };
        let mut answer = Answer {
            trip: Trip::default(),
            result: Ok(Brought::NotModified),
            took_ms: [3, 20, 80, 400, 3_000][dice.below(5)] + dice.below(20) as u64,
            retry_s: None,
            is_host_wide: false,
        };
        let fail = |class, phase| Err(Failure::new(class, phase, "a simulated failure"));
        let said = |status: u16, retry_s: Option<u64>| {
            let retry_after = retry_s.map(|retry_s| (status, retry_s.to_string()));
            Trip::told(vec![hop(url, status)], retry_after, &HeaderMap::new())
        };
        if self.is_cut_off || host.is_dead {
            answer.trip =
                Trip::told(vec![Hop { url: url.clone(), address: None, status: None }], None, &HeaderMap::new());
            answer.result = fail(Class::Connect, Phase::Connect).map_err(|failure| failure.unreached(true));
            // No route, or no reply.
            answer.took_ms = [3, CONNECT_TIMEOUT_MS][dice.below(2)];
            return answer;
        }
        if host.limits_s.is_some() {
            answer.trip = said(429, host.limits_s);
            answer.result = fail(Class::Status, Phase::Header);
            (answer.retry_s, answer.is_host_wide) = (host.limits_s, true);
            return answer;
        }
        let told = &mut self.sources[source];
        match told.mood {
            Mood::Well | Mood::Moved | Mood::MovedForNow => {}
            Mood::Hangs => {
                answer.trip = Trip::told(vec![Hop { status: None, ..hop(url, 0) }], None, &HeaderMap::new());
                answer.result = fail(Class::Timeout, Phase::FirstByte);
                answer.took_ms = TOTAL_TIMEOUT_MS;
                return answer;
            }
            Mood::NoFeed => {
                answer.trip = said(200, None);
                answer.result = fail(Class::NotFeed, Phase::Parse);
                return answer;
            }
            mood => {
                let (status, class, retry_s) = match mood {
                    Mood::Busy { retry_s } => (503, Class::Status, Some(retry_s)),
                    Mood::Gone => (410, Class::Gone, None),
                    Mood::Missing => (404, Class::Status, None),
                    _ => (500, Class::Status, None),
                };
                answer.trip = said(status, retry_s);
                answer.result = fail(class, Phase::Header);
                answer.retry_s = retry_s;
                return answer;
            }
        }
        let redirect = match told.mood {
            Mood::Moved if is_home => Some(301),
            Mood::MovedForNow if is_home => Some(302),
            _ => None,
        };
        let at = if redirect.is_some() { &elsewhere } else { url };
        let mut headers = HeaderMap::new();
        if let Some(fresh_s) = told.fresh_s {
            let value = HeaderValue::from_str(&format!("max-age={fresh_s}")).expect("figures are a value");
            headers.insert(CACHE_CONTROL, value);
        }
        // Behind a redirect nobody is asked by an etag that he gave elsewhere.
        let etag = etag.filter(|_| redirect.is_none());
        let brought = told.serve(etag);
        let status = if matches!(brought, Brought::NotModified) { 304 } else { 200 };
        let mut hops: Vec<Hop> = redirect.map(|status| hop(url, status)).into_iter().collect();
        hops.push(hop(at, status));
        answer.trip = Trip::told(hops, None, &headers);
        answer.result = Ok(brought);
        answer
    }
}

impl Source {
    fn draw(dice: &mut Dice, name: usize, hosts: usize) -> Source {
        Source {
            host: dice.below(hosts),
            name,
            guids: [Guids::Sane, Guids::Sane, Guids::New, Guids::None][dice.below(4)],
            window: WINDOW.0 + dice.below(WINDOW.1 - WINDOW.0),
            versions: Vec::new(),
            next_version: 0,
            is_tagged: dice.below(4) > 0,
            is_shuffled: dice.below(3) == 0,
            fresh_s: [None, None, None, Some(60), Some(1_800), Some(40_000)][dice.below(6)],
            ttl_minutes: [None, None, None, Some(5), Some(90)][dice.below(5)],
            mood: Mood::Well,
            edition: 0,
            answers: 0,
            editions: HashMap::new(),
        }
    }

    /// The same article comes under another guid each time.
    pub(super) fn has_new_guids(&self) -> bool {
        self.guids == Guids::New
    }

    fn publish(&mut self) {
        self.next_version += 1;
        self.versions.push(self.next_version);
        self.change();
    }

    /// One of the listed articles changes, or changes back.
    fn edit(&mut self, dice: &mut Dice) {
        let article = self.versions.len() - 1 - dice.below(self.window.min(self.versions.len()));
        self.next_version += 1;
        self.versions[article] =
            if dice.below(4) == 0 { self.next_version.saturating_sub(2) } else { self.next_version };
        self.change();
    }

    fn change(&mut self) {
        self.edition += 1;
        let listed = self.listed().map(|article| (self.link(article), self.versions[article])).collect();
        self.editions.insert(self.edition, listed);
    }

    /// Newest first.
    fn listed(&self) -> impl Iterator<Item = usize> + use<> {
        (self.versions.len().saturating_sub(self.window)..self.versions.len()).rev()
    }

    fn link(&self, article: usize) -> String {
        format!("https://h{}.example/{}/{article}", self.host, self.name)
    }

    fn serve(&mut self, etag: Option<&str>) -> Brought {
        self.answers += 1;
        let current = format!("{}/{}", self.name, self.edition);
        if self.is_tagged && etag == Some(&current) {
            return Brought::NotModified;
        }
        // Without a tag the same bytes come again, but for guids that are made anew each time.
        let making = if self.guids == Guids::New || self.is_shuffled { self.answers } else { 0 };
        let mut hash = [0; 32];
        let words = [self.name as u64, self.edition, making].map(placement::mix);
        hash[..8].copy_from_slice(&words[0].to_be_bytes());
        hash[8..16].copy_from_slice(&words[1].to_be_bytes());
        hash[16..24].copy_from_slice(&words[2].to_be_bytes());
        let mut listed: Vec<usize> = self.listed().collect();
        if self.is_shuffled {
            listed.sort_by_key(|article| placement::mix(*article as u64 ^ self.answers));
        }
        let feed = FeedMeta { ttl_minutes: self.ttl_minutes, ..FeedMeta::default() };
        let articles = listed.into_iter().map(|article| self.article(article)).collect();
        let (articles, articles_repeated) = identity::assign(articles, &feed, None);
        let document = Document { feed, articles, articles_repeated, ..Document::default() };
        Brought::Document { etag: self.is_tagged.then_some(current), hash, document }
    }

    fn article(&self, article: usize) -> Article {
        let Source { name, answers, .. } = self;
        let version = self.versions[article];
        let mut content_hash = [1; 16];
        content_hash[8..12].copy_from_slice(&version.to_be_bytes());
        Article {
            content_hash,
            guid: match self.guids {
                Guids::Sane => Some(format!("g{name}-{article}")),
                Guids::New => Some(format!("g{name}-{article}-{answers}")),
                Guids::None => None,
            },
            url: Some(self.link(article)),
            title: Some(format!("Article {article} of {name}")),
            content: Some(version.to_string()),
            ..Article::default()
        }
    }
}

/// The source that a URL leads to.
pub(super) fn path_of(url: &Url) -> usize {
    url.path().split('/').nth(1).and_then(|name| name.parse().ok()).expect("only such URLs are given out")
}

/// The source of an article's link.
pub(super) fn source_of<'a>(link: &str, sources: &'a [Source]) -> &'a Source {
    let name = link.split('/').nth(3).and_then(|name| name.parse::<usize>().ok());
    &sources[name.expect("only such links are given out")]
}

fn host_of(url: &Url) -> usize {
    let name = url.host_str().and_then(|host| host.strip_prefix('h')?.split('.').next()?.parse().ok());
    name.expect("only such URLs are given out")
}
