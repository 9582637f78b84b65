//! `rssd parse`: bytes to articles, without a network.

use std::io::{Read, Write};
use std::path::PathBuf;

use serde_json::{Value, json};
use url::Url;

use super::argument::{self, Unshown};
use super::exit;
use crate::article::{Article, Document, Repair};
use crate::clock::Clock;
use crate::escape;
use crate::parse::{self, Source};
use crate::wire::rfc3339;

/// As `articles_max` of feeds.toml, where it says nothing.
const ARTICLES_MAX: usize = 2000;

/// A title is cut to this many characters for a person.
const TITLE_CHARS_MAX: usize = 100;

#[derive(clap::Args, Debug)]
pub(crate) struct ParseArgs {
    /// The document; `-` reads standard input
    file: PathBuf,
    /// Where the document came from: relative links are resolved against it
    #[arg(long, value_name = "BASE", default_value = "http://localhost/", value_parser = Unshown(argument::url))]
    url: Url,
    /// The Content-Type header that came with the document, for its charset
    #[arg(long, value_name = "TYPE")]
    content_type: Option<String>,
    /// Print one JSON object: feed, articles, repaired
    #[arg(long)]
    json: bool,
    /// Leave out articles beyond this number
    #[arg(long, value_name = "N", default_value_t = ARTICLES_MAX)]
    articles_max: usize,
}

pub(crate) fn run(args: &ParseArgs) -> u8 {
    let bytes = match read(&args.file) {
        Ok(bytes) => bytes,
        Err(error) => {
            complain!(
                "rssd: cannot read {}: {error}; give a readable file, or - for standard input",
                args.file.display()
            );
            return if error.kind() == std::io::ErrorKind::PermissionDenied { exit::PERMISSION } else { exit::USAGE };
        }
    };
    let source = Source {
        bytes: &bytes,
        content_type: args.content_type.as_deref(),
        base_url: &args.url,
        articles_max: args.articles_max,
        now_ms: Clock::system().now_ms(),
    };
    match parse::parse(&source) {
        Ok(document) => {
            let shown = match args.json {
                true => format!("{}\n", escape::json(&json_of(&document).to_string())),
                false => for_person(&document),
            };
            // A reader that left early, as `head` does, is no error.
            let _ = std::io::stdout().lock().write_all(shown.as_bytes());
            exit::FINE
        }
        Err(failure) => {
            complain!("rssd: {failure}");
            exit::DATA
        }
    }
}

fn read(file: &PathBuf) -> std::io::Result<Vec<u8>> {
    if file.as_os_str() == "-" {
        let mut bytes = Vec::new();
        std::io::stdin().lock().read_to_end(&mut bytes)?;
        Ok(bytes)
    } else {
        std::fs::read(file)
    }
}

/// `{"feed":{...},"articles":[...],"repaired":[...]}`, the shape of `rssd parse --json` and `rssd fetch --json`.
pub(crate) fn json_of(document: &Document) -> Value {
    let feed = &document.feed;
    json!({
        "feed": {
            "title": feed.title,
            "site_url": feed.site_url,
            "language": feed.language,
            "description": feed.description,
            "updated": feed.updated_at.and_then(rfc3339),
            "ttl_minutes": feed.ttl_minutes,
            "hub": feed.hub,
        },
        "articles": listed(document).into_iter().map(|(article, repeats)| article_json(article, repeats)).collect::<Vec<_>>(),
        "articles_dropped": document.articles_dropped,
        "repaired": document.repaired.iter().map(Repair::to_string).collect::<Vec<_>>(),
    })
}

/// All that the document lists, in its order: each article, and whether it stood there before.
fn listed(document: &Document) -> Vec<(&Article, bool)> {
    let mut all: Vec<(&Article, bool)> = document.articles.iter().map(|article| (article, false)).collect();
    for (place, article) in &document.articles_repeated {
        // Places ascend, so that what stands before this one is in its place already.
        all.insert((*place).min(all.len()), (article, true));
    }
    all
}

/// An article but for what only the store knows. `repeats` stands with one that the document lists a second time.
fn article_json(article: &Article, repeats: bool) -> Value {
    let mut json = json!({
        "guid": article.guid,
        "url": article.url,
        "title": article.title,
        "authors": article.authors,
        "summary": article.summary,
        "content": article.content,
        "image": article.image_url,
        "enclosures": article.enclosures,
        "categories": article.categories,
        "language": article.language,
        "published": article.published_at.and_then(rfc3339),
        "updated": article.updated_at.and_then(rfc3339),
        "comments": article.comments_url,
    });
    if repeats {
        json["repeats"] = true.into();
    }
    json
}

/// Title, counts, and a line an article, nothing of it unescaped.
pub(crate) fn for_person(document: &Document) -> String {
    let line = |text: &str| escape::line(text, TITLE_CHARS_MAX);
    let mut shown = format!("{}\n", line(document.feed.title.as_deref().unwrap_or("(no title)")));
    let repaired = document.repaired.iter().map(Repair::to_string).collect::<Vec<_>>().join(", ");
    shown += &match document.articles.len() {
        1 => "1 article".to_owned(),
        count => format!("{count} articles"),
    };
    if !document.articles_repeated.is_empty() {
        shown += &format!(", {} of them listed again", document.articles_repeated.len());
    }
    if document.articles_dropped > 0 {
        shown += &format!(", {} beyond the limit left out", document.articles_dropped);
    }
    if !repaired.is_empty() {
        shown += &format!("; repaired: {repaired}");
    }
    shown.push('\n');
    for article in &document.articles {
        let date = article.published_at.or(article.updated_at).and_then(rfc3339);
        let date = date.as_deref().and_then(|d| d.get(..10)).unwrap_or("          ");
        let title = article.title.as_deref().or(article.summary.as_deref()).unwrap_or("(no title)");
        shown += &format!("{date}  {}  {}\n", line(title), article.url.as_deref().map_or(String::new(), line));
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::article::RepairKind;

    #[test]
    fn what_is_listed_again_stands_where_the_document_has_it() {
        let article = |title: &str| Article { title: Some(title.into()), ..Article::default() };
        let document = Document {
            articles: ["a", "b", "c"].map(article).into(),
            articles_repeated: vec![(1, article("a")), (4, article("b"))],
            ..Document::default()
        };
        let listed: Vec<_> =
            listed(&document).into_iter().map(|(a, again)| (a.title.as_deref().unwrap(), again)).collect();
        assert_eq!(listed, [("a", false), ("a", true), ("b", false), ("c", false), ("b", true)]);
        let json = json_of(&document);
        assert_eq!((&json["articles"][1]["repeats"], &json["articles"][2]["repeats"]), (&true.into(), &Value::Null));
        assert!(for_person(&document).contains("3 articles, 2 of them listed again"));
    }

    #[test]
    fn a_person_sees_no_escape_of_a_feed() {
        let article = Article {
            title: Some("\u{1b}[2Jx\u{202e}".into()),
            url: Some("http://a/".into()),
            published_at: Some(0),
            ..Article::default()
        };
        let shown = for_person(&Document {
            articles: vec![article],
            articles_dropped: 2,
            repaired: vec![Repair { kind: RepairKind::BareAmpersand, count: 3 }],
            ..Document::default()
        });
        assert_eq!(
            shown,
            "(no title)\n1 article, 2 beyond the limit left out; repaired: bare ampersand x3\n1970-01-01  \\u{1b}[2Jx\\u{202e}  http://a/\n"
        );
    }
}
