//! feeds.toml: what was written, what it means, and every mistake in it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use url::Url;

/// A whole, checked configuration.
#[derive(Clone, Debug)]
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
    pub contact: Option<String>,
    pub token_file: Option<PathBuf>,
    pub public: bool,
    /// Name servers to ask instead of those of the system.
    pub dns: Vec<SocketAddr>,
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
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Feed {
    pub name: String,
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
    pub allow_private: bool,
    pub username: Option<String>,
    pub password_file: Option<PathBuf>,
    pub bearer_file: Option<PathBuf>,
    pub headers: Vec<(String, String)>,
    pub ca_file: Option<PathBuf>,
    pub proxy: Option<Url>,
    pub updates: bool,
}
