//! A feeds.toml under construction, and documents to serve.

use std::fmt::Write;

/// feeds.toml as text. Its feeds may live on loopback, their hosts need no pause, and the listener's port is the kernel's choice.
#[derive(Clone)]
pub(crate) struct Feeds {
    daemon: String,
    host_pause: &'static str,
    defaults: String,
    feeds: String,
}

impl Feeds {
    pub(crate) fn new() -> Feeds {
        Feeds {
            daemon: "listen = \"127.0.0.1:0\"\n".to_owned(),
            host_pause: "0s",

            defaults: "allow_private = true\n".to_owned(),
            feeds: String::new(),
        }
    }

    /// The same without `allow_private`.
    pub(crate) fn of_strangers() -> Feeds {
        Feeds { defaults: String::new(), ..Feeds::new() }
    }

    /// Every feed is due again after a second, the least that may be configured.
    pub(crate) fn every_second(self) -> Feeds {
        self.default("interval = \"1s\"\ninterval_min = \"1s\"\ninterval_max = \"2s\"")
    }

    /// With a pause between two requests to one host.
    pub(crate) fn host_pause(self, host_pause: &'static str) -> Feeds {
        Feeds { host_pause, ..self }
    }

    /// Lines of `[daemon]`.
    pub(crate) fn daemon(mut self, lines: &str) -> Feeds {
        self.daemon += &format!("{lines}\n");
        self
    }

    /// Lines of `[defaults]`.
    pub(crate) fn default(mut self, lines: &str) -> Feeds {
        self.defaults += &format!("{lines}\n");
        self
    }

    pub(crate) fn feed(self, name: &str, url: impl AsRef<str>) -> Feeds {
        self.feed_with(name, url, "")
    }

    /// A feed with further lines.
    pub(crate) fn feed_with(mut self, name: &str, url: impl AsRef<str>, lines: &str) -> Feeds {
        let url = url.as_ref();
        writeln!(self.feeds, "\n[[feed]]\nname = {name:?}\nurl = {url:?}\n{lines}")
            .expect("a String takes every write");
        self
    }

    /// Feeds as they are written.
    pub(crate) fn raw(mut self, feeds: &str) -> Feeds {
        self.feeds += feeds;
        self
    }

    pub(crate) fn toml(&self) -> String {
        let Feeds { daemon, host_pause, defaults, feeds } = self;
        format!("[daemon]\nhost_pause = {host_pause:?}\n{daemon}\n[defaults]\n{defaults}{feeds}")
    }
}

/// An RSS document with one article a guid.
pub(crate) fn rss<S: AsRef<str>>(title: &str, guids: impl IntoIterator<Item = S>) -> String {
    let mut out =
        format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<rss version=\"2.0\"><channel><title>{title}</title>\n");
    for guid in guids {
        let guid = guid.as_ref();
        writeln!(out, "<item><title>About {guid}</title><guid isPermaLink=\"false\">{guid}</guid></item>")
            .expect("a String takes every write");
    }
    out + "</channel></rss>\n"
}

/// `NAME-0`, `NAME-1` and so on.
pub(crate) fn guids(name: &str, count: usize) -> Vec<String> {
    (0..count).map(|index| format!("{name}-{index}")).collect()
}
