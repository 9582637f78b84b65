//! The daemon that a command asks: where it is, how it is asked, and why it does not answer.
//!
//! Plain blocking requests on the main thread: no executor runs in these commands. Nothing of what a server sends gets
//! into a sentence unescaped.

use std::io::Read;
use std::path::PathBuf;
use std::time::Duration;

use serde_json::Value;
use ureq::http::{Response, StatusCode, header};
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, Body};
use url::Url;

use super::argument::Unshown;
use super::exit;
use crate::config::{self, units};
use crate::escape;
use crate::limits::{ASK_BODY_BYTES_MAX, ASK_REFUSAL_BYTES_MAX};

/// What a server says of itself is cut to this many characters.
const SAID_CHARS_MAX: usize = 300;

#[derive(clap::Args, Debug)]
pub(super) struct ServerArgs {
    /// The daemon to ask
    #[arg(long, value_name = "URL", env = "RSSD_SERVER", default_value = "http://127.0.0.1:8080", value_parser = Unshown(base))]
    server: Url,
    /// A file with the daemon's token on one line, as its `token_file`
    #[arg(long, value_name = "PATH", env = "RSSD_TOKEN_FILE")]
    token_file: Option<PathBuf>,
    /// Take so long a silence for the end of the connection [default: 10s, for tail 40s]
    #[arg(long, value_name = "DURATION", value_parser = silence)]
    timeout: Option<Duration>,
}

fn base(text: &str) -> Result<Url, String> {
    let with_scheme = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let mut url = Url::parse(&with_scheme).map_err(|error| format!("{error}; write it like http://127.0.0.1:8080"))?;
    if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
        return Err("only http and https are asked; write it like http://127.0.0.1:8080".to_owned());
    }
    if !url.username().is_empty() || url.password().is_some() {
        return Err("credentials do not belong into a URL; name a file with the token by --token-file".to_owned());
    }
    url.set_query(None);
    url.set_fragment(None);
    // Behind a proxy it may have a folder of its own, under which everything else is found.
    if !url.path().ends_with('/') {
        url.set_path(&format!("{}/", url.path()));
    }
    Ok(url)
}

fn silence(text: &str) -> Result<Duration, String> {
    let like = || "write one whole number above 0 and one of ms, s, m, h, d, like 10s".to_owned();
    units::duration(text).filter(|silence| !silence.is_zero()).ok_or_else(like)
}

/// Why there is no answer to what was asked.
#[derive(Debug)]
pub(super) enum Trouble {
    /// The token cannot be read: a sentence.
    Token(String),
    /// No answer, or none that is HTTP: a sentence.
    Silent(String),
    /// An answer, and not the one that was asked for.
    Refused(Refused),
}

#[derive(Debug)]
pub(super) struct Refused {
    pub(super) status: StatusCode,
    /// The header `Retry-After`, as it came.
    pub(super) retry_after: Option<String>,
    /// The problem of RFC 9457; null where it is none.
    pub(super) problem: Value,
}

impl Trouble {
    /// The code that a command ends with for it.
    pub(super) fn exit_code(&self) -> u8 {
        match self {
            Trouble::Token(_) => exit::USAGE,
            Trouble::Silent(_) => exit::UNAVAILABLE,
            Trouble::Refused(refused) => match refused.status.as_u16() {
                401 | 403 => exit::PERMISSION,
                400 | 421 => exit::USAGE,
                _ => exit::UNAVAILABLE,
            },
        }
    }

    /// What happened and what to do about it, for after `the daemon at URL`.
    pub(super) fn sentence(&self) -> String {
        match self {
            Trouble::Token(sentence) => format!("cannot be asked: {sentence}"),
            Trouble::Silent(sentence) => {
                format!("does not answer ({sentence}): start it, or give its address by --server")
            }
            Trouble::Refused(refused) => refused.sentence(),
        }
    }
}

impl Refused {
    fn sentence(&self) -> String {
        let remedy = match self.status.as_u16() {
            401 => "; name a file with its token by --token-file",
            421 => "; ask by an address, or add this name to hosts under [daemon]",
            404 => "; is this the address of rssd?",
            301..=308 => "; give --server the address that it leads to",
            _ => "",
        };
        let detail =
            self.problem["detail"].as_str().map(|detail| format!(": {}", escape::line(detail, SAID_CHARS_MAX)));
        format!("answers {}{}{remedy}", self.status.as_u16(), detail.unwrap_or_default())
    }
}

/// A daemon that can be asked.
pub(super) struct Server {
    agent: Agent,
    base: Url,
    token_file: Option<PathBuf>,
}

impl Server {
    /// `silence` is what is waited for each read and for the head of an answer, where the arguments say nothing.
    pub(super) fn new(args: &ServerArgs, silence: Duration) -> Server {
        let silence = args.timeout.unwrap_or(silence);
        let mut config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            // The daemon is asked, and nobody that the environment names.
            .proxy(None)
            .user_agent(concat!("rssd/", env!("CARGO_PKG_VERSION")))
            // A proxy that compresses a stream holds its articles back.
            .accept_encoding("")
            .max_idle_connections(0)
            .timeout_resolve(Some(silence))
            .timeout_connect(Some(silence))
            .timeout_send_request(Some(silence))
            .timeout_recv_response(Some(silence))
            .timeout_per_read(Some(silence));
        if args.server.scheme() == "https" {
            let found = rustls_native_certs::load_native_certs().certs;
            let roots: Vec<_> = found.iter().map(|root| Certificate::from_der(root).to_owned()).collect();
            let roots = RootCerts::new_with_certs(&roots);
            config = config.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Server { agent: config.build().new_agent(), base: args.server.clone(), token_file: args.token_file.clone() }
    }

    pub(super) fn base(&self) -> &Url {
        &self.base
    }

    /// The address of a route; segments are escaped.
    pub(super) fn route(&self, segments: &[&str]) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// Asks, with further headers whose values are visible ASCII, and gives every answer whose head comes, whatever its
    /// status.
    ///
    /// # Errors
    ///
    /// No answer, or no token.
    pub(super) fn get(&self, url: &Url, headers: &[(&str, &str)]) -> Result<Response<Body>, Trouble> {
        let mut request = self.agent.get(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        // Read each time: it may be another one by now.
        if let Some(file) = &self.token_file {
            let token = config::read_secret("--token-file", file).map_err(Trouble::Token)?;
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        request.call().map_err(|error| Trouble::Silent(escape::lines(&error.to_string())))
    }

    /// Asks for JSON. `accepted` says which statuses have it.
    ///
    /// # Errors
    ///
    /// No answer, another status, or no JSON.
    pub(super) fn get_json(&self, url: &Url, accepted: &[u16]) -> Result<(u16, Value), Trouble> {
        let mut answer = self.get(url, &[("Accept", "application/json")])?;
        let status = answer.status().as_u16();
        if !accepted.contains(&status) {
            return Err(Trouble::Refused(refused(answer)));
        }
        let body = answer.body_mut().with_config().limit(ASK_BODY_BYTES_MAX).read_to_vec();
        let body = body.map_err(|error| Trouble::Silent(escape::lines(&error.to_string())))?;
        let json = serde_json::from_slice(&body);
        Ok((status, json.map_err(|error| Trouble::Silent(format!("it sends no JSON ({error})")))?))
    }
}

/// What an answer that was not asked for says.
pub(super) fn refused(answer: Response<Body>) -> Refused {
    let status = answer.status();
    let retry_after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok());
    let retry_after = retry_after.map(str::to_owned);
    let mut body = Vec::new();
    // What cannot be read is no problem of RFC 9457 either.
    let _ = answer.into_body().into_reader().take(ASK_REFUSAL_BYTES_MAX).read_to_end(&mut body);
    Refused { status, retry_after, problem: serde_json::from_slice(&body).unwrap_or_default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_a_daemon() {
        for (text, want) in [
            ("http://127.0.0.1:8080", Some("http://127.0.0.1:8080/")),
            ("127.0.0.1:8080", Some("http://127.0.0.1:8080/")),
            ("localhost:81", Some("http://localhost:81/")),
            ("https://news.example/rssd", Some("https://news.example/rssd/")),
            ("https://news.example/rssd/?x#y", Some("https://news.example/rssd/")),
            ("ftp://news.example", None),
            ("http://u:p@news.example", None),
            ("http://", None),
            ("", None),
        ] {
            assert_eq!(base(text).ok().as_ref().map(Url::as_str), want, "{text}");
        }
    }

    #[test]
    fn routes_stand_under_the_address() {
        let args = |server| ServerArgs { server: base(server).unwrap(), token_file: None, timeout: None };
        let route =
            |server, segments: &[&str]| Server::new(&args(server), Duration::from_secs(1)).route(segments).to_string();
        assert_eq!(route("http://a/", &["health"]), "http://a/health");
        assert_eq!(route("http://a/b", &["news", "stream"]), "http://a/b/news/stream");
        assert_eq!(route("http://a", &["feeds", "x y/?#%"]), "http://a/feeds/x%20y%2F%3F%23%25");
    }

    #[test]
    fn a_refusal_says_what_to_do_and_nothing_raw() {
        let refused = |status, detail: &str| {
            let problem = serde_json::json!({ "detail": detail });
            let status = StatusCode::from_u16(status).unwrap();
            Trouble::Refused(Refused { status, retry_after: None, problem })
        };
        for (status, code, words) in [
            (401, exit::PERMISSION, "--token-file"),
            (421, exit::USAGE, "hosts under [daemon]"),
            (400, exit::USAGE, "answers 400: \\u{1b}[2J"),
            (503, exit::UNAVAILABLE, "answers 503"),
            (302, exit::UNAVAILABLE, "leads to"),
        ] {
            let trouble = refused(status, "\u{1b}[2J");
            assert_eq!(trouble.exit_code(), code, "{status}");
            let sentence = trouble.sentence();
            assert!(sentence.contains(words) && !sentence.contains('\u{1b}'), "{sentence}");
        }
    }
}
