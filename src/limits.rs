//! Every limit that is not a key of feeds.toml, in one place, with what happens there.

use std::time::Duration;

// ---- configuration --------------------------------------------------------------------------------------------------

/// A larger feeds.toml is refused: nobody writes one by hand, and it would be parsed on the main thread.
pub const CONFIG_BYTES_MAX: u64 = 64 << 20;

// ---- a fetch --------------------------------------------------------------------------------------------------------

/// Redirects followed in one poll; one more fails it with `redirect`.
pub const REDIRECTS_MAX: usize = 5;

// ---- the schedule ---------------------------------------------------------------------------------------------------

/// Failures lengthen a feed's interval up to this, or to the interval where that is longer; there it stays, for ever.
pub const BACKOFF_MAX: Duration = Duration::from_secs(24 * 3_600);

/// A server that asks for more by `Retry-After` gets this.
pub const RETRY_AFTER_MAX: Duration = Duration::from_secs(31 * 24 * 3_600);

/// A wait is moved by a tenth either way, but not by more than this.
pub const JITTER_MAX: Duration = Duration::from_secs(3_600);

/// Feeds that are all due at a start are polled at this rate, over all cores, though each within its interval: name servers,
/// the network and the disk meet the first round as a stream and not as a wall.
pub const POLLS_PER_SECOND_AT_START: u64 = 50;

// ---- a document -----------------------------------------------------------------------------------------------------

// ---- the store ------------------------------------------------------------------------------------------------------

/// A transaction closes when it holds this many articles.
pub const BATCH_ARTICLES_MAX: usize = 512;
/// A transaction takes no further poll once it holds this many: those that found nothing new cost two pages each.
pub const BATCH_POLLS_MAX: usize = 512;
/// A transaction takes no further poll once it has been open for so long; the rest goes into the next one.
pub const BATCH_MS_MAX: u64 = 50;
/// Finished polls that may wait for the writer. One more is handed back to its core, so cores hold credits for fewer.
pub const WRITER_QUEUE_MAX: usize = 1024;
/// Questions to the writer, such as a reload, that may wait; one more waits with its caller.
pub const WRITER_REQUESTS_MAX: usize = 4;
/// A caller on the main thread gives up on an answer of the writer after so long.
pub const WRITER_ANSWER_MS_MAX: u64 = 30_000;
/// The writer tries again this long after a full disk or a foreign lock, then after twice as long, and so on.
pub const WRITER_RETRY_MS_MIN: u64 = 50;
/// The longest wait between two tries: how long after the disk has space again the polls go on.
pub const WRITER_RETRY_MS_MAX: u64 = 2_000;
/// The writer waits inside SQLite for another program's lock for so long, deaf to a stop, before it waits outside.
pub const WRITER_BUSY_MS_MAX: u64 = 250;
/// An idle writer looks so often whether its file is still there.
pub const WRITER_IDLE_MS: u64 = 5_000;
/// A stop without a deadline of its own, because the daemon's main part is gone, takes so long at most.
pub const WRITER_STOP_MS_MAX: u64 = 2_000;
/// After so many pages in the -wal the writer copies them into the database; a reader may let it grow beyond.
pub const WAL_CHECKPOINT_PAGES: i32 = 1_000;
/// A -wal that had to grow beyond this is cut back to it.
pub const WAL_BYTES_KEPT_MAX: i64 = 16 << 20;
/// Pages of the database that the writer keeps in memory.
pub const STORE_CACHE_KIB: i64 = 8 << 10;
/// At a start another program's lock on the database is waited for so long, then the start fails.
pub const STORE_OPEN_WAIT_MS_MAX: u64 = 30_000;
/// The search for damage at a start ends after so long, and what was not read is checked when it is used.
pub const STORE_CHECK_MS_MAX: u64 = 3_000;
/// A short question on a connection of its own waits so long for a lock, then fails.
pub const STORE_READ_WAIT_MS_MAX: u64 = 5_000;
/// Polls of each feed that `fetch_log` remembers; the next one overwrites the oldest.
pub const FETCH_LOG_POLLS: i64 = 50;
