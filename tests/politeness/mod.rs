//! What a polite and exact fetcher does, each rule a test against the record of a server that was asked.
//!
//! | rule | test |
//! |---|---|
//! | validators: both, byte for byte, never made up | `conditional`: `twice_over_…`, `validators_are_never_made_up` |
//! | ... never an older value, of 200 and 304 | `each_answer_replaces_what_it_carries_…` |
//! | ... never of another URL or other credentials | `validators_belong_to_…`, `validators_do_not_follow_a_redirect_…` |
//! | ... stored with the articles, also for the same body | `validators_are_stored_only_with_…`, `the_same_body_again_…` |
//! | unconditional requests: the first, a frozen 304, one that nobody asked for | `a_304_…`, `a_feed_that_never_changed_…` |
//! | `A-IM: feed` and 226 | `a_delta_is_asked_for_with_an_entity_tag_and_merged` |
//! | max-age less Age, Expires less Date, of 200 and 304 | `schedule`: `headers_count_on_200_and_304_alike` |
//! | ttl, `sy:`, skipHours and skipDays | `what_a_document_says_…`, `hours_and_days_that_are_skipped_…` |
//! | Retry-After: forms, statuses, past `interval_max` | `retry_after`; for the whole host: `hosts`, `targets` |
//! | backoff for ever, 410 three times | `a_feed_that_fails_otherwise_…`, `a_feed_that_is_gone_three_times_…` |
//! | how often a feed publishes | a simulated month: `core/manners`, `schedule/simulation` |
//! | a restart never polls early | `restart`, `reload`, `a_429_holds_for_the_whole_host_and_over_a_restart` |
//! | the largest wish wins and the losers are told | `the_rules_that_spoke_are_told_to_programs_and_people` |
//! | which redirects are kept, and the way back | `redirects`: `a_feed_moves_where_…` to `a_target_that_fails_…` |
//! | hops, loops, one budget, https, the guard on each hop | `what_leads_nowhere_…` to `each_hop_goes_by_the_address_guard` |
//! | credentials stay with their origin | `credentials_and_own_headers_…`, `credentials_do_not_move_along` |
//! | what a request carries; cookies within a chain alone | `requests` |
//! | one connection a host, kept alive, a pause | `requests`, `hosts`; behind redirects: `targets` |
//! | the many feeds of a host are spread | `spread` |
//! | what answers mean; challenges | `answers` |
//! | an outage of our own network; resuming spread out | `hosts`: `an_outage_…`; `spread` |

mod answers;
mod conditional;
mod hosts;
mod redirects;
mod requests;
mod retry_after;
mod schedule;
mod spread;
mod targets;

use rssd::tarpit::{Recorded, Tarpit};
use rusqlite::Connection;

use crate::support::Home;

const RSS: &str = "application/rss+xml";

/// Lets time pass in the database of a daemon that is not running.
fn alter(home: &Home, sql: &str) {
    let db = Connection::open(home.db_path()).expect("the daemon has made it");
    assert!(db.execute(sql, []).unwrap_or_else(|error| panic!("{sql}: {error}")) > 0, "{sql}: nothing was altered");
}

/// What was asked of a host, in order.
fn asked(tarpit: &Tarpit, host: &str) -> Vec<Recorded> {
    tarpit.requests().into_iter().filter(|request| request.head.host == host).collect()
}
