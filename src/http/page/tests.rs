//! What holds for every page, whatever is on it.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use quick_xml::Reader;
use quick_xml::events::{BytesStart, Event};

use super::sample::hostile::TEXT;
use super::sample::pages;

/// A tag as it was read.
struct Tag {
    name: String,
    attributes: Vec<(String, String)>,
}

impl Tag {
    fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Reads strictly: a page that is not well-formed has no tags.
fn tags(html: &str) -> Result<Vec<Tag>, String> {
    let mut reader = Reader::from_str(html);
    let mut open = Vec::new();
    let mut tags = Vec::new();
    let read = |start: &BytesStart<'_>| -> Result<Tag, String> {
        let mut attributes = Vec::new();
        for attribute in start.attributes() {
            let attribute = attribute.map_err(|error| error.to_string())?;
            attributes.push((attribute.key.as_ref().to_owned(), attribute.value.into_owned()));
        }
        Ok(Tag { name: start.name().as_ref().to_owned(), attributes })
    };
    loop {
        match reader.read_event().map_err(|error| error.to_string())? {
            Event::Start(start) => {
                let tag = read(&start)?;
                open.push(tag.name.clone());
                tags.push(tag);
            }
            Event::Empty(start) => tags.push(read(&start)?),
            Event::End(_) => {
                open.pop();
            }
            Event::Eof => break,
            _ => {}
        }
    }
    if open.is_empty() { Ok(tags) } else { Err(format!("open at the end: {open:?}")) }
}

fn checked(mut check: impl FnMut(&str, &[Tag])) {
    for (page, html) in pages() {
        let tags = tags(&html).unwrap_or_else(|error| panic!("{page} is not well-formed: {error}"));
        assert!(tags.len() > 20, "{page}");
        check(page, &tags);
    }
}

#[test]
fn a_page_that_is_not_well_formed_is_found_out() {
    for html in ["<p>", "<p></b>", "<p a></p>", "<p a=b></p>", "<p a=\"1\" a=\"2\"></p>"] {
        assert!(tags(html).is_err(), "{html}");
    }
}

#[test]
fn every_page_has_its_landmarks_once() {
    checked(|page, tags| {
        let many = |name: &str| tags.iter().filter(|tag| tag.name == name).count();
        for name in ["html", "title", "main", "h1"] {
            assert_eq!(many(name), 1, "{page}: <{name}>");
        }
        assert_eq!(tags[0].attribute("lang"), Some("en"), "{page}");
        let main = tags.iter().find(|tag| tag.name == "main").and_then(|tag| tag.attribute("id"));
        assert_eq!(main, Some("main"), "{page}: what the skip link leads to");
    });
}

#[test]
fn headings_go_down_one_at_a_time() {
    checked(|page, tags| {
        let mut last = 0;
        for tag in tags {
            let level = match tag.name.as_bytes() {
                [b'h', digit @ b'1'..=b'6'] => digit - b'0',
                _ => continue,
            };
            assert!(level <= last + 1, "{page}: <h{level}> follows <h{last}>");
            last = level;
        }
    });
}

#[test]
fn nothing_on_a_page_runs() {
    checked(|page, tags| {
        for tag in tags {
            for (key, value) in &tag.attributes {
                let key = key.to_ascii_lowercase();
                assert!(!key.starts_with("on"), "{page}: <{} {key}>", tag.name);
                assert!(
                    !["style", "http-equiv", "srcdoc", "formaction", "target"].contains(&key.as_str()),
                    "{page}: {key}"
                );
                if ["href", "src", "action"].contains(&key.as_str()) {
                    let away = value.starts_with("https://") || value.starts_with("http://");
                    let here = (value.starts_with('/') && !value.starts_with("//")) || value == "#main";
                    assert!(away || here, "{page}: {key} = {value}");
                    assert!(!away || tag.name == "a", "{page}: <{}> asks {value}", tag.name);
                    assert_eq!(away, tag.attribute("rel") == Some("noopener noreferrer nofollow"), "{page}: {value}");
                }
            }
            let banned = ["style", "iframe", "object", "embed", "base", "img", "video", "audio"];
            assert!(!banned.contains(&tag.name.as_str()), "{page}: <{}>", tag.name);
        }
        let scripts: Vec<_> = tags.iter().filter(|tag| tag.name == "script").map(|tag| tag.attribute("src")).collect();
        assert_eq!(scripts, [Some("/assets/live.js")], "{page}");
    });
}

/// With every text of every page hostile, only what the pages themselves write is left as markup.
#[test]
fn no_hostile_text_gets_through() {
    let mut hostile = 0;
    for (page, html) in pages() {
        assert!(!html.contains(TEXT), "{page}");
        assert!(!html.to_lowercase().contains("<script>"), "{page}");
        assert!(!html.contains("=\"javascript:") && !html.contains("='"), "{page}");
        assert!(!html.chars().any(|c| c == '\u{202e}' || (c.is_control() && c != '\n')), "{page}");
        hostile += html.matches("&lt;script&gt;alert(1)&lt;/script&gt;").count();
    }
    // That they were there at all.
    assert!(hostile > 60, "{hostile}");
}

#[test]
fn every_reference_has_its_target() {
    checked(|page, tags| {
        let mut ids = HashSet::new();
        for id in tags.iter().filter_map(|tag| tag.attribute("id")) {
            assert!(ids.insert(id), "{page}: two ids {id}");
        }
        for tag in tags {
            for key in ["for", "aria-labelledby"] {
                if let Some(id) = tag.attribute(key) {
                    assert!(ids.contains(id), "{page}: {key} = {id}");
                }
            }
        }
    });
}

#[test]
fn whatever_is_asked_or_shown_has_a_name() {
    checked(|page, tags| {
        for tag in tags {
            let named = tag.attribute("aria-label").is_some() || tag.attribute("aria-labelledby").is_some();
            match tag.name.as_str() {
                "section" | "nav" | "progress" => assert!(named, "{page}: <{}>", tag.name),
                "th" => assert!(tag.attribute("scope").is_some(), "{page}: <th>"),
                "svg" => assert!(named || tag.attribute("aria-hidden").is_some(), "{page}: <svg>"),
                _ => {}
            }
        }
    });
}

/// live.js finds its places by these; a page that renames one is not live any more, and nothing else would tell.
#[test]
fn the_script_finds_what_it_looks_for() {
    let script = include_str!("live.js");
    let (_, overview) = pages().swap_remove(0);
    let quoted = |text: &str, before: &str| -> Vec<String> {
        text.split(before).skip(1).filter_map(|rest| rest.split(['"', ']', '=']).next()).map(str::to_owned).collect()
    };
    let ids = quoted(script, "byId(\"");
    assert!(ids.len() > 5, "{ids:?}");
    for id in ids {
        assert!(overview.contains(&format!(r#" id="{id}""#)), "id {id}");
    }
    let places = quoted(script, "[data-");
    assert!(places.len() > 5, "{places:?}");
    for place in places {
        assert!(overview.contains(&format!(" data-{place}=\"")), "data-{place}");
    }
    for sentence in ["All is well", "Something waits, nothing is lost", "Something has stopped"] {
        assert!(script.contains(&format!("\"{sentence}\"")), "{sentence}");
    }
}

/// `cargo test -- --ignored pages_to_look_at`, then open `target/pages/*.html` in a browser.
#[test]
#[ignore = "checks nothing: writes the pages for a person to look at"]
fn pages_to_look_at() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/pages");
    fs::create_dir_all(folder.join("assets")).unwrap();
    for asset in &super::assets::ASSETS {
        fs::write(folder.join(&asset.path[1..]), asset.bytes).unwrap();
    }
    for (page, html) in pages() {
        fs::write(folder.join(format!("{page}.html")), html.replace("\"/assets/", "\"assets/")).unwrap();
    }
}
