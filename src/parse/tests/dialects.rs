//! Each format, read whole.

use super::*;
use crate::article::Article;

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
    assert_eq!(document.feed.language.as_deref(), Some("en-GB"));
    assert_eq!(document.feed.ttl_minutes, Some(30));
    assert_eq!(document.feed.hub.as_deref(), Some("https://hub.example/"));
    assert_eq!(document.feed.updated_at, ms("2024-05-04T10:00:00Z"));
    assert_eq!(document.repaired, []);
    let [first, second] = document.articles.as_slice() else { panic!("{:?}", titles(&document)) };
    let want = Article {
        keys: first.keys.clone(),
        content_hash: first.content_hash,
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
            duration_s: None,
        }],
        categories: vec!["One".into(), "Two".into()],
        language: None,
        published_at: ms("2024-05-04T13:00:00Z"),
        updated_at: None,
        comments_url: None,
    };
    assert_eq!(*first, want);
    assert_eq!(key(first), "guid:id-1");
    assert_eq!(second.url, None);
    assert!(key(second).starts_with("hash:"));
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
    assert_eq!(key(article), "guid:e1");
    assert_eq!(article.url.as_deref(), Some("https://blog.example/x/one"));
    assert_eq!(article.enclosures[0].url, "https://blog.example/x/one.ogg");
    assert_eq!(article.content.as_deref(), Some("<p>Hi <img src=\"/i.png\"></img></p>"));
    assert_eq!(article.image_url.as_deref(), Some("https://blog.example/i.png"));
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
        assert_eq!(key(article), "guid:7");
        assert_eq!(article.title.as_deref(), Some("1 < 2"));
        assert_eq!(article.url.as_deref(), Some("https://example.org/feeds/a"));
        assert_eq!(article.image_url.as_deref(), Some("https://example.org/i.png"));
        assert_eq!(article.authors, ["Ann", "Bob"]);
        assert_eq!(article.categories, ["t"]);
        assert_eq!(article.enclosures[0].url, "https://j.example/a.mp3");
        assert_eq!(document.articles[1].content.as_deref(), Some("text"));
        assert!(document.repaired.iter().any(|r| r.kind == RepairKind::JsonType), "{:?}", document.repaired);
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
    assert_eq!((key(article), article.published_at), ("guid:u1", ms("2024-05-01T00:00:00Z")));
    assert_eq!((article.authors.join(""), article.categories.join("")), ("Ann".to_owned(), "s".to_owned()));
    assert_eq!(rss_1_0.repaired, []);

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
        (key(article), article.title.as_deref(), article.url.as_deref()),
        ("guid:i1", Some("1 < 2"), Some("https://a.example/b/1"))
    );
    assert_eq!((article.published_at, article.updated_at), (ms("2024-05-01T00:00:00Z"), ms("2024-05-02T00:00:00Z")));
    assert_eq!((article.authors.join(""), article.content.as_deref()), ("Ann".to_owned(), Some("<p>A &amp; B</p>")));
}

#[test]
fn a_file_says_how_long_it_plays() {
    let enclosures = |fields: &str| {
        let document = read(&rss(&format!("<item><title>t</title>{fields}</item>")));
        let files = document.articles[0].enclosures.iter();
        files.map(|e| format!("{} {}", &e.url[19..], e.duration_s.unwrap_or(0))).collect::<Vec<_>>()
    };
    for (fields, want) in [
        ("<enclosure url='/a.mp3' type='audio/mpeg'/><itunes:duration>1:02:03</itunes:duration>", vec!["/a.mp3 3723"]),
        ("<itunes:duration>62</itunes:duration><enclosure url='/a.mp3'/>", vec!["/a.mp3 62"]),
        ("<itunes:duration>an hour</itunes:duration><enclosure url='/a.mp3'/>", vec!["/a.mp3 0"]),
        (
            "<enclosure url='/a.png' type='image/png'/><enclosure url='/a.mp3' type='audio/mpeg'/>\
             <enclosure url='/a.ogg' type='audio/ogg'/><itunes:duration>62</itunes:duration>",
            vec!["/a.png 0", "/a.mp3 62", "/a.ogg 0"],
        ),
        (
            "<enclosure url='/a.mp4' type='video/mp4'/><itunes:duration>62</itunes:duration>\
             <media:content url='/a.mp4' fileSize='9' duration='61'/><media:content url='/b.mp4' duration='0'/>",
            vec!["/a.mp4 61", "/b.mp4 0"],
        ),
    ] {
        assert_eq!(enclosures(fields), want, "{fields}");
    }
    let json = |duration: &str| {
        let document = read(&format!(
            "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"t\",\"items\":[{{\"id\":\"1\",\"attachments\":\
             [{{\"url\":\"https://j.example/a.mp3\",\"mime_type\":\"audio/mpeg\",\"duration_in_seconds\":{duration}}}]}}]}}"
        ));
        document.articles[0].enclosures[0].duration_s
    };
    for (duration, want) in [("62", Some(62)), ("62.5", Some(62)), ("\"62\"", Some(62)), ("-1", None), ("[]", None)] {
        assert_eq!(json(duration), want, "{duration}");
    }
}

#[test]
fn a_file_that_is_named_twice_is_one_with_all_that_is_said_of_it() {
    let document = read(&rss("<item><title>t</title><enclosure url='https://a.example/1.mp3'/>\
         <media:content url='https://a.example/1.mp3' type='audio/mpeg' fileSize='9' duration='62'/></item>"));
    let want = crate::article::Enclosure {
        url: "https://a.example/1.mp3".into(),
        media_type: Some("audio/mpeg".into()),
        length_bytes: Some(9),
        duration_s: Some(62),
    };
    assert_eq!(document.articles[0].enclosures, [want]);
}

#[test]
fn where_it_is_discussed() {
    let in_rss = |fields: &str| rss(&format!("<item><title>t</title>{fields}</item>"));
    let in_atom = |fields: &str| {
        format!("<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>1</id><title>t</title>{fields}</entry></feed>")
    };
    let talk = Some("https://example.org/talk");
    for (document, want) in [
        (in_rss("<comments> /talk </comments>"), talk),
        (in_rss("<comments>javascript:alert(1)</comments>"), None),
        (in_rss("<comments>3</comments>"), Some("https://example.org/feeds/3")),
        (in_rss("<atom:link rel='replies' type='text/html' href='/talk'/>"), talk),
        (in_atom("<link rel='replies' href='/talk.xml' type='application/atom+xml'/>"), None),
        (
            in_atom(
                "<link rel='replies' href='/x.xml' type='application/atom+xml'/><link rel='replies' href='/talk'/>",
            ),
            talk,
        ),
        (in_atom(""), None),
    ] {
        let article = &read(&document).articles[0];
        assert_eq!((article.comments_url.as_deref(), article.url.as_deref()), (want, None), "{document}");
    }
}

#[test]
fn categories_of_every_vocabulary() {
    for (field, want) in [
        ("<category>A</category><category domain='x'>B</category>", vec!["A", "B"]),
        ("<dc:subject>A</dc:subject><category>B</category>", vec!["A", "B"]),
        ("<itunes:category text='A'><itunes:category text='B'/></itunes:category>", vec!["A", "B"]),
        ("<itunes:keywords>a, b c,, a</itunes:keywords>", vec!["a", "b c"]),
        ("<media:category scheme='x'>A/B</media:category>", vec!["A/B"]),
    ] {
        let document = read(&rss(&format!("<item><title>t</title>{field}</item>")));
        assert_eq!(document.articles[0].categories, want, "{field}");
    }
}

#[test]
fn shapes_that_feed_rs_passes_over() {
    let channel = |fields: &str| read(&rss(fields));
    assert_eq!(channel("<dc:title>x</dc:title>").feed.title.as_deref(), Some("t"));
    let untitled = rss("<dc:title>x</dc:title>").replace("<title>t</title>", "");
    assert_eq!(read(&untitled).feed.title.as_deref(), Some("x"));

    let article = |document: &str| read(document).articles.swap_remove(0);
    let atom = |fields: &str| {
        article(&format!("<feed xmlns='http://www.w3.org/2005/Atom'><entry><id>1</id>{fields}</entry></feed>"))
    };
    let linked =
        atom("<link rel='enclosure'>https://a.example/f</link><link rel='alternate'>https://a.example/p</link>");
    assert_eq!(linked.url.as_deref(), Some("https://a.example/p"));
    let encoded = atom("<title type='application/octet-stream'>\nQSAmYW1wOyBC\n</title>");
    assert_eq!(encoded.title.as_deref(), Some("A & B"));

    let item = |fields: &str| article(&rss(&format!("<item><title>t</title>{fields}</item>")));
    let twice = item("<description>short</description><summary>the whole of it</summary>");
    assert_eq!((twice.summary.as_deref(), twice.content.as_deref()), (Some("short"), Some("the whole of it")));
    let thrice = item("<description>a</description><description>b</description><content:encoded>c</content:encoded>");
    assert_eq!((thrice.summary.as_deref(), thrice.content.as_deref()), (Some("a"), Some("c")));

    let prefixed = article(
        "<rss version='2.0' xmlns:i='http://www.itunes.com/dtds/podcast-1.0.dtd' xmlns:itunes='https://other.example/'>\
         <channel><item><title>t</title><itunes:author>Bob</itunes:author><i:author>Ann</i:author></item></channel></rss>",
    );
    assert_eq!(prefixed.authors, ["Ann"]);
    let cdf = article("<CHANNEL><ITEM HREF='https://a.example/p'><TITLE>t</TITLE></ITEM></CHANNEL>");
    assert_eq!(cdf.url.as_deref(), Some("https://a.example/p"));
}

#[test]
fn plain_text_of_json_becomes_html() {
    let document = read(
        r#"{"version":"https://jsonfeed.org/version/1.1","title":"t","items":[{"id":"1","content_text":"a <b> & c"}]}"#,
    );
    assert_eq!(document.articles[0].content.as_deref(), Some("a &lt;b&gt; &amp; c"));
}

#[test]
fn a_guid_is_as_published() {
    let document = read(&rss("<item><title>t</title><guid>\n a  b/\u{7}c </guid></item>"));
    assert_eq!(document.articles[0].guid.as_deref(), Some("a  b/c"));
    assert_eq!(key(&document.articles[0]), "guid:a  b/c");
}
