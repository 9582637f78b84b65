//! What every page has: head, header with navigation and search, one main part, footer.
//!
//! The markup is HTML that is well-formed XML too, so that a test can read it strictly.

use super::escape::text;

/// Where in the house a page stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Section {
    Overview,
    Feeds,
    Articles,
    /// A page that is in none: an error.
    Nowhere,
}

/// A page without its content.
pub(super) struct Layout<'a> {
    /// Plain text; the name of the program is added.
    pub(super) title: &'a str,
    pub(super) section: Section,
    /// What the search field holds, as it was asked.
    pub(super) search: &'a str,
}

impl Layout<'_> {
    /// The whole page around the markup of its main part.
    pub(super) fn around(&self, main: &str) -> String {
        let (title, search) = (text(self.title), text(self.search));
        let nav: String = [
            (Section::Overview, "/", "Overview"),
            (Section::Feeds, "/feeds", "Feeds"),
            (Section::Articles, "/articles", "Articles"),
        ]
        .iter()
        .map(|&(section, href, label)| {
            let current = if section == self.section { r#" aria-current="page""# } else { "" };
            format!(r#"<li><a href="{href}"{current}>{label}</a></li>"#)
        })
        .collect();
        let version = env!("CARGO_PKG_VERSION");
        format!(
            r##"<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8" />
<title>{title} · rssd</title>
<meta name="viewport" content="width=device-width, initial-scale=1" />
<meta name="color-scheme" content="light dark" />
<meta name="robots" content="noindex" />
<link rel="icon" href="/assets/icon.svg" type="image/svg+xml" />
<link rel="stylesheet" href="/assets/style.css" />
<link rel="alternate" type="application/atom+xml" href="/feed.atom" title="all articles" />
<script src="/assets/live.js" defer="defer"></script>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header class="top">
<a class="brand" href="/" aria-label="rssd, overview"><svg viewBox="0 0 16 16" aria-hidden="true"><circle cx="3" cy="13" r="2" /><path d="M1 7a8 8 0 0 1 8 8M1 2a13 13 0 0 1 13 13" /></svg>rssd</a>
<nav aria-label="Pages"><ul>{nav}</ul></nav>
<form class="search" role="search" action="/articles" method="get">
<label class="unseen" for="search">Search articles</label>
<input id="search" type="search" name="q" value="{search}" placeholder="Search articles" maxlength="256" autocomplete="off" />
<button type="submit">Search</button>
</form>
</header>
<main id="main" tabindex="-1">
{main}
</main>
<footer>
<ul>
<li>rssd {version}</li>
<li><a href="/health">health</a></li>
<li><a href="/metrics">metrics</a></li>
<li><a href="/feed.atom">Atom</a></li>
<li><a href="/feed.json">JSON Feed</a></li>
<li><a href="/feeds.opml">OPML</a></li>
<li><a href="/openapi.json">API</a></li>
</ul>
</footer>
</body>
</html>
"##
        )
    }
}

/// A table that scrolls inside its own frame where the screen is narrow; by keyboard too, so it can have the focus.
pub(super) fn scrolling(label: &str, table: &str) -> String {
    framed("scrolling", label, table)
}

/// The same for a table with many rows: it scrolls both ways, and its header stays.
pub(super) fn scrolling_tall(label: &str, table: &str) -> String {
    framed("scrolling tall", label, table)
}

fn framed(class: &str, label: &str, table: &str) -> String {
    let label = text(label);
    format!(r#"<div class="{class}" role="region" aria-label="{label}" tabindex="0">{table}</div>"#)
}

/// A header cell of a column; those of numbers stand at the right.
pub(super) fn column(label: &str, is_number: bool) -> String {
    let class = if is_number { r#" class="number""# } else { "" };
    format!(r#"<th scope="col"{class}>{label}</th>"#)
}
