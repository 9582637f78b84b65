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
