//! Documents in, articles out: each format, and each document that would kill feed-rs.

use std::fmt::Write;

use super::*;
use crate::article::Article;

/// 2024-05-05.
const NOW_MS: i64 = 1_714_867_200_000;

fn parse_with(bytes: &[u8], articles_max: usize) -> Result<Document, Failure> {
    let base_url = Url::parse("https://example.org/feeds/all.xml").unwrap();
    parse(&Source { bytes, content_type: None, base_url: &base_url, articles_max, now_ms: NOW_MS })
}

fn read(text: &str) -> Document {
    parse_with(text.as_bytes(), 100).unwrap_or_else(|failure| panic!("{failure}\n{text}"))
}

fn refused(text: &str) -> Failure {
    match parse_with(text.as_bytes(), 100) {
        Ok(document) => panic!("{} articles in {}", document.articles.len(), text::cut(text, 300)),
        Err(failure) => failure,
    }
}

fn ms(rfc3339: &str) -> Option<i64> {
    Some(rfc3339.parse::<jiff::Timestamp>().unwrap().as_millisecond())
}

fn rss(items: &str) -> String {
    format!(
        "<rss version=\"2.0\" xmlns:media=\"http://search.yahoo.com/mrss/\" xmlns:dc=\"http://purl.org/dc/elements/1.1/\" \
         xmlns:itunes=\"http://www.itunes.com/dtds/podcast-1.0.dtd\" xmlns:content=\"http://purl.org/rss/1.0/modules/content/\">\
         <channel><title>t</title>{items}</channel></rss>"
    )
}

fn titles(document: &Document) -> Vec<&str> {
    document.articles.iter().map(|a| a.title.as_deref().unwrap_or("")).collect()
}

#[test]
fn rss_2_0() {
    let document = read(
        r#"<?xml version="1.0" encoding="iso-8859-1"?>
        <rss version="2.0" xmlns:atom="http://www.w3.org/2005/Atom" xmlns:media="http://search.yahoo.com/mrss/"
             xmlns:content="http://purl.org/rss/1.0/modules/content/" xmlns:dc="http://purl.org/dc/elements/1.1/">
        <channel><title>The &amp; Daily</title><link>/</link><description>News</description><language>en-GB</language><ttl>30</ttl>
          <atom:link rel="hub" href="https://hub.example/"/><atom:link rel="self" href="https://example.org/feeds/all.xml"/>
          <lastBuildDate>Sat, 04 May 2024 10:00:00 GMT</lastBuildDate>
          <item><title><![CDATA[ Caf&eacute; <b>opens</b> ]]></title><link>../a?x=1&amp;y=2</link><guid isPermaLink="false"> id-1 </guid>
            <pubDate>Sat, 04 May 2024 08:00 EST</pubDate><author>ann@example.org (Ann)</author><dc:creator>Bob</dc:creator>
            <category>One</category><category>Two</category><category>One</category>
            <description>&lt;p&gt;Hi&lt;/p&gt;</description><content:encoded><![CDATA[<p>Whole</p>]]></content:encoded>
            <media:thumbnail url="/t.jpg"/><enclosure url="https://cdn.example/a.mp3" type="audio/mpeg" length="123"/></item>
          <item><link>javascript:alert(1)</link><description>no title</description></item>
          <item/>
        </channel></rss>"#,
    );
    assert_eq!(document.feed.title.as_deref(), Some("The & Daily"));
    assert_eq!(document.feed.site_url.as_deref(), Some("https://example.org/"));
    assert_eq!(document.feed.language.as_deref(), Some("en-gb"));
    assert_eq!(document.feed.ttl_minutes, Some(30));
    assert_eq!(document.feed.hub.as_deref(), Some("https://hub.example/"));
    assert_eq!(document.feed.updated_at, ms("2024-05-04T10:00:00Z"));
    assert_eq!(document.repaired, [""; 0]);
    let [first, second] = document.articles.as_slice() else { panic!("{:?}", titles(&document)) };
    let want = Article {
        key: "guid:id-1".into(),
        guid: Some("id-1".into()),
        url: Some("https://example.org/a?x=1&y=2".into()),
        title: Some("Café opens".into()),
        authors: vec!["Ann".into(), "Bob".into()],
        summary: Some("<p>Hi</p>".into()),
        content: Some("<p>Whole</p>".into()),
        image_url: Some("https://example.org/t.jpg".into()),
        enclosures: vec![crate::article::Enclosure {
            url: "https://cdn.example/a.mp3".into(),
            media_type: Some("audio/mpeg".into()),
            length_bytes: Some(123),
        }],
        categories: vec!["One".into(), "Two".into()],
        language: None,
        published_at: ms("2024-05-04T13:00:00Z"),
        updated_at: None,
    };
    assert_eq!(*first, want);
    assert_eq!(second.url, None);
    assert!(second.key.starts_with("hash:"));
}

#[test]
fn atom_1_0() {
    let document = read(
        r#"<?xml version="1.0"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="de" xml:base="https://blog.example/x/">
        <title type="html">A &amp;lt; B</title><subtitle>Sub</subtitle><link href="index.html"/><link rel="hub" href="https://hub.example/"/>
        <updated>2024-05-01T00:00:00Z</updated><id>f</id>
        <entry xml:lang="fr"><id>e1</id><title type="text">One</title><link rel="edit" href="e"/><link rel="alternate" type="text/html" href="one"/>
          <link rel="enclosure" type="audio/ogg" length="5" href="one.ogg"/>
          <published>2024-04-30T10:00:00+02:00</published><updated>2024-05-01T00:00:00Z</updated>
          <author><name>Ann</name></author><category term="c" label="C"/><summary>s</summary>
          <content type="xhtml"><div xmlns="http://www.w3.org/1999/xhtml"><p>Hi <img src="/i.png"/></p></div></content></entry>
        </feed>"#,
    );
    assert_eq!(document.feed.title.as_deref(), Some("A < B"));
    assert_eq!(document.feed.site_url.as_deref(), Some("https://blog.example/x/index.html"));
    assert_eq!(document.feed.language.as_deref(), Some("de"));
    assert_eq!(document.feed.hub.as_deref(), Some("https://hub.example/"));
    let article = &document.articles[0];
    assert_eq!(article.key, "guid:e1");
    assert_eq!(article.url.as_deref(), Some("https://blog.example/x/one"));
    assert_eq!(article.enclosures[0].url, "https://blog.example/x/one.ogg");
    assert_eq!(article.content.as_deref(), Some("<p>Hi <img src=\"/i.png\"></img></p>"));
    assert_eq!(article.image_url.as_deref(), Some("https://example.org/i.png"));
    assert_eq!(article.language.as_deref(), Some("fr"));
    assert_eq!(article.published_at, ms("2024-04-30T08:00:00Z"));
    assert_eq!(article.updated_at, ms("2024-05-01T00:00:00Z"));
    assert_eq!(
        (article.authors.as_slice(), article.categories.as_slice()),
        (["Ann".to_owned()].as_slice(), ["c".to_owned()].as_slice())
    );
}

#[test]
fn json_feed() {
    for (version, mark) in [("https://jsonfeed.org/version/1", ""), ("https://jsonfeed.org/version/1.1", "\u{feff}")] {
        let document = read(&format!(
            r#"{mark}{{"version":"{version}","title":"J <3","home_page_url":"https://j.example/","hubs":[{{"type":"WebSub","url":"https://hub.example/"}}],
            "items":[{{"id":7,"url":"a","title":"1 < 2","content_html":"<p>x</p>","date_published":"2024-05-01T00:00:00Z","image":"/i.png",
            "author":{{"name":"Ann"}},"authors":["Bob"],"tags":["t",1],"attachments":[{{"url":"https://j.example/a.mp3","size_in_bytes":"9"}}]}},null,
            {{"id":"b","content_text":"text"}}]}}"#
        ));
        assert_eq!(document.feed.title.as_deref(), Some("J <3"));
        assert_eq!(document.feed.hub.as_deref(), Some("https://hub.example/"));
        let article = &document.articles[0];
        assert_eq!(article.key, "guid:7");
        assert_eq!(article.title.as_deref(), Some("1 < 2"));
        assert_eq!(article.url.as_deref(), Some("https://example.org/feeds/a"));
        assert_eq!(article.image_url.as_deref(), Some("https://example.org/i.png"));
        assert_eq!(article.authors, ["Ann", "Bob"]);
        assert_eq!(article.categories, ["t"]);
        assert_eq!(article.enclosures[0].url, "https://j.example/a.mp3");
        assert_eq!(document.articles[1].content.as_deref(), Some("text"));
        assert!(document.repaired.contains(&"value of another type".to_owned()), "{:?}", document.repaired);
    }
    assert_eq!(refused(r#"{"title":"x"}"#).class, Class::NotFeed);
    assert_eq!(refused(r#"{"version":"https://jsonfeed.org/version/1","items":[1e999]}"#).class, Class::Parse);
    assert_eq!(refused(&"{\"a\":".repeat(100_000)).class, Class::TooDeep);
}

#[test]
fn older_dialects() {
    let rss_1_0 = read(
        r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
        <channel rdf:about="x"><title>Feed</title><link>https://a.example/</link><items><rdf:Seq><rdf:li resource="u"/></rdf:Seq></items></channel>
        <image><title>not the feed's</title><link>https://b.example/</link></image>
        <item rdf:about="u1"><title>One</title><link>https://a.example/1</link><dc:date>2024-05-01</dc:date><dc:creator>Ann</dc:creator><dc:subject>s</dc:subject></item>
        <item rdf:about="u2"><title>No link</title></item></rdf:RDF>"#,
    );
    assert_eq!(
        (rss_1_0.feed.title.as_deref(), rss_1_0.feed.site_url.as_deref()),
        (Some("Feed"), Some("https://a.example/"))
    );
    assert_eq!(titles(&rss_1_0), ["One", "No link"]);
    let article = &rss_1_0.articles[0];
    assert_eq!((article.key.as_str(), article.published_at), ("guid:u1", ms("2024-05-01T00:00:00Z")));
    assert_eq!((article.authors.join(""), article.categories.join("")), ("Ann".to_owned(), "s".to_owned()));
    assert_eq!(rss_1_0.repaired, [""; 0]);

    let rss_0_90 = read(
        r#"<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns="http://my.netscape.com/rdf/simple/0.9/">
        <channel><title>Feed</title></channel><item><title>One</title><link>https://a.example/1</link></item></rdf:RDF>"#,
    );
    assert_eq!(titles(&rss_0_90), ["One"]);

    for version in ["0.91", "0.92", "0.93", "0.94"] {
        let document = read(&format!(
            "<rss version='{version}'><channel><title>Feed</title><item><title>One</title></item></channel></rss>"
        ));
        assert_eq!((titles(&document), document.repaired.len()), (vec!["One"], 0), "{version}");
    }

    let atom_0_3 = read(
        r#"<feed version="0.3" xmlns="http://purl.org/atom/ns#" xml:lang="en" xml:base="https://a.example/b/"><title mode="escaped" type="text/html">&lt;b&gt;Feed&lt;/b&gt;</title>
        <tagline>Sub</tagline><link rel="alternate" type="text/html" href="."/><modified>2024-05-02T00:00:00Z</modified>
        <entry><title>1 &lt; 2</title><link rel="alternate" type="text/html" href="1"/><id>i1</id><issued>2024-05-01T00:00:00Z</issued><modified>2024-05-02T00:00:00Z</modified>
        <author><name>Ann</name><email>ann@a.example</email></author><content type="application/xhtml+xml" mode="xml"><div xmlns="http://www.w3.org/1999/xhtml"><p>A &amp; B</p></div></content></entry></feed>"#,
    );
    assert_eq!((atom_0_3.feed.title.as_deref(), atom_0_3.feed.description.as_deref()), (Some("Feed"), Some("Sub")));
    let article = &atom_0_3.articles[0];
    assert_eq!(
        (article.key.as_str(), article.title.as_deref(), article.url.as_deref()),
        ("guid:i1", Some("1 < 2"), Some("https://a.example/b/1"))
    );
    assert_eq!((article.published_at, article.updated_at), (ms("2024-05-01T00:00:00Z"), ms("2024-05-02T00:00:00Z")));
    assert_eq!((article.authors.join(""), article.content.as_deref()), ("Ann".to_owned(), Some("<p>A &amp; B</p>")));
}

#[test]
fn damage_is_repaired_and_named() {
    let item = "<item><title>One</title><link>https://a.example/?a=1&amp;b=2</link></item>";
    for (text, repaired) in [
        (format!("<rss version='2.0'><channel>{}</channel></rss>", item.replace("&amp;", "&")), "bare ampersand"),
        (rss(&format!("<item><title>Fish & chips & &eacute;</title></item>{item}")), "bare ampersand x2"),
        (format!("<br /><b>Warning</b>: x{}", rss(item)), "junk before the feed x2"),
        (format!("<rss><channel>{item}</channel></rss>"), "odd version"),
        (format!("<rss version='abc'><channel>{item}</channel></rss>"), "odd version"),
        (rss(&format!("<item><title>Zero<link>https://a.example/0</link></item>{item}")), "unclosed tag"),
        (rss(&format!("<item><title>Zero</title>{item}")), "unclosed tag"),
        (rss(item).replace("</channel></rss>", ""), "unclosed tag"),
        (rss(&format!("{item}<item><title>Cut")).replace("</channel></rss>", ""), "unclosed tag"),
        (rss(&item.replace("One", "One & \u{1}")), "control character"),
        (
            format!("<!DOCTYPE rss [<!ENTITY x \"&#233;\">]>{}", rss(&item.replace("One", "One &x; &"))),
            "bare ampersand",
        ),
    ] {
        let document = read(&text);
        let one = document.articles.iter().find(|a| a.url.as_deref() == Some("https://a.example/?a=1&b=2"));
        assert!(one.is_some_and(|a| a.title.as_deref().is_some_and(|t| t.starts_with("One"))), "{text}\n{document:?}");
        assert!(document.repaired.iter().any(|r| r == repaired), "{text}\n{:?}", document.repaired);
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

#[test]
fn no_bytes_make_the_parser_panic() {
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
    for seed in 0..2_000u64 {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) + 1;
        let mut text = String::from(starts[seed as usize % starts.len()]);
        for _ in 0..40 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push_str(pieces[(state % pieces.len() as u64) as usize]);
        }
        if let Err(failure) = parse_with(text.as_bytes(), 10) {
            assert_ne!(failure.class, Class::Panic, "seed {seed}: {failure}\n{text}");
        }
    }
}

// ---- the killers ----------------------------------------------------------------------------------------------------

#[test]
fn nested_groups_and_categories_are_too_deep() {
    for (open, close) in [
        ("<media:group>", "</media:group>"),
        ("<group xmlns=\"http://search.yahoo.com/mrss/\">", "</group>"),
        ("<media:content url=\"http://a/\"><media:group>", "</media:group></media:content>"),
    ] {
        let nested = rss(&format!("<item>{}{}</item>", open.repeat(5_000), close.repeat(5_000)));
        assert_eq!(refused(&nested).class, Class::TooDeep, "{open}");
    }
    let categories = format!("{}{}", "<itunes:category text='a'>".repeat(5_000), "</itunes:category>".repeat(5_000));
    assert_eq!(refused(&rss(&categories)).class, Class::TooDeep);
    assert_eq!(refused(&"<rss>".repeat(100_000)).class, Class::TooDeep);
    assert_eq!(refused(&rss(&format!("<item>{}", "<a>".repeat(100_000)))).class, Class::TooDeep);
}

#[test]
fn the_nesting_that_is_allowed_fits_a_small_stack() {
    let depth = crate::limits::RECURSION_MAX;
    let groups =
        format!("<item><title>x</title>{}{}</item>", "<media:group>".repeat(depth), "</media:group>".repeat(depth));
    let categories = format!("{}{}", "<itunes:category text='a'>".repeat(depth), "</itunes:category>".repeat(depth));
    let document = rss(&format!("{categories}{groups}"));
    let thread = std::thread::Builder::new().stack_size(512 << 10);
    let parsed = thread.spawn(move || parse_with(document.as_bytes(), 10).map(|d| d.articles.len())).unwrap();
    assert_eq!(parsed.join().unwrap(), Ok(1));
}

#[test]
fn bases_inside_each_other_are_refused() {
    let nested = format!("<feed xmlns='http://www.w3.org/2005/Atom'>{}", "<a xml:base='b/'>".repeat(20_000));
    assert_eq!(refused(&nested).class, Class::TooDeep);
    let long = format!(
        "<feed xmlns='http://www.w3.org/2005/Atom' xml:base='http://a/{}'>{}</feed>",
        "x".repeat(1 << 20),
        "<link href='a'/>".repeat(1_000)
    );
    assert_eq!(refused(&long).class, Class::TooComplex);
}

#[test]
fn attributes_and_namespaces_are_bounded() {
    let mut attributes = String::new();
    let mut namespaces = String::new();
    for i in 0..80_000 {
        write!(attributes, " a{i}='v'").unwrap();
        write!(namespaces, " xmlns:n{i}='v'").unwrap();
    }
    assert_eq!(refused(&rss(&format!("<item{attributes}/>"))).class, Class::TooComplex);
    assert_eq!(refused(&format!("<rss version='2.0'{namespaces}/>")).class, Class::TooComplex);
}

#[test]
fn the_media_product_is_bounded() {
    let item = format!(
        "<item>{}{}</item>",
        "<media:thumbnail url='http://a/'/>".repeat(1_000),
        "<media:group><media:content url='http://a/'/></media:group>".repeat(1_000)
    );
    assert_eq!(refused(&rss(&item)).class, Class::TooComplex);
}

#[test]
fn entities_of_entities_are_never_expanded() {
    let mut laughs = String::from("<!DOCTYPE rss [<!ENTITY lol0 \"lol\">");
    for i in 1..10 {
        write!(laughs, "<!ENTITY lol{i} \"{}\">", format!("&lol{};", i - 1).repeat(10)).unwrap();
    }
    let document =
        format!("<?xml version='1.0'?>{laughs}]><rss version='2.0'><channel><title>&lol9;</title></channel></rss>");
    let failure = refused(&document);
    assert_eq!(failure.class, Class::TooComplex);
    assert!(failure.message.contains("entities"), "{failure}");
}

#[test]
fn too_many_entries_are_capped_and_counted() {
    let document = parse_with(rss(&"<item><title>same</title></item>".repeat(200_000)).as_bytes(), 2000).unwrap();
    assert_eq!((document.articles.len(), document.articles_dropped), (1, 198_000));
    let mut items = String::new();
    for i in 0..150 {
        write!(items, "<item><title>t{i}</title></item>").unwrap();
    }
    let document = read(&rss(&items));
    assert_eq!((document.articles.len(), document.articles_dropped), (100, 50));
    let atom = format!("<feed xmlns='http://www.w3.org/2005/Atom'>{}</feed>", items.replace("item>", "entry>"));
    let document = read(&atom);
    assert_eq!((document.articles.len(), document.articles_dropped), (100, 50));
}

#[test]
fn long_values_are_cut() {
    let document =
        read(&rss(&format!("<item><title>{}</title><guid>{}</guid></item>", "é".repeat(4 << 20), "g".repeat(1 << 20))));
    let article = &document.articles[0];
    assert_eq!(article.title.as_ref().map(String::len), Some(crate::limits::TITLE_BYTES_MAX));
    assert_eq!(article.guid.as_ref().map(String::len), Some(crate::limits::GUID_BYTES_MAX));
    assert!(article.key.starts_with("guid-sha256:"));
}

#[test]
fn dates_out_of_reason_are_left_out() {
    for date in ["Thu, 01 Jan 1970 00:00:00 GMT", "0000-00-00", "9999-12-31", "Mon, 01 Jan 2035 00:00:00 GMT"] {
        let document = read(&rss(&format!("<item><title>x</title><pubDate>{date}</pubDate></item>")));
        assert_eq!(document.articles[0].published_at, None, "{date}");
    }
}

#[test]
fn a_panic_is_a_failure_with_the_hash_of_the_body() {
    let source_bytes = rss("<item><itunes:duration>999999999999999999999999999999</itunes:duration></item>");
    let base_url = Url::parse("https://example.org/").unwrap();
    let source = Source {
        bytes: source_bytes.as_bytes(),
        content_type: None,
        base_url: &base_url,
        articles_max: 10,
        now_ms: NOW_MS,
    };
    let failure = document::read([&source_bytes, ""], &source).unwrap_err();
    assert_eq!(failure.class, Class::Panic);
    assert!(failure.message.contains("SHA-256"), "{failure}");
}

#[test]
fn what_is_no_feed_fails_at_once() {
    let zip = [b"PK\x03\x04".as_slice(), &vec![0xa5; 50 << 20]].concat();
    assert_eq!(parse_with(&zip, 10).unwrap_err().class, Class::NotFeed);
    assert_eq!(parse_with(b"", 10).unwrap_err().class, Class::Empty);
    let page = "<!DOCTYPE html><html><head><link rel='alternate' type='application/rss+xml' href='/rss'></head>";
    assert!(refused(page).message.ends_with("it links to: https://example.org/rss"));
}
