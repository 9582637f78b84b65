//! `rssd fetch URL`: one fetch, explained; and if what is there is a page, the feeds that it links to.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::rc::Rc;
use std::sync::Arc;

use glommio::Placement;
use serde_json::{Value, json};
use url::Url;

use super::argument::{self, Unshown};
use super::feed_table::FeedTables;
use super::{exit, parse as parse_command};
use crate::article::Document;
use crate::clock::Clock;
use crate::config::Feed;
use crate::failure::{Class, Failure};
use crate::fetch::{self, Access, Fetched, Fetcher, Flight, NameService, Request, Roots, Timeouts, Trip, Validators};
use crate::parse::{self, Link, Source};
use crate::{escape, executor, machine};

/// A URL is cut to this many characters for a person.
const URL_CHARS_MAX: usize = 200;

/// What `--help` says beside the options.
const MORE: &str = "\
If it is a page and no feed, the feeds that it links to are printed as TOML, ready to be pasted into feeds.toml: all else is \
a comment then.

Exit code 65: no feed came, and standard error says why.";

#[derive(clap::Args, Debug)]
#[command(after_help = MORE)]
pub(super) struct FetchArgs {
    /// The feed, or a page that links to it
    #[arg(value_parser = Unshown(argument::url))]
    url: Url,
    /// Print one JSON object: feed, articles, repaired, fetch; for a page, fetch.links
    #[arg(long)]
    json: bool,
    /// Let it be on a private or loopback address
    #[arg(long)]
    allow_private: bool,
}

pub(super) fn run(args: &FetchArgs) -> u8 {
    if !args.url.username().is_empty() || args.url.password().is_some() {
        complain!(
            "rssd: credentials do not belong into a URL; put the feed into feeds.toml with username and password_file"
        );
        return exit::USAGE;
    }
    if !matches!(args.url.scheme(), "http" | "https") {
        complain!("rssd: a {}: URL is not fetched: only http and https are", args.url.scheme());
        return exit::USAGE;
    }
    let (trip, fetched) = match fetch(args) {
        Ok(fetched) => fetched,
        Err(sentence) => {
            complain!("rssd: {sentence}");
            return exit::CONFIG;
        }
    };
    let document = fetched.as_ref().map_err(Failure::clone).and_then(read);
    let links = match (&fetched, &document) {
        (Ok(Fetched::Document(page)), Err(Failure { class: Class::NotFeed, .. })) => parse::links(&source(page)),
        _ => Vec::new(),
    };
    let shown = match args.json {
        true => {
            let json = json_of(&trip, fetched.ok().as_ref(), &document, &links).to_string();
            format!("{}\n", escape::json(&json))
        }
        false if links.is_empty() => for_person(&trip, fetched.ok().as_ref(), &document),
        false => commented(&for_person(&trip, fetched.ok().as_ref(), &document)) + &tables(&links),
    };
    // A reader that left early, as `head` does, is no error.
    let _ = std::io::stdout().lock().write_all(shown.as_bytes());
    match document {
        Ok(_) => exit::FINE,
        Err(failure) => {
            complain!("rssd: {}", escape::lines(&failure.to_string()));
            exit::DATA
        }
    }
}

/// Fetches as the daemon would a feed of which nothing but the URL was written.
fn fetch(args: &FetchArgs) -> Result<(Trip, Result<Fetched, Failure>), String> {
    machine::probe_io_uring()?;
    let (roots, _) = Roots::of_system();
    let names = NameService::read(&[]);
    let feed = Feed { allow_private: args.allow_private, ..Feed::new("fetch", args.url.clone()) };
    executor::make("fetch", Placement::Unbound)?.run(async {
        let _ticks = executor::Ticks::start();
        let fetcher = Fetcher::new(&names, None).map_err(|failure| failure.message)?;
        let timeouts = Timeouts { connect: feed.connect_timeout, read: feed.read_timeout, total: feed.total_timeout };
        let flight = Rc::new(Flight::new(timeouts, feed.body_bytes_max));
        let request = Request {
            url: feed.url.clone(),
            trusted: feed.url.origin(),
            access: Arc::new(Access::open(&roots)),
            validators: Validators::default(),
            body_bytes_max: feed.body_bytes_max,
            allow_private: feed.allow_private,
            allow_downgrade: feed.allow_downgrade,
        };
        let fetched = fetcher.fetch(&request, &flight).await;
        fetcher.close().await;
        Ok(fetched)
    })
}

fn read(fetched: &Fetched) -> Result<Document, Failure> {
    let document = match fetched {
        Fetched::Document(document) => document,
        // Not without a validator that was sent, and none was.
        Fetched::NotModified { .. } => return Ok(Document::default()),
    };
    parse::parse(&source(document))
}

fn source(document: &fetch::Document) -> Source<'_> {
    Source {
        bytes: document.bytes(),
        content_type: document.content_type.as_deref(),
        base_url: &document.url,
        articles_max: Feed::new("fetch", document.url.clone()).articles_max,
        now_ms: Clock::system().now_ms(),
    }
}

/// The shape of `rssd parse --json`, with a `fetch` object beside it.
fn json_of(trip: &Trip, fetched: Option<&Fetched>, document: &Result<Document, Failure>, links: &[Link]) -> Value {
    let mut value = match document {
        Ok(document) => parse_command::json_of(document),
        Err(_) => json!({ "feed": null, "articles": [], "repaired": [] }),
    };
    let hops: Vec<Value> = (trip.hops.iter())
        .map(|hop| json!({ "url": hop.url.as_str(), "address": hop.address.map(|a| a.to_string()), "status": hop.status }))
        .collect();
    let times = &trip.times;
    let mut fetch = json!({
        "hops": hops,
        "resolve_ms": times.resolve_ms,
        "connect_ms": times.connect_ms,
        "tls_ms": times.tls_ms,
        "first_byte_ms": times.first_byte_ms,
        "body_ms": times.body_ms,
        "wire_bytes": trip.wire_bytes,
    });
    if let Some(Fetched::Document(answer)) = fetched {
        fetch["content_type"] = json!(answer.content_type);
        fetch["body_bytes"] = json!(answer.bytes().len());
        fetch["etag"] = json!(answer.validators.etag.as_deref().map(String::from_utf8_lossy));
        fetch["last_modified"] = json!(answer.validators.last_modified.as_deref().map(String::from_utf8_lossy));
    }
    if let Err(failure) = document {
        fetch["error"] = json!({ "class": failure.class_and_phase(), "message": failure.message });
    }
    if !links.is_empty() {
        let links = links.iter();
        let links =
            links.map(|l| json!({ "url": l.url.as_str(), "title": l.title, "type": l.kind, "sure": l.is_sure }));
        fetch["links"] = links.collect();
    }
    value["fetch"] = fetch;
    value
}

/// The feeds of a page as tables of feeds.toml; those that are no more than a guess are comments.
fn tables(links: &[Link]) -> String {
    let mut tables = FeedTables::default();
    let shown = links.iter().map(|link| {
        let title = match (&link.title, link.kind) {
            (Some(title), Some(kind)) => format!("{title} ({kind})"),
            (title, kind) => title.clone().or(kind.map(str::to_owned)).unwrap_or("maybe: the page does not say".into()),
        };
        let table = tables.table(Some(&title), &link.url, &BTreeMap::new());
        if link.is_sure { table } else { commented(&table) + "\n" }
    });
    format!("\n{}", shown.collect::<String>().trim_end()) + "\n"
}

/// Lines that TOML passes over.
fn commented(lines: &str) -> String {
    lines.lines().filter(|line| !line.is_empty()).map(|line| format!("# {line}\n")).collect()
}

fn for_person(trip: &Trip, fetched: Option<&Fetched>, document: &Result<Document, Failure>) -> String {
    let mut shown = String::new();
    // Writing to a string does not fail.
    for hop in &trip.hops {
        let status = hop.status.map_or("no answer".to_owned(), |status| status.to_string());
        let address = hop.address.map_or(String::new(), |address| format!(" from {address}"));
        let _ = writeln!(shown, "{}: {status}{address}", escape::line(hop.url.as_str(), URL_CHARS_MAX));
    }
    let times = &trip.times;
    let phases = [
        ("resolve", times.resolve_ms),
        ("connect", times.connect_ms),
        ("TLS", times.tls_ms),
        ("first byte", times.first_byte_ms),
        ("body", times.body_ms),
    ];
    for (phase, ms) in phases {
        if let Some(ms) = ms {
            let _ = write!(shown, "{phase} {ms} ms, ");
        }
    }
    let _ = writeln!(shown, "{} bytes received", trip.wire_bytes);
    if let Some(Fetched::Document(answer)) = fetched {
        let text = |value: &Option<Vec<u8>>| match value {
            Some(value) => escape::line(&String::from_utf8_lossy(value), URL_CHARS_MAX),
            None => "none".to_owned(),
        };
        let content_type = answer.content_type.as_deref().map_or("none".to_owned(), |t| escape::line(t, URL_CHARS_MAX));
        let validators = &answer.validators;
        let _ = writeln!(
            shown,
            "{} bytes decoded, Content-Type {content_type}, ETag {}, Last-Modified {}",
            answer.bytes().len(),
            text(&validators.etag),
            text(&validators.last_modified)
        );
    }
    if let Ok(document) = document {
        shown.push('\n');
        shown += &parse_command::for_person(document);
    }
    shown
}
