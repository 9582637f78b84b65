//! What a feed needs to be let in: credentials, custom headers, roots, a proxy. Read from files at start and on reload,
//! never on a core; never shown.

use std::fmt;

use base64::Engine as _;
use sha2::{Digest, Sha256};
use ureq::http::header::{AUTHORIZATION, HeaderName, HeaderValue};
use url::Url;

use super::roots::{Roots, Trust};
use crate::config::{self, read_secret};

/// How one feed is asked, secrets included.
#[derive(Clone)]
pub struct Access {
    /// Sent to the feed's own origin only.
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) roots: Roots,
    pub(crate) proxy: Option<Url>,
    /// Changes when the credentials do; tells nothing about them.
    fingerprint: String,
}

/// Two that are equal ask alike: a reload leaves such a feed alone.
impl PartialEq for Access {
    fn eq(&self, other: &Access) -> bool {
        self.fingerprint == other.fingerprint && self.proxy == other.proxy && self.roots == other.roots
    }
}

impl Access {
    /// A feed that anybody may read.
    pub fn open(roots: &Roots) -> Access {
        Access { headers: Vec::new(), roots: roots.clone(), proxy: None, fingerprint: String::new() }
    }

    /// Reads the secrets that `feed` names; its `ca_file` was read into `trust`. Blocks: call it at start and on reload, not
    /// on a core.
    ///
    /// # Errors
    ///
    /// A sentence that names the key and the file, never their content.
    pub(crate) fn load(feed: &config::Feed, trust: &Trust) -> Result<Access, String> {
        let mut headers = Vec::new();
        for (name, value) in &feed.headers {
            let name =
                HeaderName::try_from(name.as_str()).map_err(|_| format!("headers: {name:?} is no header name"))?;
            headers.push((
                name.clone(),
                secret(value.as_str()).ok_or_else(|| format!("headers: the value of {name} is no header value"))?,
            ));
        }
        if let Some(user) = &feed.username {
            let password = match &feed.password_file {
                Some(file) => read_secret("password_file", file)?,
                None => String::new(),
            };
            let pair = base64::prelude::BASE64_STANDARD.encode(format!("{user}:{password}"));
            headers.push((AUTHORIZATION, authorization(&format!("Basic {pair}"), "username")?));
        } else if let Some(file) = &feed.bearer_file {
            let token = read_secret("bearer_file", file)?;
            headers.push((AUTHORIZATION, authorization(&format!("Bearer {token}"), "bearer_file")?));
        }
        let roots = trust.roots(feed.ca_file.as_ref())?;
        let fingerprint = fingerprint(&headers);
        Ok(Access { headers, roots, proxy: feed.proxy.clone(), fingerprint })
    }

    /// What validators are valid for: the URL that sent them, asked with these credentials.
    pub(crate) fn scope(&self, url: &Url) -> String {
        match self.fingerprint.as_str() {
            "" => url.as_str().to_owned(),
            fingerprint => format!("{url} {fingerprint}"),
        }
    }
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access").finish_non_exhaustive()
    }
}

fn authorization(text: &str, key: &str) -> Result<HeaderValue, String> {
    secret(text).ok_or_else(|| format!("{key}: what it gives cannot be sent in a header; remove control characters"))
}

fn secret(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_bytes(text.as_bytes()).ok()?;
    value.set_sensitive(true);
    Some(value)
}

fn fingerprint(headers: &[(HeaderName, HeaderValue)]) -> String {
    if headers.is_empty() {
        return String::new();
    }
    let mut hash = Sha256::new();
    for (name, value) in headers {
        hash.update(name.as_str());
        hash.update([0]);
        hash.update(value.as_bytes());
        hash.update([0]);
    }
    hash.finalize()[..8].iter().map(|byte| format!("{byte:02x}")).collect()
}
