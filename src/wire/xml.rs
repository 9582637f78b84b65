//! XML that is well-formed whatever is put into it: quick-xml escapes, and what XML forbids is left out here.

use std::borrow::Cow;

use bytes::Bytes;
use quick_xml::Writer;
use quick_xml::events::{BytesDecl, BytesEnd, BytesStart, BytesText, Event};

pub(super) struct Xml(Writer<Vec<u8>>);

impl Xml {
    pub(super) fn new() -> Xml {
        let mut xml = Xml(Writer::new(Vec::new()));
        xml.write(Event::Decl(BytesDecl::new("1.0", Some("utf-8"), None)));
        xml.newline();
        xml
    }

    /// An element with text in it. Attributes that are `None` are left out.
    pub(super) fn text(&mut self, name: &'static str, attributes: &[(&str, Option<&str>)], text: &str) {
        self.write(Event::Start(start(name, attributes)));
        self.write(Event::Text(BytesText::new(&allowed(text))));
        self.close(name);
    }

    pub(super) fn empty(&mut self, name: &'static str, attributes: &[(&str, Option<&str>)]) {
        self.write(Event::Empty(start(name, attributes)));
        self.newline();
    }

    pub(super) fn open(&mut self, name: &'static str, attributes: &[(&str, Option<&str>)]) {
        self.write(Event::Start(start(name, attributes)));
        self.newline();
    }

    pub(super) fn close(&mut self, name: &'static str) {
        self.write(Event::End(BytesEnd::new(name)));
        self.newline();
    }

    pub(super) fn finish(self) -> Bytes {
        Bytes::from(self.0.into_inner())
    }

    fn newline(&mut self) {
        self.0.get_mut().push(b'\n');
    }

    fn write(&mut self, event: Event<'_>) {
        self.0.write_event(event).expect("memory takes every byte");
    }
}

fn start<'a>(name: &'static str, attributes: &[(&str, Option<&str>)]) -> BytesStart<'a> {
    let mut start = BytesStart::new(name);
    for (name, value) in attributes {
        if let Some(value) = value {
            start.push_attribute((*name, &*allowed(value)));
        }
    }
    start
}

/// Only characters of XML 1.0 (section 2.2): no reference brings the others in either.
fn allowed(text: &str) -> Cow<'_, str> {
    let is_allowed =
        |c: char| !c.is_ascii_control() && !matches!(c, '\u{fffe}' | '\u{ffff}') || matches!(c, '\t' | '\n' | '\r');
    if text.chars().all(is_allowed) { Cow::Borrowed(text) } else { text.chars().filter(|c| is_allowed(*c)).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn anything_is_well_formed() {
        let hostile = "a\u{0}\u{1b}\u{7f}\u{ffff}<b>&amp;]]>\"'\n\t日";
        let mut xml = Xml::new();
        xml.open("r", &[("a", Some(hostile)), ("absent", None)]);
        xml.text("t", &[], hostile);
        xml.empty("e", &[("x", Some("1"))]);
        xml.close("r");
        let bytes = xml.finish();
        let text = std::str::from_utf8(&bytes).unwrap();
        let escaped = "a&lt;b&gt;&amp;amp;]]&gt;&quot;&apos;";
        assert!(text.starts_with(&format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<r a=\"{escaped}")), "{text}");
        assert!(text.contains(&format!("<t>{escaped}\n\t日</t>\n<e x=\"1\"/>\n</r>\n")), "{text}");
        assert!(!text.contains(['\0', '\u{1b}', '\u{7f}', '\u{ffff}']) && !text.contains("absent"));
    }
}
