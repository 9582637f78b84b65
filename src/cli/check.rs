//! `rssd check`: every mistake in feeds.toml at once, and what a reload of it would do.

use std::collections::HashSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use super::run::database;
use super::{exit, wishes};
use crate::config::plan::{Known, Plan};
use crate::config::{self, Config};
use crate::store;

#[derive(clap::Args, Debug)]
pub(super) struct CheckArgs {
    /// The configuration to check, with all that it includes and names
    #[arg(long, value_name = "FILE")]
    feeds: PathBuf,
    /// The database to compare it with; default: where the daemon would look for it
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
}

/// Mistakes go to standard error and end with `exit::CONFIG`; the summary goes to standard output.
pub(super) fn run(args: &CheckArgs) -> u8 {
    // Nobody may be reading either of the two, and the exit code says it all the same.
    match config::check(&args.feeds) {
        Err(mistakes) => {
            let _ = writeln!(std::io::stderr().lock(), "{mistakes}");
            exit::CONFIG
        }
        Ok(config) => {
            let db = database(args.db.as_deref(), &config);
            let known = known_feeds(&db);
            let mut text = summary(&args.feeds, &config, known.as_deref());
            // A database that cannot be read has been complained of above.
            for warning in wishes::warnings(&config.feeds, &store::planned(&db).unwrap_or_default()) {
                text += &format!("\nwarning: {warning}");
            }
            let _ = writeln!(std::io::stdout().lock(), "{text}");
            exit::FINE
        }
    }
}

/// The feeds that a database knows; `None` where there is none yet, or none that can be read: the feeds file is not to
/// blame for that.
fn known_feeds(db: &Path) -> Option<Vec<Known>> {
    if !db.exists() {
        return None;
    }
    match store::known_feeds(db) {
        Ok(feeds) => Some(feeds.into_iter().map(|(name, url)| Known { name, url }).collect()),
        Err(error) => {
            log::warn!("what a reload would change is not known: {error}");
            None
        }
    }
}

/// `feeds.toml: 3 feeds on 2 hosts, fine`, and the plan of a reload under it where there is something to compare with.
fn summary(file: &Path, config: &Config, known: Option<&[Known]>) -> String {
    let hosts: HashSet<_> =
        config.feeds.iter().map(|feed| (feed.url.host_str(), feed.url.port_or_known_default())).collect();
    let disabled = match config.feeds.iter().filter(|feed| !feed.enabled).count() {
        0 => String::new(),
        n => format!(", {n} of them disabled"),
    };
    let (feeds, hosts) = (counted(config.feeds.len(), "feed"), counted(hosts.len(), "host"));
    let plan = known.map(|known| format!("\n{}", Plan::from_known(known, &config.feeds))).unwrap_or_default();
    format!("{}: {feeds} on {hosts}{disabled}, fine{plan}", file.display())
}

/// `1 feed`, `2 feeds`.
pub(super) fn counted(n: usize, noun: &str) -> String {
    format!("{n} {noun}{}", if n == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    const THREE: &str = r#"
        [[feed]]
        name = "a"
        url = "https://one.example/a"
        [[feed]]
        name = "b"
        url = "https://one.example/b"
        [[feed]]
        name = "c"
        url = "https://two.example/"
        enabled = false
    "#;

    #[test]
    fn the_summary_counts_feeds_and_hosts() {
        let config = config::parse(THREE, "feeds.toml").unwrap();
        let text = summary(Path::new("feeds.toml"), &config, None);
        assert_eq!(text, "feeds.toml: 3 feeds on 2 hosts, 1 of them disabled, fine");
        let config = config::parse("[[feed]]\nurl = 'https://one.example/'", "feeds.toml").unwrap();
        assert_eq!(summary(Path::new("feeds.toml"), &config, None), "feeds.toml: 1 feed on 1 host, fine");
    }

    #[test]
    fn the_plan_of_a_reload_stands_under_it() {
        let config = config::parse(THREE, "feeds.toml").unwrap();
        let known = |name: &str, url: &str| Known { name: name.to_owned(), url: url.to_owned() };
        let known =
            [known("a", "https://one.example/a"), known("b", "https://old.example/b"), known("z", "https://z/")];
        let text = summary(Path::new("feeds.toml"), &config, Some(&known));
        let plan = "add     c\nchange  b: url\nremove  z\n1 added, 1 changed, 1 removed, 1 unchanged";
        assert!(text.ends_with(&format!(", fine\n{plan}")), "{text}");
    }
}
