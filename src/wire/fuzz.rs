//! What holds for every text in a log, on a terminal, in a metric, in JSON and in XML, and for all HTML that is shown.

use std::collections::HashSet;
use std::time::Duration;

use quick_xml::Reader;
use quick_xml::events::Event;
use url::Url;

use super::metrics::labelled;
use super::xml::Xml;
use super::{ArticleView, Html, json};
use crate::escape;
use crate::fuzzing::{Input, within};
use crate::sanitise::sanitise;
use crate::wire::samples::Sample;

pub(crate) fn escape(bytes: &[u8]) {
    let text = Input::new(bytes).text();
    on_a_terminal(&text);
    on_a_page(&text);
    in_a_metric(&text);
    in_json(&text);
    in_xml(&text);
}

fn on_a_terminal(text: &str) {
    let line = escape::line(text, 100);
    assert!(!line.contains(escape::disturbs), "{line:?}");
    // Each character is at most `\u{10ffff}`.
    assert!(line.chars().count() <= 100 * 10 + 1, "{line}");
    assert_eq!(escape::line(&line, usize::MAX), line);
    let lines = escape::lines(text);
    assert!(!lines.contains(|c| escape::disturbs(c) && c != '\n'), "{lines:?}");
    assert!(lines.split('\n').skip(1).all(|line| line.starts_with("    ")), "{lines:?}");
    assert!(!lines.ends_with('\n'), "{lines:?}");
}

/// Undone as a browser undoes it, it is the text, but for what has no business on a page.
fn on_a_page(text: &str) {
    let html = escape::html(text).to_string();
    assert!(!html.contains(['<', '>', '"', '\'']), "{html}");
    let mut rest = &*html;
    let mut back = String::new();
    while let Some(at) = rest.find('&') {
        let (before, reference) = rest.split_at(at);
        back += before;
        let known = [("&amp;", '&'), ("&lt;", '<'), ("&gt;", '>'), ("&quot;", '"'), ("&#39;", '\'')];
        let (name, c) = known.iter().find(|(name, _)| reference.starts_with(name)).expect("no bare ampersand");
        back.push(*c);
        rest = &reference[name.len()..];
    }
    back += rest;
    let is_kept = |c: &char| !escape::disturbs(*c) && *c != char::REPLACEMENT_CHARACTER && !c.is_whitespace();
    let marks = |c: &char| matches!(u32::from(*c) & 0xffff, 0xfffe | 0xffff) || matches!(c, '\u{fdd0}'..='\u{fdef}');
    let kept = |text: &str| text.chars().filter(|c| is_kept(c) && !marks(c)).collect::<String>();
    assert_eq!(kept(&back), kept(text));
}

/// Read as the specification says, the label is the text, and the line is one.
fn in_a_metric(text: &str) {
    let exposition = labelled(text);
    let line = exposition.lines().find(|line| line.starts_with("a{")).expect("there is a sample");
    let value = line.strip_prefix("a{b=\"").and_then(|rest| rest.strip_suffix("\"} 1")).expect("it is one sample");
    let mut back = String::new();
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        assert_ne!(c, '"', "{line}");
        back.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some(c @ ('\\' | '"')) => c,
                other => panic!("{other:?}: {line}"),
            },
            c => c,
        });
    }
    assert_eq!(back, text);
    assert_eq!(exposition.split('\n').count(), 5, "{exposition}");
}

fn in_json(text: &str) {
    let line = json::one_line(&text);
    let line = std::str::from_utf8(&line).expect("JSON is UTF-8");
    let ends = |c: char| c < ' ' || matches!(c, '\u{85}' | '\u{2028}' | '\u{2029}');
    assert!(!line.contains(ends), "{line:?}");
    assert_eq!(serde_json::from_str::<String>(line).expect("it is JSON"), text);
}

fn in_xml(text: &str) {
    let mut xml = Xml::new();
    xml.open("r", &[("a", Some(text))]);
    xml.text("t", &[], text);
    xml.close("r");
    let bytes = xml.finish();
    let written = std::str::from_utf8(&bytes).expect("it is UTF-8");
    let mut reader = Reader::from_str(written);
    let (mut back, mut is_inside, mut tags) = (String::new(), false, 0);
    loop {
        match reader.read_event().unwrap_or_else(|error| panic!("{error}: {written}")) {
            Event::Start(tag) => {
                (is_inside, tags) = (tag.name().as_ref() == "t", tags + 1);
                for attribute in tag.attributes() {
                    attribute.unwrap_or_else(|error| panic!("{error}: {written}"));
                }
            }
            Event::End(_) => is_inside = false,
            Event::Text(text) if is_inside => back.push_str(&text),
            Event::GeneralRef(name) if is_inside && name.is_char_ref() => {
                back.extend(name.resolve_char_ref().expect("it is a number"));
            }
            Event::GeneralRef(name) if is_inside => back.push(match &*name {
                "amp" => '&',
                "lt" => '<',
                "gt" => '>',
                "quot" => '"',
                "apos" => '\'',
                other => panic!("{other}: {written}"),
            }),
            Event::Eof => break,
            _ => {}
        }
    }
    assert_eq!(tags, 2, "{written}");
    let is_allowed =
        |c: &char| !c.is_ascii_control() && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n' | '\r');
    assert_eq!(back, text.chars().filter(is_allowed).collect::<String>(), "{written}");
}

/// HTML of an article, made safe: nothing that runs, styles, submits or frames, read by rules of one's own; nor is there when
/// it has been read and written once more, which may move tags that nest oddly and makes nothing of text.
pub(crate) fn html(bytes: &[u8]) {
    let mut input = Input::new(bytes);
    let base = Url::parse("https://example.org/a/b?c").ok().filter(|_| input.flag());
    let text = input.text();
    let safe = within(Duration::from_secs(2), "sanitising", || sanitise(&text, base.as_ref()).into_owned());
    judge(&safe);
    let again = sanitise(&safe, base.as_ref());
    judge(&again);
    assert_eq!(letters(&again), letters(&safe), "{text:?} is {safe}, and then {again}");
    let mut sample = Sample::full();
    sample.content = Some(text.into_owned());
    let view: ArticleView<'_> = sample.view();
    let article: serde_json::Value = serde_json::from_slice(&view.to_json(Html::Sanitised)).expect("it is JSON");
    judge(article["content"].as_str().expect("it has one"));
}

/// How many there are outside of tags.
fn letters(safe: &str) -> usize {
    let mut is_outside = true;
    safe.chars()
        .filter(|c| {
            is_outside = is_outside && *c != '<' || *c == '>';
            is_outside && !c.is_whitespace() && *c != '>'
        })
        .count()
}

/// Every `<` begins a tag of the list, whose attributes are of the list and whose links lead to the web.
fn judge(safe: &str) {
    let elements: HashSet<&str> = crate::sanitise::ELEMENTS.into_iter().collect();
    let mut rest = safe;
    while let Some(at) = rest.find('<') {
        let tag = &rest[at + 1..];
        let end = end_of(tag).unwrap_or_else(|| panic!("an open tag: {safe}"));
        let (tag, after) = (&tag[..end], &tag[end + 1..]);
        rest = after;
        let tag = tag.strip_prefix('/').unwrap_or(tag);
        let (name, attributes) = tag.split_once(' ').unwrap_or((tag, ""));
        assert!(elements.contains(name) && !NEVER.contains(&name), "<{name}>: {safe}");
        for (key, value) in pairs(attributes) {
            assert!(
                !key.starts_with("on") && !["style", "class", "id", "srcdoc", "action"].contains(&key),
                "{key}: {safe}"
            );
            if ["href", "src", "cite"].contains(&key) {
                // Slashes may be missing: a browser reads `https:/x` as `https://x`. And it passes over what controls stand in
                // front (WHATWG URL, section 4.4).
                let value = value.trim_start_matches(|c| c <= ' ').to_ascii_lowercase();
                let is_web = ["http:", "https:", "mailto:"].iter().any(|scheme| value.starts_with(scheme));
                assert!(is_web, "{key}={value}: {safe}");
            }
        }
    }
}

/// What is not shown even if somebody puts it on the list.
#[rustfmt::skip]
const NEVER: [&str; 19] = [
    "script", "style", "iframe", "frame", "object", "embed", "applet", "form", "input", "button", "base", "link", "meta", "svg",
    "math", "template", "noscript", "title", "textarea",
];

/// Where a tag ends: not within quotes.
fn end_of(tag: &str) -> Option<usize> {
    let mut is_quoted = false;
    tag.find(|c| {
        is_quoted ^= c == '"';
        c == '>' && !is_quoted
    })
}

fn pairs(attributes: &str) -> Vec<(&str, &str)> {
    let mut pairs = Vec::new();
    let mut rest = attributes.trim();
    while !rest.is_empty() {
        let (key, value) =
            rest.split_once("=\"").unwrap_or_else(|| panic!("an attribute without quotes: {attributes}"));
        let (value, after) = value.split_once('"').unwrap_or_else(|| panic!("an open value: {attributes}"));
        pairs.push((key, value));
        rest = after.trim_start();
    }
    pairs
}
