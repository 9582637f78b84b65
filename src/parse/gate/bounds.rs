//! The bounds of the gate: what of a document grows what feed-rs does faster than the document itself.

use quick_xml::events::BytesStart;

use super::pass::{Open, Pass};
use crate::failure::{Class, Failure, Phase};
use crate::limits::{ATTRIBUTES_MAX, BASE_BYTES_MAX, ELEMENTS_MAX, NAMESPACES_OPEN_MAX, NESTING_MAX, RECURSION_MAX};

impl<'a> Pass<'a> {
    /// Counts what feed-rs does per attribute. Gives the bytes of `xml:base` and the number of namespaces declared.
    pub(super) fn judge_attributes(&mut self, tag: &BytesStart<'_>, local: &str) -> Result<(usize, usize), Failure> {
        let raw = tag.attributes_raw();
        if raw.is_empty() {
            return Ok((0, 0));
        }
        // Values may hold '=' too: only where that bound is passed is it worth an exact count.
        if raw.len() > ATTRIBUTES_MAX
            && raw.bytes().filter(|b| *b == b'=').count() > ATTRIBUTES_MAX
            && tag.attributes().with_checks(false).take(ATTRIBUTES_MAX + 1).count() > ATTRIBUTES_MAX
        {
            return Err(too_complex("more attributes on a tag", ATTRIBUTES_MAX));
        }
        if !raw.contains("xml") {
            return Ok((0, 0));
        }
        let (mut base_bytes, mut namespaces) = (0, 0);
        for attribute in tag.attributes().with_checks(false).flatten() {
            let key = attribute.key.0;
            if key == "xml:base" {
                base_bytes = attribute.value.len();
            } else if let Some(prefix) = key.strip_prefix("xmlns") {
                namespaces += 1;
                self.declare(prefix.strip_prefix(':').unwrap_or(""), &attribute.value, local);
            }
        }
        Ok((base_bytes, namespaces))
    }

    pub(super) fn judge_size(&mut self, base_bytes: usize, namespaces: usize) -> Result<(), Failure> {
        self.elements += 1;
        if self.elements > ELEMENTS_MAX {
            return Err(too_complex("more elements in the document", ELEMENTS_MAX));
        }
        self.namespaces += namespaces;
        if self.namespaces > NAMESPACES_OPEN_MAX {
            return Err(too_complex("more namespaces declared at once", NAMESPACES_OPEN_MAX));
        }
        self.base_bytes += base_bytes;
        self.base_copied += self.base_bytes;
        if self.base_copied > BASE_BYTES_MAX {
            return Err(too_complex("more bytes of xml:base times elements", BASE_BYTES_MAX));
        }
        Ok(())
    }

    pub(super) fn judge_nesting(&mut self, local: &str, open: Open<'a>) -> Result<(), Failure> {
        // Whatever the prefix: a document may give any to the namespaces that feed-rs recurses in.
        let recursive = matches!(local, "group" | "content" | "category");
        self.recursion += usize::from(recursive);
        self.stack.push(Open { recursive, ..open });
        if self.recursion > RECURSION_MAX {
            return Err(too_deep("media or category elements", RECURSION_MAX));
        }
        if self.stack.len() > NESTING_MAX {
            return Err(too_deep("elements", NESTING_MAX));
        }
        Ok(())
    }
}

pub(crate) fn too_complex(what: &str, max: usize) -> Failure {
    let message = format!("the document is refused before it is parsed: {what} than the limit of {max}");
    Failure::new(Class::TooComplex, Phase::Parse, message)
}

pub(crate) fn too_deep(what: &str, max: usize) -> Failure {
    let message = format!("the document is refused before it is parsed: {what} nested deeper than the limit of {max}");
    Failure::new(Class::TooDeep, Phase::Parse, message)
}
