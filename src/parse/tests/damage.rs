//! Documents that feed-rs refuses or reads in part, and what becomes of them.

use super::*;

/// What the documents of the first table hold, whatever else is wrong with them.
const ONE: &str = "<item><title>One</title><link>https://a.example/?a=1&amp;b=2</link><guid>1</guid></item>";

#[test]
fn damage_is_repaired_and_named() {
    let raw = ONE.replace("&amp;", "&");
    let one = |title: &str| ONE.replace("One", title);
    let field = |field: &str| ONE.replace("</title>", &format!("</title>{field}"));
    let whole = rss(ONE);
    let headed = |declaration: &str| format!("{declaration}{whole}");
    for (text, repaired) in [
        // References.
        (rss(&raw), "bare ampersand"),
        (rss(&one("One & chips && &nosuch; &")), "bare ampersand x5"),
        (rss(&one("One &eacute;&nbsp;&hellip; &")), "html entity x3"),
        (format!("<!DOCTYPE rss [<!ENTITY x \"&#233;\">]>{}", rss(&one("One &x; &"))), "bare ampersand"),
        (rss(&one("One &#0; &#xD800;")), "control character x2"),
        (rss(&one("One & \u{1}")), "control character"),
        // Tags.
        (rss(&format!("<item><title>Zero<link>https://a.example/0</link></item>{ONE}")), "unclosed or crossed tag"),
        (rss(&format!("<item><title>Zero</title>{ONE}")), "unclosed or crossed tag"),
        (rss(ONE).replace("</channel></rss>", ""), "unclosed or crossed tag"),
        (rss(&one("<b>One")), "unclosed or crossed tag"),
        (rss(&field("<description><p>a <b>b</p></b></description>")), "unclosed or crossed tag"),
        (rss(&field("<category><dc:subject>x</category></dc:subject>")), "unclosed or crossed tag"),
        (rss(&field("<description>x</Description>")), "unclosed or crossed tag"),
        (rss(&field("<description>a <3 b</description>")), "unclosed or crossed tag"),
        (rss(&field("<enclosure url='x/>")), "broken markup"),
        (rss(&field("<foo:bar>x</foo:bar>")), "prefix that is not declared"),
        (format!("<rss version='2.0'><channel><title>t</title></channel>{ONE}</rss>"), "article in an odd place"),
        (rss(&format!("<item><title>Zero</title>{ONE}</item>")), "article in an odd place"),
        // Before and behind.
        (format!("<br /><b>Warning</b>: x{whole}"), "junk before the feed x2"),
        (format!("junk{whole}"), "junk before the feed"),
        (format!("{whole}<!-- cached --> in 0.2 s"), "junk behind the feed"),
        (format!("{whole}<script>x</script>"), "junk behind the feed"),
        (format!("{whole}{whole}"), "junk behind the feed"),
        // Versions and declarations.
        (format!("<rss><channel>{ONE}</channel></rss>"), "odd version"),
        (format!("<rss version='abc'><channel>{ONE}</channel></rss>"), "odd version"),
        (headed("<?xml version='1.0'?><?xml version='1.0'?>"), "odd xml declaration"),
        (headed("<!-- first --><?xml version='1.0'?>"), "odd xml declaration"),
        (headed("<?xml version='1.0'>"), "broken markup"),
        (headed("<?xml version='1.0'><?xml-stylesheet href='x'?>"), "odd xml declaration"),
        // Ends.
        (rss(&format!("{ONE}<item><title>Cut")).replace("</channel></rss>", ""), "unclosed or crossed tag"),
        (
            rss(&format!("{ONE}<item><title>Cut</title>")).replace("</channel></rss>", ""),
            "cut off in the middle of an article, which was left out",
        ),
        (format!("{}<item><title>Cut</ti", whole.replace("</channel></rss>", "")), "broken markup"),
        // Values that feed-rs refuses the whole feed for, or panics on.
        (
            rss(&field("<itunes:duration>999999999999999999999999999999</itunes:duration>")),
            "value that the parser panicked on",
        ),
        (
            rss(&field("<media:thumbnail url='http://a/' time='99999999999999999999999'/>")),
            "value that the parser panicked on",
        ),
    ] {
        let document = read(&text);
        let one = document.articles.iter().find(|a| a.url.as_deref() == Some("https://a.example/?a=1&b=2"));
        assert!(one.is_some_and(|a| a.title.as_deref().is_some_and(|t| t.starts_with("One"))), "{text}\n{document:?}");
        assert!(document.repaired.iter().any(|r| r.to_string() == repaired), "{text}\n{:?}", document.repaired);
    }
}

#[test]
fn what_is_odd_but_whole_is_read_without_a_word() {
    for text in [
        format!("\u{feff}\r\n\0<?xml version='1.1' encoding='bogus' standalone='perhaps'?>{}\n\0", rss(ONE)),
        format!("<?xml version='1.0' encoding='utf-16'?><!DOCTYPE html PUBLIC 'x' 'y'>{}", rss(ONE)),
        rss(ONE).replace("media", "m").replace("dc:", "d:").replace("xmlns:dc", "xmlns:d"),
        rss(&ONE.replace("<title>", "<itunes:explicit>maybe</itunes:explicit><title>")),
    ] {
        let document = read(&text);
        assert_eq!((titles(&document), document.repaired.as_slice()), (vec!["One"], [].as_slice()), "{text}");
    }
}

#[test]
fn a_healthy_and_a_damaged_document_give_the_same_articles() {
    let atom = |fields: &str| {
        format!(
            "<feed xmlns='http://www.w3.org/2005/Atom' xmlns:media='http://search.yahoo.com/mrss/' \
             xmlns:itunes='http://www.itunes.com/dtds/podcast-1.0.dtd'><title>t</title><id>f</id>\
             <link href='https://a.example/'/><entry><id>i</id>{fields}</entry></feed>"
        )
    };
    let xhtml = "<div xmlns='http://www.w3.org/1999/xhtml'><p>a &amp; b &lt;p></p><p>c</p></div>";
    let item = |fields: &str| rss(&format!("<link>https://a.example/</link><item><guid>i</guid>{fields}</item>"));
    for (document, title, summary) in [
        (
            item("<title>&lt;b&gt;AT&amp;amp;T&lt;/b&gt;</title><description>&lt;p&gt;x</description>"),
            Some("AT&T"),
            Some("<p>x"),
        ),
        (
            item("<title>One</title><title>Two</title><description>1</description><description/>"),
            Some("One"),
            Some("1"),
        ),
        (
            item("<itunes:subtitle>b</itunes:subtitle><itunes:summary><![CDATA[a & c]]></itunes:summary>"),
            None,
            Some("a & c"),
        ),
        (item("<itunes:summary> </itunes:summary><itunes:subtitle>b &amp; c</itunes:subtitle>"), None, Some("b & c")),
        (item("<media:description>m</media:description><itunes:subtitle>b</itunes:subtitle>"), None, Some("m")),
        (item("<itunes:author>Ann</itunes:author><media:credit>Bob</media:credit>"), None, None),
        (item("<dc:creator>Ann</dc:creator><itunes:author>Bob</itunes:author>"), None, None),
        (item("<media:credit>Ann</media:credit><media:credit>Bob</media:credit>"), None, None),
        (
            item(
                "<media:content url='http://a.example/1.jpg' type='image/jpeg'/><enclosure url='http://a.example/2.mp3' \
                 type='audio/mpeg' length='5'/><media:thumbnail url='/t.png'/>",
            ),
            None,
            None,
        ),
        (item("<link rel='enclosure' type='image/png'>https://a.example/i.png</link>"), None, None),
        (
            item(
                "<itunes:duration>1:02</itunes:duration><enclosure url='/1.mp3' type='audio/mpeg'/>\
                 <comments>/talk</comments>",
            ),
            None,
            None,
        ),
        (item("<media:content url='/1.mp4' duration='62'/><itunes:duration>9</itunes:duration>"), None, None),
        (item("<itunes:category text='A'><itunes:category text='B &amp; C'/></itunes:category>"), None, None),
        (item("<media:category>A, B</media:category>"), None, None),
        (item("<itunes:keywords> a, b c,,d </itunes:keywords>"), None, None),
        (atom("<link rel='replies' type='text/html' href='/talk'/><title>t</title>"), Some("t"), None),
        (atom("<link rel='replies' type='application/atom+xml' href='/talk.xml'/><title>t</title>"), Some("t"), None),
        (atom("<title>Use of &lt;b> tags</title><summary>s</summary>"), Some("Use of <b> tags"), Some("s")),
        (atom("<title type='text'>&amp;#39;AT&amp;amp;T&amp;#39; &lt;i></title>"), Some("'AT&T' <i>"), None),
        (atom("<title type='html'>Use &lt;b>of&lt;/b> &amp;lt;b></title>"), Some("Use of <b>"), None),
        (atom(&format!("<title type='xhtml'>{xhtml}</title>")), Some("a & b <p> c"), None),
        (atom(&format!("<summary type='xhtml'>{xhtml}</summary>")), None, Some("<p>a &amp; b &lt;p></p><p>c</p>")),
        (atom("<summary type='html'>x <a href='y'>lien</a> z</summary>"), None, Some("x <a href='y'>lien</a> z")),
        (atom("<title>t</title><content>x <b>y</b> z</content>"), Some("t"), None),
        (
            atom("<title>t</title><link rel='enclosure' href='1.ogg' type='audio/ogg' length='7'/><link href='p'/>"),
            Some("t"),
            None,
        ),
        (
            atom("<title>t</title><link href='https://a.example/1'/>").replace("<id>i</id>", "<id>f</id>"),
            Some("t"),
            None,
        ),
        (atom("<itunes:author>Ann</itunes:author><itunes:subtitle>s</itunes:subtitle>"), None, Some("s")),
    ] {
        let end = document.rfind("</").unwrap();
        let damaged = read(&format!("{}</x>{}", &document[..end], &document[end..]));
        let healthy = read(&document);
        assert_eq!(healthy.articles, damaged.articles, "{document}");
        let [article] = healthy.articles.as_slice() else { panic!("{document}") };
        assert_eq!((article.title.as_deref(), article.summary.as_deref()), (title, summary), "{document}");
    }
}

#[test]
fn what_was_cut_off_is_left_out() {
    let whole = rss("<item><title>One</title></item><item><title>Two</title><guid>2</guid></item>");
    for end in whole.find("<item>").unwrap()..whole.len() {
        let document = read(&whole[..end]);
        let known = ["One", "Two"];
        assert_eq!(titles(&document), known[..document.articles.len()], "cut at {end}");
        assert!(document.articles.len() < 2 || document.articles[1].guid.is_some());
    }
}

#[test]
fn odd_values_cost_themselves_and_not_the_article() {
    for field in [
        "<itunes:duration>999999999999999999999999999999</itunes:duration>",
        "<itunes:duration>\u{ff11}:\u{ff10}\u{ff10}:\u{ff10}\u{ff10}</itunes:duration>",
        "<author>山田太郎（yamada@example.com）</author>",
        "<media:thumbnail url='http://a/' time='99999999999999999999999'/>",
    ] {
        let document = read(&rss(&format!("<item><title>One</title>{field}</item>")));
        assert_eq!(titles(&document), ["One"], "{field}");
        if field.contains('@') {
            assert_eq!(document.articles[0].authors, ["山田太郎"]);
        }
    }
    let json = "{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"t\",\"author\":\"山田太郎（yamada@example.com）\",\
        \"items\":[{\"id\":\"1\",\"title\":\"One\",\"authors\":[{\"name\":\"山田太郎（yamada@example.com）\"}]}]}";
    let document = read(json);
    assert_eq!(
        (titles(&document), document.articles[0].authors.as_slice()),
        (vec!["One"], ["山田太郎".to_owned()].as_slice())
    );
}

#[test]
fn a_hostile_base_makes_no_hostile_link() {
    for base in ["javascript:alert(1)//", "file:///etc/", "data:,", "http://[", "//"] {
        let document = read(&format!(
            "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='{base}'><entry><title>One</title><id>i</id><link href='x'/></entry></feed>"
        ));
        let url = document.articles[0].url.as_deref();
        assert!(url.is_none_or(|url| url.starts_with("https://example.org/")), "{base}: {url:?}");
    }
}

#[test]
fn entities_of_the_document_add_no_more_than_their_limit() {
    let entity = "x".repeat(60_000);
    let description = format!("<item><title>One</title><description>{}</description></item>", "&e;".repeat(10_000));
    let text = format!("<!DOCTYPE rss [<!ENTITY e \"{entity}\">]>{}", rss(&description));
    let document = read(&text);
    assert!(document.articles[0].summary.as_ref().unwrap().len() <= crate::limits::SUMMARY_BYTES_MAX);
    let made = repair::xml(&text, 10, &Url::parse("https://a.example/").unwrap()).unwrap();
    assert!(made.text.len() < 2 * crate::limits::ENTITY_EXPANSION_BYTES_MAX, "{}", made.text.len());
}

/// Markup in any order: another document for each seed.
fn scrambled(seed: u64) -> String {
    let pieces = [
        "<rss version='2.0'>",
        "<channel>",
        "<item>",
        "</item>",
        "<title>",
        "</title>",
        "<![CDATA[",
        "]]>",
        "<!--",
        "-->",
        "&",
        "&amp;",
        "&#x",
        ";",
        "é",
        "\u{0}",
        "<",
        ">",
        "'",
        "\"",
        " href=",
        "<link",
        "/>",
        "<feed xmlns='http://www.w3.org/2005/Atom'>",
        "<entry>",
        "</entry>",
        "<content type='xhtml'>",
        "<author>",
        "<!DOCTYPE",
        "[",
        "]",
        "<?xml version='1.0'?>",
        "text",
        "<media:group>",
        "xml:base='/x'",
        "{",
        "}",
        "\u{feff}",
    ];
    let starts =
        ["<rss version='2.0'><channel><item>", "<feed xmlns='http://www.w3.org/2005/Atom'>", "{", "<rdf:RDF><item>"];
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
    let mut text = String::from(starts[seed as usize % starts.len()]);
    for _ in 0..40 {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        text.push_str(pieces[(state % pieces.len() as u64) as usize]);
    }
    text
}

/// What a document is called wrong for, it may have written: that goes to terminals and into `last_error`.
#[test]
fn a_refusal_holds_nothing_that_a_terminal_would_obey() {
    for (text, word) in [
        ("<x\"><!ENTITY b \"><title>b</ti\u{1b}[2J\0<!DOCTYPE x []><rss version", "\\u{1b}[2J\\u{0}"),
        ("<a\u{202e}b>x", "\\u{202e}b"),
    ] {
        let told = refused(text).to_string();
        assert!(!told.contains(crate::escape::disturbs) && told.contains(word), "{told:?}");
    }
}

#[test]
fn no_bytes_make_the_parser_panic() {
    for seed in 0..2_000 {
        let text = scrambled(seed);
        if let Err(failure) = parse_with(text.as_bytes(), 10) {
            assert_ne!(failure.class, Class::Panic, "seed {seed}: {failure}\n{text}");
        }
    }
}

#[test]
fn the_gate_stops_where_feed_rs_would() {
    let is_fit = |text: &str| matches!(gate::xml(text, 10), Ok(gate::Verdict::Fit(_)));
    let mut stopped = 0;
    for seed in 0..4_000 {
        // Closed, so that some of them are whole.
        let text =
            format!("<rss version='2.0'><channel><item><title>{}</title></item></channel></rss>", scrambled(seed));
        let mut reader = quick_xml::Reader::from_str(&text);
        let stops = loop {
            match reader.read_event() {
                Ok(quick_xml::events::Event::Eof) => break false,
                Ok(_) => {}
                Err(_) => break true,
            }
        };
        assert!(!(stops && is_fit(&text)), "seed {seed}: {text}");
        stopped += usize::from(stops);
    }
    assert!(stopped > 100, "{stopped}");
    for (data, whole) in
        [("a &lt; b &#38;amp;&x;", true), ("a & b", false), ("&lt", false), ("&a&b;", false), ("&;", true)]
    {
        let text = format!("<rss version='2.0'><channel><title>{data}</title></channel></rss>");
        assert_eq!(is_fit(&text), whole, "{data}");
    }
}
