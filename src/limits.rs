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
