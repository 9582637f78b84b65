//! What the tarpit says about itself: a page of its scenarios, and a feeds.toml that subscribes to them.

use std::fmt::Write;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::Path;

use super::answer::Answer;
use super::request::Head;
use super::scenario::{self, Scenario, Via};
use super::server::World;
use crate::limits::TARPIT_SCALE_MAX;

/// `GET /`.
pub(crate) fn page(world: &World) -> Answer {
    let mut rows = String::new();
    for scenario in scenario::all() {
        let url = url(scenario, 1, "", world);
        let Scenario { name, does, .. } = scenario;
        put(&mut rows, format_args!("<tr><td><a href=\"{url}\">{name}</a></td><td>{does}</td></tr>\n"));
    }
    let files = world.files.paths().count();
    Answer::ok(
        "text/html; charset=utf-8",
        format!(
            "<!DOCTYPE html><html lang=\"en\"><meta charset=\"utf-8\"><title>rssd tarpit</title>\n\
             <h1>rssd tarpit</h1>\n\
             <p>Feeds of every bad temper, each under any host name and any number: <code>/NAME/NUMBER</code>.\n\
             <p><a href=\"/feeds.toml\">/feeds.toml</a> subscribes to one of each, and to the {files} files served; \
             <code>/feeds.toml?healthy=430&amp;hung=25</code> to so many of these;\n\
             <code>articles=</code> and <code>kib=</code> scale the healthy ones, <code>read=</code>, \
             <code>connect=</code> and <code>total=</code> are timeouts in seconds,\n\
             <code>ca=PATH</code> adds those with TLS, where PATH holds <a href=\"/ca.pem\">/ca.pem</a>.\n\
             <table>\n{rows}</table></html>\n"
        ),
    )
}

/// `GET /feeds.toml`: one feed for each scenario and file; with `NAME=COUNT` in the query, so many of those only.
pub(crate) fn feeds_toml(head: &Head, world: &World) -> Answer {
    Answer::ok("application/toml", toml(head, world))
}

fn toml(head: &Head, world: &World) -> String {
    let number = |key| head.number(key, TARPIT_SCALE_MAX);
    let (connect, read, total) =
        (number("connect").unwrap_or(2), number("read").unwrap_or(3), number("total").unwrap_or(8));
    let mut out = format!(
        "# Served by rssd tarpit.\n\n[daemon]\nhost_pause = \"0s\"\n\n[defaults]\ninterval = \"1m\"\ninterval_min = \"1m\"\nconnect_timeout = \"{connect}s\"\n\
         read_timeout = \"{read}s\"\ntotal_timeout = \"{total}s\"\nallow_private = true\n"
    );
    let ca = head.param("ca");
    let counted = scenario::all().any(|scenario| number(scenario.name).is_some());
    for scenario in scenario::all() {
        let needs_ca = matches!(scenario.via, Via::Tls(_));
        let ca = match (needs_ca, &ca) {
            (true, None) => continue,
            (true, ca) => ca.as_deref(),
            (false, _) => None,
        };
        let count = number(scenario.name).unwrap_or(u64::from(!counted));
        for index in 1..=count {
            put_feed(&mut out, scenario, index, &query(head, scenario), ca, world);
        }
    }
    if !counted {
        for (index, path) in world.files.paths().enumerate() {
            let index = index + 1;
            let url = http_url(&format!("file-{index}"), world.ports.http, &format!("/files/{path}"));
            let label = string(&path);
            put(
                &mut out,
                format_args!(
                    "\n[[feed]]\nname = \"file-{index}\"\nurl = \"{url}\"\nlabels = {{ scenario = \"file\", path = {label} }}\n"
                ),
            );
        }
    }
    out
}

fn put_feed(out: &mut String, scenario: &Scenario, index: u64, query: &str, ca: Option<&str>, world: &World) {
    let name = scenario.name;
    let url = url(scenario, index, query, world);
    put(
        out,
        format_args!("\n[[feed]]\nname = \"{name}-{index}\"\nurl = \"{url}\"\nlabels = {{ scenario = \"{name}\" }}\n"),
    );
    if let Some(ca) = ca {
        put(out, format_args!("ca_file = {}\n", string(&Path::new(ca).to_string_lossy())));
    }
}

/// The parameters of the healthy feeds go on to them.
fn query(head: &Head, scenario: &Scenario) -> String {
    if scenario.name != "healthy" {
        return String::new();
    }
    let given = ["articles", "kib"].into_iter().filter_map(|key| Some((key, head.number(key, TARPIT_SCALE_MAX)?)));
    let pairs: Vec<String> = given.map(|(key, value)| format!("{key}={value}")).collect();
    if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) }
}

fn url(scenario: &Scenario, number: u64, query: &str, world: &World) -> String {
    let host = format!("{}-{number}", scenario.name);
    match scenario.via {
        Via::Path(_) => http_url(&host, world.ports.http, &format!("/{}/{number}{query}", scenario.name)),
        Via::UnreadPort => http_url(&host, world.ports.unread, "/"),
        Via::ClosedPort => http_url(&host, world.ports.closed, "/"),
        Via::Tls(_) => {
            let (host, port) = (host_of(&host, world.ports.https), world.ports.https.port());
            format!("https://{host}:{port}/healthy/{number}")
        }
    }
}

fn http_url(host: &str, listener: SocketAddr, path: &str) -> String {
    format!("http://{}:{}{path}", host_of(host, listener), listener.port())
}

/// A name of its own for each feed. Every name of `localhost` is 127.0.0.1 (RFC 6761), so elsewhere they share an address.
fn host_of(label: &str, listener: SocketAddr) -> String {
    match listener.ip() {
        IpAddr::V4(ip) if ip == Ipv4Addr::LOCALHOST || ip.is_unspecified() => format!("{label}.localhost"),
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// A string of TOML. JSON's are the same but for DEL.
fn string(text: &str) -> String {
    serde_json::Value::from(text).to_string().replace('\u{7f}', "\\u007F")
}

fn put(out: &mut String, text: std::fmt::Arguments) {
    out.write_fmt(text).expect("a String takes every write");
}
