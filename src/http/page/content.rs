//! What a page changes in sanitised HTML to show it: images become words, headings step down below the page's own.
//!
//! It makes nothing safe and relies on that having been done. Of what it reads it keeps each byte of text and of
//! attributes as escaped as it was.

use super::escape;
use super::safe::SafeHtml;

/// The HTML as it stands on an article's page.
///
/// An image would be asked for from its publisher, who would learn who reads what: it is named, with a link to it.
pub(super) fn shown(html: &SafeHtml) -> String {
    let mut out = String::with_capacity(html.as_str().len());
    let mut links_open = 0_usize;
    for piece in Pieces(html.as_str()) {
        match piece {
            Piece::Text(text) => out.push_str(text),
            Piece::Tag(tag) => match tag.name() {
                "img" => out.push_str(&image(&tag, links_open > 0)),
                "h1" | "h2" | "h3" | "h4" | "h5" => out.push_str(&tag.a_level_down()),
                name => {
                    if name == "a" {
                        links_open = if tag.closes() { links_open.saturating_sub(1) } else { links_open + 1 };
                    }
                    out.push_str(tag.0);
                }
            },
        }
    }
    out
}

/// Tags that stand within a word or a sentence.
const INLINE: [&str; 22] = [
    "a", "abbr", "b", "bdi", "bdo", "cite", "code", "del", "em", "i", "ins", "kbd", "mark", "q", "s", "samp", "small",
    "span", "strong", "sub", "sup", "u",
];

/// The first words, without any markup but character references, cut after `chars_max` characters.
pub(super) fn excerpt(html: &SafeHtml, chars_max: usize) -> String {
    let mut out = String::new();
    let mut chars = 0;
    let mut space_due = false;
    for piece in Pieces(html.as_str()) {
        let mut text = match piece {
            Piece::Text(text) => text,
            Piece::Tag(tag) => {
                // `<p>one</p><p>two</p>` is two words, `<b>on</b>e` is one.
                space_due |= !INLINE.contains(&tag.name());
                continue;
            }
        };
        while let Some(unit) = text.chars().next() {
            let bytes = match unit {
                // A character reference counts as one character and is never cut in two.
                '&' => text.find(';').map_or(1, |end| end + 1),
                unit => unit.len_utf8(),
            };
            if unit.is_whitespace() {
                space_due = true;
            } else {
                if chars >= chars_max {
                    return cut(out, space_due);
                }
                if space_due && !out.is_empty() {
                    out.push(' ');
                }
                space_due = false;
                out.push_str(&text[..bytes]);
            }
            chars += 1;
            text = &text[bytes..];
        }
    }
    out
}

/// Ends a text that goes on, after a whole word where one is near: some scripts have no spaces.
fn cut(mut out: String, after_word: bool) -> String {
    const WORD_BYTES_MAX: usize = 32;
    if let Some(space) = out.rfind(' ').filter(|space| !after_word && out.len() - space < WORD_BYTES_MAX) {
        out.truncate(space);
    }
    out.push('…');
    out
}

fn image(tag: &Tag<'_>, inside_link: bool) -> String {
    // Attribute values are escaped but for `<` and `>`, which mean nothing there and much here.
    let alt = tag.attribute("alt").unwrap_or_default().trim().replace('<', "&lt;").replace('>', "&gt;");
    let label = if alt.is_empty() { "image".to_owned() } else { format!("image: {alt}") };
    let source = tag.attribute("src").map(|source| source.replace("&amp;", "&"));
    match source.and_then(|source| escape::link(&source)) {
        Some(link) if !inside_link => format!(r#"<span class="picture">{}</span>"#, link.around(label)),
        _ => format!(r#"<span class="picture">{label}</span>"#),
    }
}

enum Piece<'a> {
    Text(&'a str),
    Tag(Tag<'a>),
}

/// Cuts serialised HTML at its tags. In text a `<` is always escaped; in a quoted attribute `>` may stand as it is.
struct Pieces<'a>(&'a str);

impl<'a> Iterator for Pieces<'a> {
    type Item = Piece<'a>;

    fn next(&mut self) -> Option<Piece<'a>> {
        let rest = self.0;
        let end = match rest.find('<') {
            None if rest.is_empty() => return None,
            None => rest.len(),
            Some(0) => {
                // An unfinished tag is none of the sanitiser's: nothing of it is shown.
                let Some(end) = tag_end(rest) else {
                    self.0 = "";
                    return None;
                };
                self.0 = &rest[end..];
                return Some(Piece::Tag(Tag(&rest[..end])));
            }
            Some(end) => end,
        };
        self.0 = &rest[end..];
        Some(Piece::Text(&rest[..end]))
    }
}

fn tag_end(rest: &str) -> Option<usize> {
    let mut quoted = false;
    for (index, byte) in rest.bytes().enumerate() {
        match byte {
            b'"' => quoted = !quoted,
            b'>' if !quoted => return Some(index + 1),
            _ => {}
        }
    }
    None
}

/// From its `<` to its `>`.
struct Tag<'a>(&'a str);

impl<'a> Tag<'a> {
    fn closes(&self) -> bool {
        self.0.starts_with("</")
    }

    fn name(&self) -> &'a str {
        let name = self.0.trim_start_matches(['<', '/']);
        name.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default()
    }

    /// As it is written, escapes included.
    fn attribute(&self, name: &str) -> Option<&'a str> {
        let from = self.0.find(&format!(r#" {name}=""#))? + name.len() + 3;
        let value = &self.0[from..];
        value.find('"').map(|end| &value[..end])
    }

    fn a_level_down(&self) -> String {
        let level = self.name().as_bytes()[1] + 1;
        format!("<{}h{}>", if self.closes() { "/" } else { "" }, char::from(level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn safe(html: &str) -> SafeHtml {
        SafeHtml::from_sanitiser(html.to_owned())
    }

    #[test]
    fn images_become_words_and_headings_step_down() {
        let rel = r#"rel="noopener noreferrer nofollow""#;
        for (html, want) in [
            ("<p>a &lt; b</p>", "<p>a &lt; b</p>".to_owned()),
            ("<h1 lang=\"de\">x</h1><h6>y</h6>", "<h2>x</h2><h6>y</h6>".to_owned()),
            ("<header>x</header>", "<header>x</header>".to_owned()),
            (
                r#"<img src="https://e.org/a.png?x=1&amp;y=2" alt="a &quot;cat&quot;">"#,
                format!(
                    r#"<span class="picture"><a href="https://e.org/a.png?x=1&amp;y=2" {rel}>image: a &quot;cat&quot;</a></span>"#
                ),
            ),
            (
                r#"<img alt="<script>alert(1)</script>" src="x">"#,
                picture("image: &lt;script&gt;alert(1)&lt;/script&gt;"),
            ),
            (r#"<img src="javascript:alert(1)">"#, picture("image")),
            (
                r#"<a href="https://e.org/"><img src="https://e.org/a.png"></a>"#,
                format!(r#"<a href="https://e.org/">{}</a>"#, picture("image")),
            ),
            (
                r#"<a title="a > b" href="https://e.org/">x</a>"#,
                r#"<a title="a > b" href="https://e.org/">x</a>"#.to_owned(),
            ),
            ("cut <img src=\"https://e.org/", "cut ".to_owned()),
        ] {
            assert_eq!(shown(&safe(html)), want, "{html}");
        }
    }

    fn picture(label: &str) -> String {
        format!(r#"<span class="picture">{label}</span>"#)
    }

    #[test]
    fn an_excerpt_is_words_alone() {
        for (html, chars_max, want) in [
            ("<p>one</p><p>two  <b>three</b></p>", 50, "one two three"),
            ("<p>by <b>4 %</b>. <i>t</i>ea<br>milk</p><ul><li>a</li><li>b</li></ul>", 50, "by 4 %. tea milk a b"),
            ("a &amp; b", 50, "a &amp; b"),
            ("ab&amp;cd", 3, "ab&amp;…"),
            ("日本語", 2, "日本…"),
            ("one two three", 9, "one two…"),
            ("one two three", 8, "one two…"),
            (r#"<img alt="> not text" src="x">text"#, 50, "text"),
            ("  ", 50, ""),
            ("exactly", 7, "exactly"),
        ] {
            assert_eq!(excerpt(&safe(html), chars_max), want, "{html}");
        }
    }
}
