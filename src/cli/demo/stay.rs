//! `--stay`: a daemon that goes on until Ctrl-C, on feeds that grow, hang and stay as they are.

use std::time::Duration;

use super::feeds::Group;
use super::first_round::HEALTHY;
use super::killers::GROWING;
use super::narrator::grouped;
use super::stage::{End, Stage, in_flight};
use crate::daemon::Daemon;

const STEADILY_GROWING: Group = Group { interval: "5s", ..GROWING };
const HUNG: Group = Group { read_timeout_ms: (30_000, 0), ..Group::new("still-hung", 25, &["hung"]) };
/// How often it tells how things are.
const TELL: Duration = Duration::from_secs(5);

/// Goes on until Ctrl-C.
pub(super) fn play(stage: &mut Stage) -> Result<(), End> {
    stage.narrator.title("Now until Ctrl-C");
    let db = stage.db();
    stage.narrator.say(&format!("the database is {}, and is removed at the end", db.display()));
    stage.narrator.aside(&format!("sqlite3 {} .dump", db.display()));
    let (outcome, drained) =
        stage.with_daemon(&[STEADILY_GROWING, HUNG, HEALTHY], false, |stage, daemon| Ok(go_on(stage, daemon)))?;
    stage.narrator.say(&format!("stopped after {} ms", drained.ms));
    match outcome {
        // It is how this act ends.
        End::Interrupted => Ok(()),
        failed => Err(failed),
    }
}

fn go_on(stage: &mut Stage, daemon: &Daemon) -> End {
    loop {
        let told = stage.look_until(daemon, TELL, |_| Ok(false)).and_then(|_| tell(stage, daemon));
        if let Err(end) = told {
            return end;
        }
    }
}

fn tell(stage: &Stage, daemon: &Daemon) -> Result<(), End> {
    let articles = grouped(stage.summary()?.articles);
    let in_flight = in_flight(daemon);
    stage.narrator.say(&format!("{articles} articles; {in_flight} fetches in flight"));
    Ok(())
}
