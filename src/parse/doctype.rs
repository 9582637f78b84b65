//! Document types: the entities that a document declares for itself.

use super::gate::too_complex;
use crate::failure::{Class, Failure, Phase};
use crate::limits::DOCTYPE_BYTES_MAX;

/// Billion laughs: entities made of entities. Plain ones are let through, because feed-rs never expands any.
/// Gives whether there are some.
///
/// # Errors
///
/// [`Class::TooComplex`].
pub(crate) fn judge(doctype: &str) -> Result<bool, Failure> {
    let Some((_, subset)) = doctype.split_once('[') else { return Ok(false) };
    let mut own = false;
    if subset.len() > DOCTYPE_BYTES_MAX {
        return Err(too_complex("more bytes in the document type's internal subset", DOCTYPE_BYTES_MAX));
    }
    for (_, value) in entities(subset) {
        let references = value.match_indices('&').any(|(at, _)| !value[at + 1..].starts_with('#'));
        if references {
            let message =
                "the document declares entities made of entities; nothing was expanded, and none of it is read";
            return Err(Failure::new(Class::TooComplex, Phase::Parse, message));
        }
        own = true;
    }
    Ok(own)
}

/// The general entities that an internal subset declares with a value: name and literal value.
pub(crate) fn entities(subset: &str) -> impl Iterator<Item = (&str, &str)> {
    subset.split("<!ENTITY").skip(1).filter_map(|declaration| {
        let (name, rest) = declaration.trim_start().split_once(char::is_whitespace)?;
        let rest = rest.trim_start();
        let quote = rest.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let value = &rest[1..];
        (name != "%").then_some((name, &value[..value.find(quote)?]))
    })
}
