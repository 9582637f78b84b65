//! Round 2: the healthy feeds again, by a new daemon on the same database. Nothing has changed, so nothing is
//! transferred, and nothing is stored twice.

use std::time::Duration;

use super::first_round::HEALTHY;
use super::narrator::{Promise, grouped};
use super::stage::{End, Stage, all_polled};

/// The round is given up after so long.
const ROUND_MAX: Duration = Duration::from_secs(20);

/// Plays the round, and gives what it promised.
pub(super) fn play(stage: &mut Stage) -> Result<Vec<Promise>, End> {
    let feeds = HEALTHY.count;
    stage.narrator.title(&format!("Round 2: a new daemon asks the {feeds} healthy feeds again"));
    stage.tarpit.forget_requests();
    let before = stage.summary()?;
    stage.with_daemon(&[HEALTHY], true, |stage, daemon| {
        stage.look_until(daemon, ROUND_MAX, |_| Ok(all_polled(daemon)))
    })?;
    let after = stage.summary()?;
    let requests = stage.tarpit.requests();
    let conditional = requests.iter().filter(|request| request.head.header("if-none-match").is_some()).count() as u64;
    let polls = stage.last_polls()?;
    let not_modified = polls.iter().filter(|poll| poll.status == Some(304)).count() as u64;
    stage.narrator.say(&format!(
        "{} requests, {conditional} with the ETag of the last answer; {not_modified} answers were 304",
        requests.len()
    ));
    stage.narrator.aside("the server says 304 only to an ETag that comes back byte for byte");
    let stored_again = after.articles.abs_diff(before.articles);
    let (seq_before, seq) = (before.seq_last.unsigned_abs(), after.seq_last.unsigned_abs());
    stage.narrator.say(&format!(
        "{} articles before, {} after; the last seq is {} still",
        grouped(before.articles),
        grouped(after.articles),
        grouped(seq)
    ));
    Ok(vec![
        Promise::new(
            "second round: validators sent back",
            feeds.to_string(),
            conditional.to_string(),
            conditional == feeds,
        ),
        Promise::new(
            "answers without a body (304)",
            feeds.to_string(),
            not_modified.to_string(),
            not_modified == feeds,
        ),
        Promise::new(
            "articles stored twice",
            format!("0, last seq {}", grouped(seq_before)),
            format!("{stored_again}, last seq {}", grouped(seq)),
            stored_again == 0 && seq == seq_before && after.epoch == before.epoch,
        ),
    ])
}
