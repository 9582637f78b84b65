//! Brings what happens elsewhere to the streams: commits into the ring, finished polls into the poll log.
//!
//! Retention is heard of in the same way, and what it removed leaves the ring.
//!
//! A commit only says "look again". What is new is read from the database, serialised and sanitised once, on a reader's
//! thread, and pushed into the ring: clients at the tip and those behind get the same bytes. While nobody follows the stream
//! the ring stays empty and only moves on, and whoever comes then reads what he lacks from the database.

use std::rc::Rc;

use futures_channel::mpsc;
use futures_lite::StreamExt;

use super::site::Site;
use super::stream::{Range, bounds, read_page};
use crate::clock::Clock;
use crate::executor::{nap, sleep};
use crate::gauges::PollNews;
use crate::limits::{
    CROWD_LOOK, CROWD_MIN, CROWD_PAUSE, HISTORY_LOOK, HUB_RETRY, PAGE_PUBLISHED_ARTICLES_MAX, WAKES_IN_A_ROW_MAX,
};
use crate::machine;
use crate::stream::{Audience, Filter, Page};
use crate::wire::{FirstRound, Html, PollEvent};

/// Follows the commits until the writer is gone.
pub(super) async fn follow_commits(site: Rc<Site>, mut commits: mpsc::Receiver<()>) {
    let mut audience = Audience::default();
    loop {
        loop {
            let has_audience = audience.is_there(&site.seats, Clock::monotonic());
            site.lead.set_audience(has_audience);
            if !catch_up(&site, has_audience).await {
                break;
            }
            nap().await;
        }
        if commits.next().await.is_none() {
            return;
        }
    }
}

/// Reads what is after the ring's end, or only where the database is by now. Gives whether there may be more.
async fn catch_up(site: &Site, has_audience: bool) -> bool {
    if !has_audience {
        site.chunks.borrow_mut().clear();
    }
    let from = site.ring.borrow().last();
    let epoch = site.sources.epoch;
    let read = site
        .ask_first(move |db| match has_audience {
            true => read_page(
                db,
                Range::After(from),
                &Filter::default(),
                PAGE_PUBLISHED_ARTICLES_MAX,
                Html::Sanitised,
                epoch,
            ),
            false => {
                let bounds = bounds(db, epoch)?;
                Ok(Page { entries: Vec::new(), bounds, scanned_to: bounds.seq_last.max(from) })
            }
        })
        .await;
    let Ok(page) = read else {
        // Clients lose nothing: those behind the ring ask the database themselves.
        sleep(HUB_RETRY).await;
        return true;
    };
    let more = page.scanned_to < page.bounds.seq_last;
    let has_moved = site.ring.borrow_mut().catch_up(page);
    site.lead.publish(site.ring.borrow().last());
    if has_moved {
        // Thousands have their turn one after the other, and whoever asks for something else has his between them.
        site.wake.announce();
        while site.wake.wake_some(WAKES_IN_A_ROW_MAX) {
            nap().await;
        }
    }
    more
}

/// Follows the cores' polls until they are gone.
pub(super) async fn follow_polls(site: Rc<Site>, mut news: mpsc::Receiver<PollNews>) {
    while let Some(poll) = news.next().await {
        let totals = site.totals();
        let sum =
            |count: fn(&crate::gauges::CoreGauges) -> usize| site.sources.cores.iter().map(|core| count(core)).sum();
        let first_round = FirstRound {
            polled: sum(|core| core.feeds_polled.load(std::sync::atomic::Ordering::Relaxed)),
            feeds: sum(|core| core.feeds.load(std::sync::atomic::Ordering::Relaxed)),
            articles: totals.articles_new,
        };
        let event = PollEvent { feed: &poll.feed, outcome: &poll.outcome, new_articles: poll.new_count, first_round };
        site.polls.borrow_mut().push(event.to_frame());
        site.polled.publish();
    }
}

/// Gives the memory of a crowd back once all have left who do: it takes a moment in which nothing else is done here.
pub(super) async fn follow_crowds(site: Rc<Site>) {
    let mut before = 0;
    loop {
        let (open, most) = (site.counts.connections.get(), site.counts.connections_most.get());
        if open == before && most - open >= CROWD_MIN && open <= most / 2 {
            let started = Clock::monotonic();
            machine::give_memory_back();
            log::info!(
                "{} of {most} clients have left, and their memory with them, in {} ms",
                most - open,
                Clock::elapsed_ms(started)
            );
            site.counts.connections_most.set(open);
            sleep(CROWD_PAUSE).await;
        }
        before = open;
        sleep(CROWD_LOOK).await;
    }
}

/// Notes the counters of each minute.
pub(super) async fn keep_history(site: Rc<Site>) {
    loop {
        let uptime_s = Clock::elapsed_ms(site.sources.started) / 1_000;
        let totals = site.totals();
        site.history.borrow_mut().note(uptime_s, totals);
        sleep(HISTORY_LOOK).await;
    }
}
