//! feeds.toml: what was written, what it means, and every mistake in it.
//!
//! [`load()`] reads and checks the whole of it before anything else is opened. [`check`] does the same and also looks at
//! the files that it names, which the daemon opens later, each where it is needed. Nothing here opens a database or a
//! socket.
//!
//! A [`Config`] is always whole: names and URLs are unique, every value is within its bounds, every relation holds.
//! There is no half of one: a single mistake anywhere gives [`Mistakes`] instead, all of them, and a reload keeps what
//! it had.
//!
//! A feed's keys come in layers, the later one winning key by key: what is built in, `[defaults]`, the `[defaults]` of
//! the included file that the feed stands in, the feed itself. `labels` and `headers` are merged entry by entry.
//! Relative paths start at the folder of the file that they stand in.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

mod assemble;
mod cores;
mod daemon;
mod entry;
mod headers;
mod include;
mod keys;
mod load;
mod location;
mod mistakes;
mod named_files;
mod names;
pub mod plan;
pub(crate) mod reference;
mod relations;
mod secret;
mod secret_file;
mod suggest;
mod syntax;
#[cfg(any(test, fuzzing))]
pub(crate) mod fuzz;
#[cfg(test)]
mod tests;
pub(crate) mod units;

pub use load::{check, load, parse};
pub(crate) use location::{feed_url, shown as shown_url};
pub use mistakes::{Mistake, Mistakes, Place};
pub(crate) use names::{from_url as name_from_url, is_invisible};
pub use secret::Secret;
pub(crate) use secret_file::read_secret;
pub(crate) use suggest::distance;

/// A whole, checked configuration.
#[derive(Clone, Debug, Default)]
pub struct Config {
    pub daemon: Daemon,
    /// In the order of the files; names and URLs are unique.
    pub feeds: Vec<Feed>,
}

/// `[daemon]`. `None` where nothing was written: the default is the command line's business.
#[derive(Clone, Debug, Default)]
pub struct Daemon {
    pub db: Option<PathBuf>,
    pub listen: Option<SocketAddr>,
    pub cores: Option<Cores>,
    /// `None`: not written. The inner `None`: for ever.
    pub retention: Option<Option<Duration>>,
    /// Goes into the User-Agent: printable ASCII without parentheses.
    pub contact: Option<String>,
    pub token_file: Option<PathBuf>,
    pub public: bool,
    /// Further names under which a request may ask for this daemon: lower case, ASCII, without a port.
    pub hosts: Vec<String>,
    /// Streams at once; `None`: `limits::STREAMS_MAX`.
    pub streams_max: Option<usize>,
    /// Name servers to ask instead of those of the system.
    pub dns: Vec<SocketAddr>,
    /// From the end of one request to a host to the begin of the next.
    pub host_pause: Option<Duration>,
}

/// Which CPUs run a core.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cores {
    /// Every CPU of the affinity mask.
    Auto,
    /// So many of them.
    Count(usize),
    /// These, by number.
    List(Vec<usize>),
}

/// One `[[feed]]`, with the defaults filled in.
///
/// `interval_min <= interval <= interval_max`, `connect_timeout` and `read_timeout` `<= total_timeout`. Basic
/// authentication (`username`) and `bearer_file` exclude each other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    /// A path segment: no `/`, no control characters, at most `limits::FEED_NAME_BYTES_MAX` bytes.
    pub name: String,
    /// http or https, with a host, without userinfo and fragment.
    pub url: Url,
    pub labels: BTreeMap<String, String>,
    pub enabled: bool,
    pub interval: Duration,
    pub interval_min: Duration,
    pub interval_max: Duration,
    pub connect_timeout: Duration,
    pub read_timeout: Duration,
    pub total_timeout: Duration,
    pub body_bytes_max: u64,
    pub articles_max: usize,
    /// Of the first document; `None` is all of it.
    pub articles_initial_max: Option<usize>,
    pub allow_private: bool,
    /// Whether a redirect from https to http is followed.
    pub allow_downgrade: bool,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    pub bearer_file: Option<PathBuf>,
    /// Names are tokens of RFC 9110 and unique, values visible ASCII; none of them is the client's own.
    pub headers: Vec<(String, Secret)>,
    pub ca_file: Option<PathBuf>,
    /// http, with a host, without userinfo.
    pub proxy: Option<Url>,
    pub updates: bool,
}

impl Daemon {
    /// Whether the daemon may listen there: beyond loopback everybody can ask, so either a token stands before it or
    /// the configuration says that it is public. Asked again where `--listen` overrides what was written.
    pub fn may_listen_on(&self, address: SocketAddr) -> bool {
        address.ip().to_canonical().is_loopback() || self.public || self.token_file.is_some()
    }
}

impl Feed {
    /// A feed of which nothing but name and URL was written.
    pub fn new(name: impl Into<String>, url: Url) -> Feed {
        Feed {
            name: name.into(),
            url,
            labels: BTreeMap::new(),
            enabled: true,
            interval: Duration::from_secs(15 * 60),
            interval_min: Duration::from_secs(5 * 60),
            interval_max: Duration::from_secs(24 * 3600),
            connect_timeout: Duration::from_secs(5),
            read_timeout: Duration::from_secs(10),
            total_timeout: Duration::from_secs(30),
            body_bytes_max: 8 << 20,
            articles_max: 2000,
            articles_initial_max: None,
            allow_private: false,
            allow_downgrade: false,
            username: None,
            password_file: None,
            bearer_file: None,
            headers: Vec::new(),
            ca_file: None,
            proxy: None,
            updates: true,
        }
    }
}
