//! HTML of a feed, made safe to show: what feed readers show, and nothing that runs, styles, submits or frames.
//!
//! Two stages with a job each. [`tame`] bounds what a text can cost and makes its links absolute; ammonia then builds the
//! tree that a browser would, and lets through what stands on a list. Safety is ammonia's alone: nothing here depends on
//! `tame` reading HTML as browsers do.
//!
//! Pure, and not cheap: as much as parsing the article did. It belongs on the thread that reads the article, once, and
//! not on the HTTP core.

mod tame;

use std::borrow::Cow;
use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::{Builder, UrlRelative};
use url::Url;

use crate::http::SafeHtml;

/// Elements that are shown; of all others only the content is, or not even that (`tame`).
#[rustfmt::skip]
pub(crate) const ELEMENTS: [&str; 65] = [
    "a", "abbr", "article", "aside", "b", "bdi", "bdo", "blockquote", "br", "caption", "cite", "code", "col", "colgroup",
    "dd", "del", "details", "dfn", "div", "dl", "dt", "em", "figcaption", "figure", "footer", "h1", "h2", "h3", "h4",
    "h5", "h6", "header", "hr", "i", "img", "ins", "kbd", "li", "mark", "ol", "p", "pre", "q", "rp", "rt", "ruby", "s",
    "samp", "section", "small", "span", "strong", "sub", "summary", "sup", "table", "tbody", "td", "tfoot", "th",
    "thead", "time", "tr", "u", "ul",
];

/// Attributes of one element.
const ATTRIBUTES: [(&str, &[&str]); 14] = [
    ("a", &["href", "hreflang"]),
    ("bdo", &["dir"]),
    ("blockquote", &["cite"]),
    ("col", &["span"]),
    ("colgroup", &["span"]),
    ("del", &["cite", "datetime"]),
    ("details", &["open"]),
    ("img", &["src", "alt", "width", "height"]),
    ("ins", &["cite", "datetime"]),
    ("ol", &["start", "reversed"]),
    ("q", &["cite"]),
    ("td", &["colspan", "rowspan", "headers"]),
    ("th", &["colspan", "rowspan", "headers", "scope"]),
    ("time", &["datetime"]),
];

/// Attributes of any element.
const ATTRIBUTES_OF_ALL: [&str; 3] = ["lang", "dir", "title"];

/// Schemes of links; of images only the first two.
const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// The same text with only safe HTML in it. Relative links are resolved against `base`, the article's own address;
/// without one they are left out.
pub(crate) fn sanitise<'a>(html: &'a str, base: Option<&Url>) -> Cow<'a, str> {
    if !html.contains(['<', '>', '&']) {
        return Cow::Borrowed(html);
    }
    Cow::Owned(ALLOWED.clean(&tame::tame(html, base)).to_string())
}

static ALLOWED: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let mut allowed = Builder::empty();
    allowed
        .tags(HashSet::from(ELEMENTS))
        .tag_attributes(ATTRIBUTES.iter().map(|(element, names)| (*element, names.iter().copied().collect())).collect())
        .generic_attributes(HashSet::from(ATTRIBUTES_OF_ALL))
        .allowed_classes(HashMap::new())
        .url_schemes(HashSet::from(SCHEMES))
        .url_relative(UrlRelative::Deny)
        .link_rel(Some("nofollow noopener noreferrer"))
        .attribute_filter(|element, attribute, value| {
            let is_image = element == "img" && attribute == "src";
            (!is_image || !is_mail(value)).then_some(Cow::Borrowed(value))
        });
    allowed
});

fn is_mail(link: &str) -> bool {
    Url::parse(link).is_ok_and(|url| url.scheme() == "mailto")
}

/// The same for a page, which takes nothing else.
pub(crate) fn for_page(html: &str, base: Option<&Url>) -> SafeHtml {
    SafeHtml::from_sanitiser(sanitise(html, base).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the allow-list makes of a text on its own, without `tame` before it.
    fn allowed(html: &str) -> String {
        ALLOWED.clean(html).to_string()
    }

    #[test]
    fn what_readers_show_stays() {
        let base = Url::parse("https://example.org/a/b.html").unwrap();
        const REL: &str = r#"rel="nofollow noopener noreferrer""#;
        for (html, want) in [
            ("plain", "plain".to_owned()),
            ("a < b && c > d", "a &lt; b &amp;&amp; c &gt; d".to_owned()),
            ("caf&eacute; &#8217; &amp;lt;", "café ’ &amp;lt;".to_owned()),
            ("<p>one<p>two", "<p>one</p><p>two</p>".to_owned()),
            ("<P CLASS=x style='a:b' id=y>one</P>", "<p>one</p>".to_owned()),
            ("<b>bold <i>both</b> neither</i>", "<b>bold <i>both</i></b> neither".to_owned()),
            ("<ul><li>1<li>2</ul>", "<ul><li>1</li><li>2</li></ul>".to_owned()),
            (
                "<table><tr><td>1<td>2<tr><th colspan=2>3</table>",
                "<table><tbody><tr><td>1</td><td>2</td></tr><tr><th colspan=\"2\">3</th></tr></tbody></table>"
                    .to_owned(),
            ),
            ("<pre>  a\n  b</pre>", "<pre>  a\n  b</pre>".to_owned()),
            (
                "<a href='https://x.org/?a=1&amp;b=2'>x</a>",
                format!(r#"<a href="https://x.org/?a=1&amp;b=2" {REL}>x</a>"#),
            ),
            ("<a href=../c>x</a>", format!(r#"<a href="https://example.org/c" {REL}>x</a>"#)),
            ("<a href=\"//x.org/\n y\">x</a>", format!(r#"<a href="https://x.org/%20y" {REL}>x</a>"#)),
            ("<a href='mailto:a@b.org'>x</a>", format!(r#"<a href="mailto:a@b.org" {REL}>x</a>"#)),
            (
                "<img src=i.png alt='a \"b\"' width=10>",
                r#"<img src="https://example.org/a/i.png" alt="a &quot;b&quot;" width="10">"#.to_owned(),
            ),
            ("x<br/>y<hr>", "x<br>y<hr>".to_owned()),
            ("<section><h2>t</h2></section>", "<section><h2>t</h2></section>".to_owned()),
            ("<font color=red>red</font> <blink>x</blink>", "red x".to_owned()),
            ("<x>word</x> <nobr>in</nobr> text", "word in text".to_owned()),
            (&"&amp;".repeat(2_000), "&amp;".repeat(2_000)),
            ("<noscript><img src=/i></noscript>", r#"<img src="https://example.org/i">"#.to_owned()),
        ] {
            assert_eq!(sanitise(html, Some(&base)), want, "{html}");
        }
    }

    #[test]
    fn without_a_base_relative_links_are_left_out() {
        assert_eq!(
            sanitise("<a href=/x>x</a><img src=y>", None),
            r#"<a rel="nofollow noopener noreferrer">x</a><img>"#
        );
    }

    const HOSTILE: [&str; 33] = [
        "<script>alert(1)</script>x",
        "<SCRIPT SRC=//evil/x.js></SCRIPT >x",
        "<scr<script>ipt>alert(1)</scr</script>ipt>",
        "<script>alert(1)",
        "<style>*{background:url(//evil)}</style>x",
        "<link rel=stylesheet href=//evil>x",
        "<meta http-equiv=refresh content='0;url=//evil'>x",
        "<base href=//evil>x",
        "<img src=x onerror=alert(1)>",
        "<img/src=x/onerror=alert(1)>",
        "<img src=\"x\"onerror=\"alert(1)\">",
        "<img src=javascript:alert(1)>",
        "<img src=data:image/svg+xml,<svg/onload=alert(1)>>",
        "<img src=mailto:a@b>",
        "<img srcset='//evil 2x'>",
        "<a href=javascript:alert(1)>x</a>",
        "<a href=' \u{1}java\tscript:alert(1)'>x</a>",
        "<a href='&#106;avascript&colon;alert(1)'>x</a>",
        "<a href=vbscript:x>x</a><a href=data:text/html,x>y</a><a href=ftp://x/>z</a>",
        "<a href=http://x onclick=alert(1) target=_blank style=x class=y id=z>x</a>",
        "<svg onload=alert(1)><a xlink:href=javascript:x>x</a></svg>",
        "<svg></p><style><a id='</style><img src=1 onerror=alert(1)>'>",
        "<math><mtext><table><mglyph><style><!--</style><img title='--&gt;&lt;img src=1 onerror=alert(1)&gt;'>",
        "<form action=//evil><input name=x><button>x</button></form>",
        "<iframe src=//evil></iframe><object data=//evil></object><embed src=//evil>x",
        "<iframe srcdoc='<script>alert(1)</script>'>",
        "<noscript><p title='</noscript><img src=x onerror=alert(1)>'>",
        "<textarea><p title='</textarea><img src=x onerror=alert(1)>'>",
        "<title><a title='</title><img src=x onerror=alert(1)>'>",
        "<xmp><p title='</xmp><img src=x onerror=alert(1)>'></xmp>",
        "<!--><img src=x onerror=alert(1)>-->x",
        "<![CDATA[<img src=x onerror=alert(1)>]]>",
        "<template><img src=x onerror=alert(1)></template><plaintext><b>",
    ];

    /// What must not be in an element of the output. Text is escaped and may say what it likes.
    fn refused(clean: &str) -> Option<&'static str> {
        let tags: String = clean.split('<').skip(1).filter_map(|tag| tag.split_once('>')).map(|(tag, _)| tag).collect();
        // Values in quotes may say `onerror=`, too.
        let outside: String = tags.split('"').step_by(2).collect();
        let outside = outside.to_ascii_lowercase();
        let names =
            ["script", "style", "svg", "math", "form", "input", "iframe", "object", "embed", "meta", "link", "base"];
        let attributes = [" on", "class=", "id=", "target=", "srcset=", "action="];
        let schemes = ["javascript:", "vbscript:", "\"data:", "ftp:"];
        let found = names.iter().chain(&attributes).find(|word| outside.contains(**word));
        found.or_else(|| schemes.iter().find(|scheme| tags.to_ascii_lowercase().contains(**scheme))).copied()
    }

    #[test]
    fn nothing_that_runs_gets_through_either_way() {
        let base = Url::parse("https://example.org/").unwrap();
        for html in HOSTILE {
            for clean in [sanitise(html, Some(&base)).into_owned(), allowed(html)] {
                assert_eq!(refused(&clean), None, "{html} became {clean}");
            }
        }
        assert_eq!(sanitise("<img src=mailto:a@b>", None), "<img>");
        assert_eq!(allowed("<img src=mailto:a@b>"), "<img>");
    }

    /// Made safe is safe: nothing of the output means something else when it is read again.
    #[test]
    fn a_second_time_changes_nothing() {
        for html in HOSTILE {
            let once = sanitise(html, None).into_owned();
            assert_eq!(sanitise(&once, None), once, "{html}");
        }
    }

    /// `cargo test --release cost_of_sanitising -- --ignored --nocapture` prints it.
    #[test]
    #[ignore = "a measurement"]
    fn cost_of_sanitising() {
        use crate::clock::Clock;
        let paragraph = "<p class=\"x\">Some <a href=\"https://example.org/a?b=1&amp;c=2\">words</a> of an <em>article</em> \
                         &#8217;s text, and an <img src=\"/i.png\" alt=\"image\"> in it, long enough to be one.</p>\n";
        let base = Url::parse("https://example.org/").unwrap();
        for (name, html, rounds) in [
            ("200 bytes of text", "word ".repeat(40), 10_000),
            ("one paragraph", paragraph.to_owned(), 5_000),
            ("4 KB", paragraph.repeat(20), 500),
            ("2 MB", paragraph.repeat(10_000), 1),
            ("2 MB of <b x=1>", (0..200_000).map(|n| format!("<b x={n}><p>")).collect(), 1),
            ("2 MB of &", "&".repeat(2 << 20), 1),
            ("2 MB of title=&", format!("<p title='{}'>", "&".repeat(2_000)).repeat(1_000), 1),
            ("2 MB of <", "<".repeat(2 << 20), 1),
            ("2 MB of <a ", "<a ".repeat(700_000), 1),
            ("2 MB of attributes", format!("<p {}>", (0..300_000).map(|n| format!("a{n} ")).collect::<String>()), 1),
            ("2 MB of <table>x", "<table>x".repeat(260_000), 1),
            ("2 MB of <br>, then <table>s", "<br>".repeat(5_000) + &"<table>x<br>".repeat(150_000), 1),
            ("2 MB of <svg>", "<svg>".repeat(400_000), 1),
            ("2 MB of <!--", "<!--".repeat(500_000), 1),
            (
                "popped formatting",
                "<p><b><i><em><code><s><small><strong><u>".to_owned() + &"<p>x</p>".repeat(200_000),
                1,
            ),
        ] {
            let started = Clock::monotonic();
            let mut bytes = 0;
            for _ in 0..rounds {
                bytes = sanitise(&html, Some(&base)).len();
            }
            let micros = Clock::elapsed_ms(started) as f64 * 1000.0 / f64::from(rounds);
            println!("{name}: {} bytes in, {bytes} out, {micros:.1} us", html.len());
        }
    }
}
