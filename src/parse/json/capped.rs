//! A JSON document as a value of which only what is read is kept: known members, lists up to their limits.
//!
//! The rest is gone over without being kept, so that a document is held as a value no larger than what it gives. What
//! a member should be is not judged here.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use crate::limits::LIST_MAX;

/// The members that are read, of a feed, an item, an author, a hub or an attachment.
const MEMBERS: [&str; 28] = [
    "version",
    "title",
    "home_page_url",
    "feed_url",
    "language",
    "description",
    "icon",
    "favicon",
    "hubs",
    "items",
    "author",
    "authors",
    "name",
    "url",
    "id",
    "external_url",
    "content_html",
    "content_text",
    "summary",
    "image",
    "banner_image",
    "date_published",
    "date_modified",
    "tags",
    "attachments",
    "mime_type",
    "size_in_bytes",
    "duration_in_seconds",
];

/// A document, and how many of its items were left out.
pub(super) fn read(text: &str, items_max: usize) -> serde_json::Result<(Value, usize)> {
    let mut dropped = 0;
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = Capped::Document { items_max, dropped: &mut dropped }.deserialize(&mut deserializer)?;
    deserializer.end()?;
    Ok((value, dropped))
}

/// A value to read.
enum Capped<'a> {
    Document { items_max: usize, dropped: &'a mut usize },
    Items { items_max: usize, dropped: &'a mut usize },
    Other,
}

impl<'de> DeserializeSeed<'de> for Capped<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Capped<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_string<E>(self, value: String) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Value, A::Error> {
        let (list_max, dropped) = match self {
            Capped::Items { items_max, dropped } => (items_max, dropped),
            Capped::Document { .. } | Capped::Other => (LIST_MAX, &mut 0),
        };
        *dropped = 0;
        let mut kept = Vec::new();
        while kept.len() < list_max {
            let Some(value) = list.next_element_seed(Capped::Other)? else { return Ok(Value::Array(kept)) };
            kept.push(value);
        }
        while list.next_element::<IgnoredAny>()?.is_some() {
            *dropped += 1;
        }
        Ok(Value::Array(kept))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<Value, A::Error> {
        let mut kept = Map::new();
        while let Some(name) = map.next_key::<String>()? {
            if !MEMBERS.contains(&name.as_str()) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            let seed = match &mut self {
                Capped::Document { items_max, dropped } if name == "items" => {
                    Capped::Items { items_max: *items_max, dropped }
                }
                _ => Capped::Other,
            };
            let value = map.next_value_seed(seed)?;
            kept.insert(name, value);
        }
        Ok(Value::Object(kept))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_is_read_is_kept_and_lists_up_to_their_limits() {
        let tags = vec!["t"; LIST_MAX + 5];
        let document = json!({
            "version": "1", "unknown": [{ "title": 1 }, 2],
            "items": [{ "id": 1, "_x": { "y": [1] }, "tags": tags }, null, "x", { "id": -2.5 }, {}],
            "authors": [{ "name": true, "z": 1 }],
        });
        let (value, dropped) = read(&document.to_string(), 4).unwrap();
        let want = json!({
            "version": "1",
            "items": [{ "id": 1, "tags": vec!["t"; LIST_MAX] }, null, "x", { "id": -2.5 }],
            "authors": [{ "name": true }],
        });
        assert_eq!((value, dropped), (want, 1));
        assert_eq!(read("[1, null]", 4).unwrap(), (json!([1, null]), 0));
        for broken in ["", "{", "{} {}", "[1,]", "{\"items\":[1,2,3,x]}", "{\"u\":[x]}"] {
            assert!(read(broken, 1).is_err(), "{broken}");
        }
    }
}
