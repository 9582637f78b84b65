//! Each document that would kill feed-rs, and each value without bound.

use std::fmt::Write;

use super::*;

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
fn references_in_a_row_are_gone_over_once_wherever_they_end() {
    for end in ["", " & ", "&amp", "</title></item></channel></rss>"] {
        let text = format!("<rss version='2.0'><channel><item><title>{}{end}", "&amp;".repeat(1 << 11));
        let (_, scanned) = effort::of(|| gate::xml(&text, 10));
        assert!(scanned <= 2 * text.len(), "{end:?}: {scanned} bytes scanned of {}", text.len());
    }
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
fn row_32_too_many_entries_are_capped_and_counted() {
    let document = parse_with(rss(&"<item><title>same</title></item>".repeat(200_000)).as_bytes(), 2000).unwrap();
    assert_eq!((document.articles.len(), document.articles_dropped), (1, 198_000));
    assert_eq!(told(&document), ["article beyond the limit of a document, which was left out x198000"]);
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
fn row_32_long_values_are_cut() {
    let document =
        read(&rss(&format!("<item><title>{}</title><guid>{}</guid></item>", "é".repeat(4 << 20), "g".repeat(1 << 20))));
    let article = &document.articles[0];
    assert_eq!(article.title.as_ref().map(String::len), Some(crate::limits::TITLE_BYTES_MAX));
    assert_eq!(article.guid.as_ref().map(String::len), Some(crate::limits::GUID_BYTES_MAX));
    assert!(key(article).starts_with("guid-sha256:"));
    assert_eq!(told(&document), ["text longer than its limit, which was cut x2"]);
    // Nothing is told of what fits, to the last byte but a character.
    let fits = crate::limits::TITLE_BYTES_MAX - 4;
    assert_eq!(told(&read(&rss(&format!("<item><title>{}</title></item>", "x".repeat(fits))))), [""; 0]);
}

fn told(document: &Document) -> Vec<String> {
    document.repaired.iter().map(ToString::to_string).collect()
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
