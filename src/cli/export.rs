//! `rssd export`: feeds.toml as OPML. What OPML has no word for stays behind: all keys but name, url and labels.

use std::io::Write;
use std::path::PathBuf;

use super::exit;
use crate::clock::Clock;
use crate::config;
use crate::wire::{SubscriptionView, opml};

/// What `--help` says beside the options.
const MORE: &str = "\
Every feed is an outline: its name and URL, and its labels as categories, /KEY/VALUE, which `rssd import` reads back. \
Disabled feeds are among them. Credentials, headers and intervals are not.";

#[derive(clap::Args, Debug)]
#[command(after_help = MORE)]
pub(super) struct ExportArgs {
    /// The configuration, with all that it includes
    #[arg(long, value_name = "FILE")]
    feeds: PathBuf,
}

/// Mistakes in the configuration go to standard error and end with `exit::CONFIG`.
pub(super) fn run(args: &ExportArgs) -> u8 {
    let config = match config::load(&args.feeds) {
        Ok(config) => config,
        Err(mistakes) => {
            complain!("{mistakes}");
            return exit::CONFIG;
        }
    };
    let text = opml(config.feeds.iter().map(view), Clock::system().now_ms());
    // A reader that left early, as `head` does, is no error.
    let _ = std::io::stdout().lock().write_all(&text);
    exit::FINE
}

/// A configured feed, of which nobody has read a title.
pub(super) fn view(feed: &config::Feed) -> SubscriptionView<'_> {
    SubscriptionView { name: &feed.name, url: feed.url.as_str(), title: None, site_url: None, labels: &feed.labels }
}
