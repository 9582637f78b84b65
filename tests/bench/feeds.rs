//! Healthy feeds of thirty articles and about 60 KB, one a format, the same in every run.

use std::fmt::Write as _;

/// Articles of a feed.
pub(crate) const ARTICLES: usize = 30;

pub(crate) fn all() -> [(&'static str, String); 4] {
    [("RSS", rss()), ("Atom", atom()), ("podcast", podcast()), ("JSON", json())]
}

/// A paragraph of HTML, another one for each number.
fn html(number: usize) -> String {
    let words = ["the", "council", "meets", "on", "market", "day", "and", "nobody", "knows", "why", "rivers", "rise"];
    let mut text = String::from("<p>");
    for word in 0..220 {
        let _ = write!(text, "{} ", words[(word * 7 + number * 3 + word / 5) % words.len()]);
        if word % 40 == 39 {
            let _ = write!(text, "<a href=\"https://example.org/{number}/{word}\">more</a></p>\n<p>");
        }
    }
    text + "</p>"
}

fn escaped(html: &str) -> String {
    html.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn rss() -> String {
    let mut text = String::from(concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:content="http://purl.org/rss/1.0/modules/content/" "#,
        r#"xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:atom="http://www.w3.org/2005/Atom"><channel><title>News</title>"#,
        r#"<link>https://example.org/</link><description>All of it</description><ttl>15</ttl>"#,
        "\n<atom:link href=\"https://example.org/feed\" rel=\"self\" type=\"application/rss+xml\"/>\n",
    ));
    for number in 0..ARTICLES {
        let _ = write!(
            text,
            "<item>\n<title>Number {number} &amp; more</title>\n<link>https://example.org/{number}</link>\n\
             <guid isPermaLink=\"false\">id-{number}</guid>\n<pubDate>Sat, 04 May 2024 08:{number:02}:00 GMT</pubDate>\n\
             <dc:creator><![CDATA[Ann Author]]></dc:creator>\n<category>News</category>\n\
             <description><![CDATA[A short one, number {number}.]]></description>\n\
             <content:encoded><![CDATA[{}]]></content:encoded>\n</item>\n",
            html(number)
        );
    }
    text + "</channel></rss>\n"
}

fn atom() -> String {
    let mut text = String::from(concat!(
        r#"<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom" xml:lang="en"><title>News</title>"#,
        r#"<link href="https://example.org/"/><link rel="self" href="https://example.org/feed"/><id>urn:feed</id>"#,
        "<updated>2024-05-04T08:00:00Z</updated>\n",
    ));
    for number in 0..ARTICLES {
        let _ = write!(
            text,
            "<entry>\n<title type=\"html\">Number {number}</title>\n<link rel=\"alternate\" type=\"text/html\" \
             href=\"https://example.org/{number}\"/>\n<id>urn:{number}</id>\n<published>2024-05-04T08:{number:02}:00Z</published>\n\
             <updated>2024-05-04T09:{number:02}:00Z</updated>\n<author><name>Ann Author</name></author>\n\
             <category term=\"news\"/>\n<content type=\"html\">{}</content>\n</entry>\n",
            escaped(&html(number))
        );
    }
    text + "</feed>\n"
}

fn podcast() -> String {
    let mut text = String::from(concat!(
        r#"<?xml version="1.0" encoding="UTF-8"?><rss version="2.0" xmlns:itunes="http://www.itunes.com/dtds/podcast-1.0.dtd" "#,
        r#"xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Talk</title><link>https://example.org/</link>"#,
        r#"<language>en</language><itunes:author>Ann</itunes:author><itunes:category text="News"/>"#,
        "\n<itunes:image href=\"https://example.org/cover.jpg\"/>\n",
    ));
    for number in 0..ARTICLES {
        let _ = write!(
            text,
            "<item>\n<title>Episode {number}</title>\n<itunes:title>Episode {number}</itunes:title>\n\
             <guid isPermaLink=\"false\">ep-{number}</guid>\n<pubDate>Sat, 04 May 2024 08:{number:02}:00 +0000</pubDate>\n\
             <link>https://example.org/{number}</link>\n<itunes:duration>01:02:{number:02}</itunes:duration>\n\
             <itunes:episodeType>full</itunes:episodeType>\n<itunes:explicit>false</itunes:explicit>\n\
             <itunes:image href=\"https://example.org/{number}.jpg\"/>\n<itunes:summary>What we talk about in {number}</itunes:summary>\n\
             <enclosure url=\"https://cdn.example.org/{number}.mp3\" length=\"{number}000\" type=\"audio/mpeg\"/>\n\
             <description><![CDATA[{}]]></description>\n</item>\n",
            html(number)
        );
    }
    text + "</channel></rss>\n"
}

fn json() -> String {
    let mut items = Vec::new();
    for number in 0..ARTICLES {
        let html = html(number).replace('"', "\\\"").replace('\n', "\\n");
        items.push(format!(
            "{{\"id\":\"{number}\",\"url\":\"https://example.org/{number}\",\"title\":\"Number {number}\",\"content_html\":\"{html}\",\
             \"date_published\":\"2024-05-04T08:{number:02}:00Z\",\"authors\":[{{\"name\":\"Ann\"}}],\"tags\":[\"news\"]}}"
        ));
    }
    format!(
        "{{\"version\":\"https://jsonfeed.org/version/1.1\",\"title\":\"News\",\"home_page_url\":\"https://example.org/\",\"items\":[{}]}}",
        items.join(",\n")
    )
}
