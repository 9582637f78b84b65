//! `/news/stream`: the long poll and server-sent events, both driven by what [`Subscription`] says.

use std::cell::RefCell;
use std::future::pending;
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;

use futures_lite::FutureExt;
use hyper::body::Bytes;
use hyper::header::{ACCEPT, HeaderMap};

use super::events::{Gone, Pump, pipe};
use super::query::{Query, cursor};
use super::respond::{self, Answer};
use super::server::detach;
use super::site::{Site, add};
use super::views::view;
use crate::executor::{nap, sleep};
use crate::limits::{
    HEARTBEAT_COMMENT, RETRY_AFTER_BUSY_S, SSE_CHUNK_BYTES_MAX, SSE_RETRY_MS, SSE_RETRY_SPREAD_MS, WAIT_DEFAULT,
};
use crate::placement;
use crate::store::{self, Queries, QueryError, StoredArticle};
use crate::stream::{self, After, Bounds, Chunks, Entry, Epoch, Filter, Next, Origin, Ring, Seat, Start, Subscription};
use crate::wire::{Html, Problem, entry, list, sse};

/// Which articles to read.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Range {
    Newest,
    After(i64),
}

/// Reads one page for the stream: on a reader's thread, so that the HTTP core neither serialises nor sanitises.
pub(super) fn read_page(
    db: &Queries<'_>,
    range: Range,
    filter: &Filter,
    limit: usize,
    html: Html,
    epoch: Epoch,
) -> Result<stream::Page, QueryError> {
    page_of(db, range, filter, limit, epoch, |article, origin| entry(&view(article), html, epoch, origin))
}

/// The same, whatever an entry is made of.
pub(crate) fn page_of(
    db: &Queries<'_>,
    range: Range,
    filter: &Filter,
    limit: usize,
    epoch: Epoch,
    entry: impl Fn(&StoredArticle, Arc<Origin>) -> Entry,
) -> Result<stream::Page, QueryError> {
    let bounds = bounds(db, epoch)?;
    let filter = stored_filter(filter);
    let mut page = match range {
        Range::Newest => db.articles_newest(&filter, None, limit)?,
        Range::After(seq) => db.articles_after(seq, &filter, limit)?,
    };
    let scanned_to = match range {
        Range::Newest => {
            page.articles.reverse();
            bounds.seq_last
        }
        Range::After(_) if page.more => page.scanned_to,
        Range::After(seq) => bounds.seq_last.max(seq),
    };
    let entries = page.articles.iter().map(|article| {
        let origin = Origin { feed: article.feed.to_string(), labels: (*article.labels).clone() };
        entry(article, Arc::new(origin))
    });
    Ok(stream::Page { entries: entries.collect(), bounds, scanned_to })
}

/// How far the database reaches.
pub(super) fn bounds(db: &Queries<'_>, epoch: Epoch) -> Result<Bounds, QueryError> {
    let store::Bounds { seq_oldest, seq_pruned, seq_last, .. } = db.bounds()?;
    Ok(Bounds { epoch, seq_oldest, seq_pruned, seq_last })
}

pub(super) fn stored_filter(filter: &Filter) -> store::Filter {
    store::Filter { feeds: filter.feeds().to_vec(), labels: filter.labels().to_vec() }
}

/// Answers a stream's request.
pub(super) async fn serve(site: &Rc<Site>, query: &Query, headers: &HeaderMap) -> Result<Answer, Problem> {
    let wants_events = headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|accept| accept.to_str().ok())
        .any(|accept| accept.contains("text/event-stream"));
    // An event source that has had none yet may say so with an empty one.
    let last_event_id = headers.get("last-event-id").filter(|id| !id.is_empty());
    let after = match last_event_id {
        Some(id) => Some(cursor("Last-Event-ID", id.to_str().unwrap_or_default())?),
        None => query.after()?,
    };
    let filter = query.filter()?;
    let limit = query.limit()?;
    let html = query.html()?;
    let wait = query.wait()?;
    let with_polls = query.flag("feeds")?;
    let Some(seat) = site.seats.take() else {
        add(&site.counts.streams_refused, 1);
        return Err(Problem::unavailable("too many streams are open; come back later", RETRY_AFTER_BUSY_S));
    };
    // Before the next commit: what is due would begin as if nobody were there.
    site.lead.set_audience(true);
    let client = Client {
        site: site.clone(),
        // What is published cannot be shared with those who get it sanitised.
        hollow: (html == Html::AsPublished).then(|| RefCell::new(Ring::hollow(site.ring.borrow().last()))),
        subscription: Subscription::new(after.map_or(Start::Newest, Start::After), filter, limit),
        html,
        seat,
    };
    if let Some(After { epoch, seq }) = after
        && epoch.is_none_or(|named| named == site.sources.epoch)
    {
        client.seat.reach(seq);
    }
    if wants_events {
        let (pump, events) = pipe();
        let client = Client { subscription: client.subscription.flowing(), ..client };
        detach(client.send_events(pump, with_polls));
        return Ok(respond::events(events));
    }
    client.long_poll(wait).await
}

/// One client of the stream.
struct Client {
    site: Rc<Site>,
    hollow: Option<RefCell<Ring>>,
    subscription: Subscription,
    html: Html,
    /// Free again when the client is gone.
    seat: Seat,
}

/// What a client gets.
enum Got {
    Entries { entries: Vec<Entry>, more: bool },
    Refused(stream::Refusal),
}

impl Client {
    /// The next articles, waiting for them if there are none; `None` where something else came that is worth a look.
    ///
    /// It comes between two looks only: a question to the database that every poll took back would never be answered.
    async fn next(&mut self, something_else: impl Future<Output = ()>) -> Result<Option<Got>, Problem> {
        let mut something_else = pin!(something_else);
        loop {
            // Before looking, so that what is published meanwhile is not missed.
            let mark = self.site.wake.mark();
            if let Some(got) = self.look().await? {
                return Ok(Some(got));
            }
            let is_published = async {
                self.site.wake.wait(mark).await;
                true
            };
            let came = async {
                something_else.as_mut().await;
                false
            };
            if !is_published.or(came).await {
                return Ok(None);
            }
        }
    }

    /// The next articles that there are now; `None` for none.
    async fn look(&mut self) -> Result<Option<Got>, Problem> {
        let epoch = self.site.sources.epoch;
        loop {
            let next = match &self.hollow {
                None => self.subscription.next(&self.site.ring.borrow(), epoch),
                Some(hollow) => {
                    let mut ring = hollow.borrow_mut();
                    let last = self.site.ring.borrow().last();
                    if ring.last() < last {
                        ring.skip_to(last);
                    }
                    self.subscription.next(&ring, epoch)
                }
            };
            match next {
                Next::Send { entries, more } => return Ok(Some(Got::Entries { entries, more })),
                Next::Again => nap().await,
                Next::Wait => {
                    self.note_place();
                    return Ok(None);
                }
                Next::AskDatabase { start, limit } => {
                    let page = self.ask(start, limit).await?;
                    if let Err(refusal) = self.subscription.answered(&page) {
                        return Ok(Some(Got::Refused(refusal)));
                    }
                    if !page.entries.is_empty() || matches!(start, Start::Newest) {
                        let more = page.scanned_to < page.bounds.seq_last;
                        return Ok(Some(Got::Entries { entries: page.entries, more }));
                    }
                }
            }
        }
    }

    /// All up to where it is was handed to its connection.
    fn note_place(&self) {
        if let Some(cursor) = self.subscription.cursor(self.site.sources.epoch) {
            self.seat.reach(cursor.seq);
        }
    }

    async fn ask(&self, start: Start, limit: usize) -> Result<stream::Page, Problem> {
        let range = match start {
            Start::Newest => Range::Newest,
            Start::After(after) => Range::After(after.seq),
        };
        let (filter, html, epoch) = (self.subscription.filter().clone(), self.html, self.site.sources.epoch);
        self.site.ask_patiently(move |db| read_page(db, range, &filter, limit, html, epoch)).await
    }

    /// Answers at once if there is anything, else when something comes, else after `wait` with an empty list.
    async fn long_poll(mut self, wait: std::time::Duration) -> Result<Answer, Problem> {
        let at_most = |wait| async move {
            sleep(wait).await;
            Ok(None)
        };
        // What is there already is answered even to `wait=0`: the first look has time of its own. If that is not enough,
        // for a filter that lets hardly anything through, the cursor tells how far it got.
        let got = match self.look().or(at_most(wait.max(WAIT_DEFAULT))).await? {
            Some(got) => Some(got),
            None => self.next(pending()).or(at_most(wait)).await?,
        };
        let (entries, more) = match got {
            Some(Got::Entries { entries, more }) => (entries, more),
            Some(Got::Refused(refusal)) => return Err(Problem::from(&refusal)),
            None => (Vec::new(), false),
        };
        add(&self.site.counts.articles_sent, entries.len() as u64);
        let cursor = self.subscription.cursor(self.site.sources.epoch);
        Ok(respond::json(list(entries.iter().map(|entry| &entry.json), cursor, more)))
    }

    /// Sends events until the client leaves, or is left because it takes nothing.
    async fn send_events(mut self, pump: Pump, with_polls: bool) {
        let site = self.site.clone();
        let sending = async {
            let _ = self.all_events(&pump, with_polls).await;
        };
        // It may leave while there is nothing to send.
        sending.or(pump.gone()).await;
        drop(site);
    }

    async fn all_events(&mut self, pump: &Pump, with_polls: bool) -> Result<(), Gone> {
        // Spread, so that ten thousand that lost the daemon at once do not come back at once.
        let spread =
            placement::mix(placement::mix(self.site.now_ms().cast_unsigned()) ^ self.site.seats.taken() as u64)
                % SSE_RETRY_SPREAD_MS;
        pump.send(sse::retry(SSE_RETRY_MS + spread)).await?;
        let site = self.site.clone();
        let mut polls_at = site.polls.borrow().now();
        loop {
            let mark = site.polled.mark();
            if with_polls {
                let frames: Vec<Bytes> = site.polls.borrow().since(polls_at).cloned().collect();
                polls_at = site.polls.borrow().now();
                Client::send_all(pump, frames).await?;
            }
            let polled = async {
                match with_polls {
                    true => site.polled.wait(mark).await,
                    false => pending().await,
                }
            };
            let quiet = async {
                sleep(HEARTBEAT_COMMENT).await;
                None
            };
            let got = async { Some(self.next(polled).await) }.or(quiet).await;
            match got {
                // There is nothing yet. A client that knows its place misses nothing of what comes while it is away.
                Some(Ok(Some(Got::Entries { entries, .. }))) if entries.is_empty() => {
                    let place = self.subscription.cursor(site.sources.epoch).map(sse::place).unwrap_or_default();
                    pump.send(place).await?;
                }
                Some(Ok(Some(Got::Entries { entries, .. }))) => {
                    add(&site.counts.articles_sent, entries.len() as u64);
                    self.send_entries(pump, &entries).await?;
                    self.note_place();
                }
                Some(Ok(Some(Got::Refused(refusal)))) => pump.send(sse::reset(&refusal)).await?,
                // The database is busy: the client keeps its place, and is told that we are there.
                Some(Err(_)) => {
                    pump.send(Bytes::from_static(sse::HEARTBEAT)).await?;
                    sleep(std::time::Duration::from_secs(u64::from(RETRY_AFTER_BUSY_S))).await;
                }
                // With its place, so that one whose filter lets nothing through does not come back with one that is too old.
                None => {
                    let place = self.subscription.cursor(site.sources.epoch).map(sse::place).unwrap_or_default();
                    pump.send(Bytes::from([sse::HEARTBEAT, &place].concat())).await?;
                }
                Some(Ok(None)) => {}
            }
        }
    }

    async fn send_entries(&self, pump: &Pump, mut entries: &[Entry]) -> Result<(), Gone> {
        while !entries.is_empty() {
            let (chunk, count) = match self.html {
                Html::Sanitised => self.site.chunks.borrow_mut().first_of(entries),
                Html::AsPublished => Chunks::first_alone(entries),
            };
            pump.send(chunk).await?;
            entries = &entries[count..];
        }
        Ok(())
    }

    /// Puts frames together, so that many small ones are few writes.
    async fn send_all(pump: &Pump, frames: Vec<Bytes>) -> Result<(), Gone> {
        let mut frames = frames.into_iter().peekable();
        while let Some(first) = frames.next() {
            if frames.peek().is_none() {
                return pump.send(first).await;
            }
            let mut chunk = Vec::from(first);
            while let Some(frame) = frames.next_if(|frame| chunk.len() + frame.len() <= SSE_CHUNK_BYTES_MAX) {
                chunk.extend_from_slice(&frame);
            }
            pump.send(Bytes::from(chunk)).await?;
        }
        Ok(())
    }
}
