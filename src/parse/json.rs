//! JSON Feed: its gate, and how it is made such that feed-rs reads it.
//!
//! feed-rs wants the exact types of the specification. Feeds have integer ids, single authors where there should be
//! lists, attachments without a type, and no version: each is turned into what was meant. What is not read is not kept
//! ([`capped`]).

use serde_json::{Map, Value, json};

use super::duration;
use super::gate::{Extra, Scan, too_complex, too_deep};
use super::repair::{escape, safe_author};
use super::repairs::Repairs;
use crate::article::{Repair, RepairKind};
use crate::escape;
use crate::failure::{Class, Failure, Phase};
use crate::limits::{ELEMENTS_MAX, JSON_NESTING_MAX};

mod capped;

/// Judges a JSON document: objects and arrays inside each other, and values in all, by a scan of its bytes.
///
/// # Errors
///
/// [`Class::TooDeep`] and [`Class::TooComplex`].
pub(crate) fn judge(text: &str) -> Result<(), Failure> {
    let (mut depth, mut values, mut in_string, mut escaped) = (0usize, 0usize, false, false);
    for byte in text.bytes() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
            continue;
        }
        match byte {
            b'"' => in_string = true,
            b'{' | b'[' => {
                depth += 1;
                values += 1;
                if depth > JSON_NESTING_MAX {
                    return Err(too_deep("objects and arrays", JSON_NESTING_MAX));
                }
            }
            b'}' | b']' => depth = depth.saturating_sub(1),
            b',' => values += 1,
            _ => {}
        }
        if values > ELEMENTS_MAX {
            return Err(too_complex("more values in the document", ELEMENTS_MAX));
        }
    }
    Ok(())
}

/// A document for feed-rs, what the gate would note of an XML one, and what was repaired.
///
/// # Errors
///
/// [`Class::Parse`] for what is no JSON, [`Class::NotFeed`] for JSON that is no feed.
pub(crate) fn prepare(text: &str, articles_max: usize) -> Result<(String, Scan, Vec<Repair>), Failure> {
    let trimmed = text.trim_matches(|c: char| c == '\u{feff}' || c == '\0' || c.is_whitespace());
    let (mut value, dropped) = capped::read(trimmed, articles_max).map_err(|e| {
        let cause = escape::line(&e.to_string(), 200);
        Failure::new(Class::Parse, Phase::Parse, format!("cannot read the JSON: {cause}"))
    })?;
    let not_feed =
        || Failure::new(Class::NotFeed, Phase::Parse, "the document is JSON but not a JSON Feed; check the feed's url");
    let feed = value.as_object_mut().ok_or_else(not_feed)?;
    let version = feed.get("version").and_then(Value::as_str).unwrap_or("").to_owned();
    let looks_like_one = feed.contains_key("items") && feed.contains_key("title");
    if !looks_like_one && !version.contains("jsonfeed.org/version/") {
        return Err(not_feed());
    }
    let mut repairs = Repairs::default();
    if !version.starts_with("https://jsonfeed.org/version/1") {
        repairs.count(RepairKind::Version);
        feed.insert("version".into(), json!("https://jsonfeed.org/version/1.1"));
    }
    let hub = feed.get("hubs").and_then(|h| h.get(0)?.get("url")?.as_str().map(str::to_owned));
    repairs.strings(feed, &["title", "home_page_url", "feed_url", "language", "description", "icon", "favicon"]);
    feed.entry("title").or_insert(json!(""));
    repairs.authors(feed);
    if !feed.get("items").is_some_and(Value::is_array) {
        repairs.count(RepairKind::JsonItems);
        feed.insert("items".into(), json!([]));
    }
    let mut extras = Vec::new();
    if let Some(items) = feed.get_mut("items").and_then(Value::as_array_mut) {
        let before = items.len();
        items.retain(Value::is_object);
        repairs.counts(RepairKind::JsonItem, before - items.len());
        for item in items.iter_mut().filter_map(Value::as_object_mut) {
            extras.push(extra(item));
            repairs.item(item);
        }
    }
    Ok((value.to_string(), Scan::of_json(extras, hub, dropped), repairs.list()))
}

fn extra(item: &Map<String, Value>) -> Extra {
    let string = |key: &str| item.get(key).and_then(Value::as_str).filter(|s| !s.is_empty()).map(str::to_owned);
    Extra {
        image: string("image").or_else(|| string("banner_image")),
        language: string("language"),
        durations: (item.get("attachments").and_then(Value::as_array).into_iter().flatten())
            .filter_map(|a| Some((a.get("url")?.as_str()?.to_owned(), seconds(a.get("duration_in_seconds")?)?)))
            .collect(),
        ..Extra::default()
    }
}

/// Whole seconds, of a number or of one in a string.
fn seconds(value: &Value) -> Option<u64> {
    value.as_str().map_or_else(|| duration::parse(&value.to_string()), duration::parse)
}

impl Repairs {
    /// Makes the values under `keys` strings; leaves out what cannot be one.
    fn strings(&mut self, object: &mut Map<String, Value>, keys: &[&str]) {
        for key in keys {
            let Some(value) = object.get_mut(*key) else { continue };
            match value {
                Value::String(_) | Value::Null => continue,
                Value::Number(n) => *value = Value::String(n.to_string()),
                Value::Bool(b) => *value = Value::String(b.to_string()),
                Value::Array(_) | Value::Object(_) => *value = Value::Null,
            }
            self.count(RepairKind::JsonType);
        }
        if object.get("title").is_some_and(Value::is_null) {
            object.remove("title");
        }
    }

    fn item(&mut self, item: &mut Map<String, Value>) {
        self.strings(
            item,
            &[
                "id",
                "url",
                "external_url",
                "title",
                "content_html",
                "content_text",
                "summary",
                "date_published",
                "date_modified",
            ],
        );
        if let Some(Value::String(text)) = item.get_mut("content_text") {
            // A content is HTML.
            let mut html = String::with_capacity(text.len());
            escape(text, &mut html);
            *text = html;
        }
        self.authors(item);
        if let Some(tags) = item.get_mut("tags") {
            match tags {
                Value::Array(list) => list.retain(Value::is_string),
                Value::String(one) => *tags = json!([one]),
                _ => *tags = Value::Null,
            }
        }
        if let Some(attachments) = item.get_mut("attachments") {
            let Some(list) = attachments.as_array_mut() else {
                *attachments = Value::Null;
                return;
            };
            list.retain(|a| a.get("url").is_some_and(Value::is_string));
            for attachment in list.iter_mut().filter_map(Value::as_object_mut) {
                attachment.remove("title");
                attachment.remove("duration_in_seconds");
                if !attachment.get("mime_type").is_some_and(Value::is_string) {
                    self.count(RepairKind::JsonAttachment);
                    attachment.insert("mime_type".into(), json!("application/octet-stream"));
                }
                if !attachment.get("size_in_bytes").is_some_and(Value::is_u64) {
                    attachment.remove("size_in_bytes");
                }
            }
        }
    }

    /// `author` as an object and `authors` as a list of them.
    fn authors(&mut self, object: &mut Map<String, Value>) {
        let mut people: Vec<Value> = Vec::new();
        for key in ["author", "authors"] {
            match object.remove(key) {
                Some(Value::Array(list)) => people.extend(list),
                Some(Value::Null) | None => {}
                Some(one) => people.push(one),
            }
        }
        let people: Vec<Value> = people
            .into_iter()
            .filter_map(|person| match person {
                Value::String(name) => {
                    self.count(RepairKind::JsonAuthor);
                    Some(Map::from_iter([("name".to_owned(), Value::String(name))]))
                }
                Value::Object(mut person) => {
                    person.retain(|key, value| matches!(key.as_str(), "name" | "url") && value.is_string());
                    Some(person)
                }
                _ => None,
            })
            .map(|mut person| {
                // feed-rs looks for an address in it, and cuts that out in the middle of a character.
                if let Some(Value::String(name)) = person.get_mut("name") {
                    *name = safe_author(name).into_owned();
                }
                Value::Object(person)
            })
            .collect();
        if !people.is_empty() {
            object.insert("authors".into(), Value::Array(people));
        }
    }
}
