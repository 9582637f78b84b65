//! `rssd demo`: the daemon and the hostile feed server in one process, without a network, told as a story.
//!
//! It shows a person within 15 s what the daemon promises: sources that hang, drip, lie or kill parsers hold up nobody.
//! Every number comes from where an operator would look (gauges, the database, /proc, the server's own record); none
//! is made up. It runs the same daemon as `rssd --feeds` does, on a feeds.toml of its own, and
//! leaves nothing behind.

mod feeds;
mod first_round;
mod killers;
mod narrator;
mod process;
mod second_round;
mod stage;
mod stay;

use std::env;
use std::net::SocketAddr;

use log::LevelFilter;

use super::exit;
use narrator::Promise;
use stage::{End, Stage};

#[derive(clap::Args, Debug)]
pub(super) struct DemoArgs {
    /// Go on with growing and hung feeds until Ctrl-C, and say where the database is
    #[arg(long)]
    stay: bool,
    /// Serve HTTP there meanwhile; port 0 picks one
    #[arg(long, value_name = "ADDR:PORT")]
    listen: Option<SocketAddr>,
}

pub(super) fn run(args: &DemoArgs) -> u8 {
    // The story tells of each failure; the log would tell it a second time in between.
    if env::var_os("RUST_LOG").is_none() {
        log::set_max_level(LevelFilter::Error);
    }
    let mut stage = match Stage::set_up(args.listen) {
        Ok(stage) => stage,
        Err((code, message)) => {
            complain!("rssd demo: {message}");
            return code;
        }
    };
    let outcome = perform(&mut stage).and_then(|kept| match args.stay {
        true => stay::play(&mut stage).map(|()| kept),
        false => Ok(kept),
    });
    match outcome {
        Ok(true) => exit::FINE,
        Ok(false) => exit::INTERNAL,
        Err(End::Interrupted) => {
            stage.narrator.say("stopped in order, as asked");
            exit::FINE
        }
        Err(End::Failed(code, message)) => {
            complain!("rssd demo: {message}");
            code
        }
    }
}

/// Plays all acts, and gives whether every promise was kept.
fn perform(stage: &mut Stage) -> Result<bool, End> {
    let mut promises: Vec<Promise> = Vec::new();
    promises.extend(first_round::play(stage)?);
    promises.extend(second_round::play(stage)?);
    promises.extend(killers::play(stage)?);
    promises.extend(stage.process.promises());
    stage.narrator.table(&promises);
    Ok(promises.iter().all(|promise| promise.kept))
}
