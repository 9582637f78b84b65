//! Every limit that is not a key of feeds.toml, in one place, with what happens there.

// ---- configuration --------------------------------------------------------------------------------------------------

/// A larger feeds.toml is refused: nobody writes one by hand, and it would be parsed on the main thread.
pub const CONFIG_BYTES_MAX: u64 = 64 << 20;

// ---- a fetch --------------------------------------------------------------------------------------------------------

/// Redirects followed in one poll; one more fails it with `redirect`.
pub const REDIRECTS_MAX: usize = 5;

// ---- a document -----------------------------------------------------------------------------------------------------

// ---- the store ------------------------------------------------------------------------------------------------------

/// A transaction closes when it holds this many articles.
pub const BATCH_ARTICLES_MAX: usize = 512;
