//! Makes a document that feed-rs refused one that it reads.

use crate::failure::Failure;

/// A document that was made anew.
pub(crate) struct Repaired {
    pub(crate) text: String,
    pub(crate) articles_dropped: usize,
    /// What was done to it, in words for a person.
    pub(crate) repaired: Vec<String>,
}

/// The document made anew, or nothing where no feed was found in it.
pub(crate) fn xml(_text: &str, _articles_max: usize) -> Result<Option<Repaired>, Failure> {
    Ok(None)
}
