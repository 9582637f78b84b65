//! What the HTTP core counts: connections, answers, streams.

use super::exposition::Exposition;
use crate::stream::Lag;

/// What the HTTP core counts. It alone touches these, so it keeps them as they are here.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct HttpSnapshot {
    pub(crate) connections: usize,
    pub(crate) streams: usize,
    pub(crate) streams_max: usize,
    /// Streams that have not been given the last article yet, and how far the last of them is behind.
    pub(crate) lag: Lag,
    pub(crate) ring_bytes: usize,
    /// The last `seq` that was published.
    pub(crate) seq_last: u64,
    /// Answers by the first figure of their status, from 1xx on.
    pub(crate) answers: [u64; 5],
    /// Articles sent to streams.
    pub(crate) articles_sent: u64,
    /// Answers whose client took nothing for too long, streams apart.
    pub(crate) answers_dropped: u64,
    /// Streams that took nothing for too long.
    pub(crate) streams_dropped: u64,
    /// Streams refused because all places were taken.
    pub(crate) streams_refused: u64,
    /// Connections refused for the same reason.
    pub(crate) connections_refused: u64,
    /// Questions to the database that took too long, or found its queue full.
    pub(crate) queries_failed: u64,
}

impl HttpSnapshot {
    pub(super) fn write(&self, text: &mut Exposition) {
        text.gauge("rssd_http_connections", "", "Open connections.").sample(&[], self.connections);
        text.gauge("rssd_streams", "", "Open streams, long polls that wait included.").sample(&[], self.streams);
        text.gauge("rssd_streams_max", "", "Streams that there may be.").sample(&[], self.streams_max);
        let help = "Open streams that have not been given the last article yet.";
        text.gauge("rssd_streams_behind", "", help).sample(&[], self.lag.streams);
        let help = "How many articles the slowest open stream is behind, those included that its filter leaves out.";
        text.gauge("rssd_stream_lag_articles", "", help).sample(&[], self.lag.articles_most);
        text.gauge("rssd_stream_seq", "", "The last seq that was published.").sample(&[], self.seq_last);
        text.gauge("rssd_ring_bytes", "bytes", "Articles kept serialised for streams.").sample(&[], self.ring_bytes);
        let mut answers = text.counter("rssd_http_answers", "", "Answers, by class of status.");
        for (class, count) in ["1xx", "2xx", "3xx", "4xx", "5xx"].iter().zip(self.answers) {
            answers.sample(&[("status", class)], count);
        }
        let help = "Answers whose client took nothing for too long, streams apart.";
        text.counter("rssd_http_answers_dropped", "", help).sample(&[], self.answers_dropped);
        text.counter("rssd_stream_articles", "", "Articles sent to streams.").sample(&[], self.articles_sent);
        let help = "Streams that took nothing for too long.";
        text.counter("rssd_streams_dropped", "", help).sample(&[], self.streams_dropped);
        text.counter("rssd_http_refused", "", "What was refused because there was no place left.")
            .sample(&[("what", "stream")], self.streams_refused)
            .sample(&[("what", "connection")], self.connections_refused);
        let help = "Questions to the database that took too long or found no place.";
        text.counter("rssd_queries_failed", "", help).sample(&[], self.queries_failed);
    }
}
