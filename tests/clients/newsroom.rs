//! A daemon over feeds whose documents the test writes, some of which may hang.

use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use rssd::tarpit::{Answer, Step, Tarpit};

use super::command;
use crate::support::http::{get, listening};
use crate::support::{Daemon, Feeds, Home, tarpit, until};

pub(super) struct Newsroom {
    pub(super) at: SocketAddr,
    /// `None` only while it restarts.
    daemon: Option<Daemon>,
    pub(super) home: Home,
    tarpit: Tarpit,
}

impl Newsroom {
    /// Polled every second, each document committed once.
    pub(super) fn of(documents: &[(&str, String)]) -> Newsroom {
        Newsroom::with_hung(documents, 0)
    }

    /// With so many feeds more that never answer: `hung-0`, `hung-1` and so on.
    pub(super) fn with_hung(documents: &[(&str, String)], hung: usize) -> Newsroom {
        Newsroom::with(documents, hung, |_, feeds| feeds)
    }

    /// With whatever else the test subscribes to, of which nothing is waited for but one poll.
    pub(super) fn with(
        documents: &[(&str, String)],
        hung: usize,
        more: impl FnOnce(&Tarpit, Feeds) -> Feeds,
    ) -> Newsroom {
        let tarpit = tarpit();
        let mut feeds = Feeds::new().every_second();
        for (name, document) in documents {
            serve(&tarpit, name, document);
            feeds = feeds.feed(name, tarpit.url(&host(name), "/feed"));
        }
        for number in 0..hung {
            let host = host(&format!("hung-{number}"));
            tarpit.route(&host, "/feed", Step::Stall);
            feeds = feeds.feed(&format!("hung-{number}"), tarpit.url(&host, "/feed"));
        }
        let home = Home::with(&more(&tarpit, feeds));
        let mut daemon = home.start();
        let at = listening(&mut daemon);
        let db = home.db_soon();
        daemon.wait_for("the first round", |_| {
            let waiting = "SELECT count(*) FROM feed WHERE poll_count = 0 AND name NOT LIKE 'hung-%'";
            db.one::<i64>(waiting) == 0
        });
        drop(db);
        Newsroom { at, daemon: Some(daemon), home, tarpit }
    }

    /// From now on the feed is this document.
    pub(super) fn publish(&self, name: &str, document: &str) {
        serve(&self.tarpit, name, document);
    }

    pub(super) fn wait_for_articles(&self, count: i64) {
        let db = self.home.db();
        until(&format!("{count} articles"), || (db.articles() >= count).then_some(()));
    }

    pub(super) fn wait_for_streams(&self, count: u64) {
        until(&format!("{count} streams"), || {
            (get(self.at, "/health").json()["streams"].as_u64()? == count).then_some(())
        });
    }

    /// Ends the daemon as a crash would, and starts it again where its clients look for it.
    pub(super) fn crash_and_restart(&mut self) {
        self.daemon.take().expect("it runs but in here").kill();
        let mut command = self.home.daemon_command();
        command.arg("--listen").arg(self.at.to_string());
        let mut daemon = Daemon::spawn(command);
        assert_eq!(listening(&mut daemon), self.at);
        self.daemon = Some(daemon);
    }

    /// `http://127.0.0.1:PORT` and this path.
    pub(super) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.at)
    }

    /// A program in the directory of this newsroom.
    pub(super) fn command(&self, program: &Path) -> Command {
        command(&self.home, program)
    }
}

fn serve(tarpit: &Tarpit, name: &str, document: &str) {
    tarpit.route(&host(name), "/feed", Answer::ok("application/rss+xml", document));
}

fn host(name: &str) -> String {
    format!("{name}.localhost")
}
