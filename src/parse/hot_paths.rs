//! The stages of [`super::parse`], each alone: for benches, which count what one of them costs.

use feed_rs::model::Feed;

use super::gate::{Scan, Verdict};
use super::{Source, charset, document, gate, json, normalise};
use crate::article::Document;

/// How many bytes the text has, as UTF-8.
pub(crate) fn charset(source: &Source<'_>) -> usize {
    charset::to_utf8(source.bytes, source.content_type, source.base_url.host_str()).len()
}

/// Whether the text would go to feed-rs as it stands.
pub(crate) fn gate(text: &str, articles_max: usize) -> bool {
    match text.starts_with('{') {
        true => json::judge(text).is_ok(),
        false => matches!(gate::xml(text, articles_max), Ok(Verdict::Fit(_))),
    }
}

/// A document as feed-rs has read it, and what the gate saw of it.
pub(crate) struct Ahead {
    feed: Feed,
    scan: Scan,
}

/// Up to where normalising begins; `None` for what is not healthy XML in UTF-8.
pub(crate) fn read_ahead(source: &Source<'_>) -> Option<Ahead> {
    let text = std::str::from_utf8(source.bytes).ok()?;
    let Ok(Verdict::Fit(scan)) = gate::xml(text, source.articles_max) else { return None };
    let feed = document::read(scan.pieces(text), source).ok()?;
    Some(Ahead { feed, scan })
}

pub(crate) fn normalise(ahead: Ahead, source: &Source<'_>) -> Document {
    normalise::document(ahead.feed, ahead.scan, source, Vec::new())
}
