//! The bad tempers that the tarpit knows without being told: each has a name, which is the first part of its path,
//! and is served under any host name.
//!
//! A scenario is a function from a request to steps. The files beside this one hold them by kind.

mod content;
mod document;
mod feed;
mod http;
mod pace;

pub(super) use document::http_date;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use super::answer::Answer;
use super::index;
use super::request::Head;
use super::server::World;
use super::step::{Bytes, Step};
use super::tls::Tls;
use crate::clock::Clock;
use crate::limits::{TARPIT_COUNTERS_MAX, TARPIT_DOCUMENTS_MAX, TARPIT_SCALE_MAX};

/// One temper.
pub(crate) struct Scenario {
    /// In lower case with hyphens: part of paths, host names and names of feeds.
    pub(crate) name: &'static str,
    /// For a person: what it does, and its parameters.
    pub(crate) does: &'static str,
    pub(crate) via: Via,
}

/// How a scenario is reached.
#[derive(Clone, Copy)]
pub(crate) enum Via {
    /// `http://ANY-HOST/NAME/NUMBER`.
    Path(fn(&Call) -> Vec<Step>),
    /// `https://NAME.localhost/healthy/NUMBER`.
    Tls(Tls),
    /// A port of its own, where nothing is read.
    UnreadPort,
    /// A port where nothing listens.
    ClosedPort,
}

/// Where the tarpit listens.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ports {
    pub(crate) http: SocketAddr,
    pub(crate) https: SocketAddr,
    pub(crate) unread: SocketAddr,
    pub(crate) closed: SocketAddr,
}

/// What scenarios remember between requests.
#[derive(Default)]
pub(crate) struct Memory {
    requests_by_path: HashMap<String, u64>,
    documents: HashMap<(&'static str, u64), Bytes>,
}

/// A request to a scenario.
pub(crate) struct Call<'a> {
    pub(crate) head: &'a Head,
    pub(crate) tls: bool,
    pub(crate) world: &'a World,
    /// The second part of the path: which of many feeds of this temper.
    pub(crate) number: u64,
}

impl Call<'_> {
    /// A parameter of the query, or what it is by default.
    fn param(&self, key: &str, default: u64) -> u64 {
        self.head.number(key, TARPIT_SCALE_MAX).unwrap_or(default)
    }

    /// Requests of this path before this one.
    fn requests_before(&self) -> u64 {
        let mut memory = self.world.memory.borrow_mut();
        if memory.requests_by_path.len() >= TARPIT_COUNTERS_MAX {
            memory.requests_by_path.clear();
        }
        let count = memory.requests_by_path.entry(self.head.path.clone()).or_default();
        *count += 1;
        *count - 1
    }

    fn seconds_since_start(&self) -> u64 {
        Clock::elapsed_ms(self.world.started) / 1000
    }

    /// A document that is made once for each scale.
    fn document(&self, name: &'static str, scale: u64, make: impl FnOnce(u64) -> Vec<u8>) -> Bytes {
        let mut memory = self.world.memory.borrow_mut();
        if memory.documents.len() >= TARPIT_DOCUMENTS_MAX {
            memory.documents.clear();
        }
        Bytes::clone(memory.documents.entry((name, scale)).or_insert_with(|| make(scale).into()))
    }

    /// `http://HOST` or `https://HOST` as the client wrote it.
    fn origin(&self) -> String {
        let host = String::from_utf8_lossy(self.head.header("host").unwrap_or(b"localhost"));
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{host}")
    }
}

/// Every scenario, in the order in which the index shows them.
pub(crate) fn all() -> impl Iterator<Item = &'static Scenario> {
    [feed::SCENARIOS, pace::SCENARIOS, http::SCENARIOS, content::SCENARIOS, TLS_SCENARIOS].into_iter().flatten()
}

const TLS_SCENARIOS: &[Scenario] = &[
    Scenario { name: "tls-good", does: "a certificate of the tarpit's own authority", via: Via::Tls(Tls::Good) },
    Scenario { name: "tls-expired", does: "a certificate that ended in 2001", via: Via::Tls(Tls::Expired) },
    Scenario { name: "tls-wrong-host", does: "a certificate for elsewhere.invalid", via: Via::Tls(Tls::WrongHost) },
    Scenario { name: "tls-self-signed", does: "a certificate signed by itself", via: Via::Tls(Tls::SelfSigned) },
    Scenario {
        name: "tls-long-chain",
        does: "a chain of 100 certificates between its own and the authority's",
        via: Via::Tls(Tls::LongChain(100)),
    },
    Scenario { name: "tls-silent", does: "silence after the client's hello", via: Via::Tls(Tls::Silence) },
    Scenario {
        name: "tls-dripping",
        does: "a handshake of one byte a second",
        via: Via::Tls(Tls::Drip(Duration::from_secs(1))),
    },
    Scenario { name: "tls-plain", does: "HTTP without TLS on the https port", via: Via::Tls(Tls::PlainHttp) },
    Scenario {
        name: "tls-cut",
        does: "the connection ends in the middle of the handshake",
        via: Via::Tls(Tls::CloseMidHandshake),
    },
];

/// What a request that no route took gets.
pub(crate) fn steps(head: &Head, tls: bool, world: &World) -> Arc<[Step]> {
    let answer = |answer: Answer| Arc::from(vec![Step::Answer(answer)]);
    if head.method != "GET" && head.method != "HEAD" {
        // A body may follow that nobody reads, so the connection cannot be kept.
        return answer(Answer::status(405).header("Allow", "GET, HEAD").close());
    }
    match head.path.as_str() {
        "/" => return answer(index::page(world)),
        "/feeds.toml" => return answer(index::feeds_toml(head, world)),
        "/ca.pem" => return answer(Answer::ok("application/x-pem-file", world.authority.borrow().pem())),
        _ => {}
    }
    if let Some(path) = head.path.strip_prefix("/files/") {
        return answer(world.files.answer(path));
    }
    let mut parts = head.path.trim_start_matches('/').split('/');
    let name = parts.next().unwrap_or_default();
    let number = parts.next().and_then(|part| part.parse().ok()).unwrap_or(1);
    let found = all().find(|scenario| scenario.name == name);
    match found.map(|scenario| scenario.via) {
        Some(Via::Path(steps)) => steps(&Call { head, tls, world, number }).into(),
        _ => answer(Answer::status(404).header("Content-Type", "text/plain").body("no such scenario; / lists them\n")),
    }
}

/// What a client meets in TLS that asks for `NAME.localhost` or `NAME-NUMBER.localhost`.
pub(crate) fn tls(host: &str) -> Tls {
    let label = host.split('.').next().unwrap_or_default();
    let name = label.trim_end_matches(|c: char| c.is_ascii_digit()).trim_end_matches('-');
    match all().find(|scenario| scenario.name == name).map(|scenario| scenario.via) {
        Some(Via::Tls(tls)) => tls,
        _ => Tls::Good,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn names_are_unique_and_fit_into_a_host_name() {
        let mut seen = HashSet::new();
        for scenario in all() {
            assert!(seen.insert(scenario.name), "{} twice", scenario.name);
            assert!(scenario.name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-'));
            assert!(scenario.name.len() <= 40);
        }
    }

    #[test]
    fn tls_goes_by_the_first_label() {
        for (host, expected) in [
            ("tls-expired.localhost", Tls::Expired),
            ("tls-expired-12.localhost", Tls::Expired),
            ("tls-good.localhost", Tls::Good),
            ("healthy-1.localhost", Tls::Good),
            ("", Tls::Good),
        ] {
            assert_eq!(tls(host), expected, "{host}");
        }
    }
}
