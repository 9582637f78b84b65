//! Articles as a list: the newest ones, those of a feed, what a search found.

use super::content;
use super::escape::{encoded, link, text};
use super::layout::{Layout, Section};
use super::safe::SafeHtml;
use super::words;
use crate::limits::PAGE_EXCERPT_CHARS_MAX;

/// One article in a list. Times are milliseconds since 1970, UTC.
#[derive(Clone, Debug)]
pub(crate) struct ArticleLine {
    pub(crate) id: i64,
    pub(crate) feed: String,
    pub(crate) title: Option<String>,
    pub(crate) url: Option<String>,
    /// Of which the first words are shown; `None` shows none.
    pub(crate) summary: Option<SafeHtml>,
    pub(crate) published_at: Option<i64>,
    pub(crate) fetched_at: i64,
    /// It was stored before and has changed.
    pub(crate) updated: bool,
}

impl ArticleLine {
    /// An item of a list; live.js builds the same one.
    pub(super) fn item(&self, now_ms: i64) -> String {
        let id = self.id;
        let title = text(self.title.as_deref().unwrap_or("untitled"));
        let excerpt = (self.summary.as_ref())
            .map(|summary| content::excerpt(summary, PAGE_EXCERPT_CHARS_MAX))
            .filter(|words| !words.is_empty())
            .map(|words| format!(r#"<p class="excerpt" dir="auto">{words}</p>"#))
            .unwrap_or_default();
        let source =
            (self.url.as_deref().and_then(link)).map(|link| link.around(text(link.host())) + " ").unwrap_or_default();
        let updated = if self.updated { r#"<span class="tag">updated</span> "# } else { "" };
        let feed = feed_link(&self.feed);
        let time = words::time(now_ms, self.published_at.unwrap_or(self.fetched_at));
        format!(
            r#"<li data-id="{id}"><a class="title" dir="auto" href="/articles/{id}">{title}</a>{excerpt}<p class="meta">{feed} {source}{updated}{time}</p></li>
"#
        )
    }
}

/// A link to a feed's page, under its name.
pub(super) fn feed_link(name: &str) -> String {
    format!(r#"<a class="feed" href="/feeds/{}"><bdi>{}</bdi></a>"#, encoded(name), text(name))
}

/// What is asked for: the parameters of `/articles` as they were understood.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Asked {
    pub(crate) q: Option<String>,
    pub(crate) feeds: Vec<String>,
    pub(crate) labels: Vec<(String, String)>,
    pub(crate) before: Option<i64>,
    /// Where it is not the default.
    pub(crate) limit: Option<usize>,
}

impl Asked {
    /// The address of the same question at `path`, from `before` on.
    fn href(&self, path: &str, before: Option<i64>) -> String {
        let mut parameters: Vec<String> = Vec::new();
        parameters.extend(self.q.iter().map(|q| format!("q={}", encoded(q))));
        parameters.extend(self.feeds.iter().map(|feed| format!("feed={}", encoded(feed))));
        parameters.extend(self.labels.iter().map(|(key, value)| format!("label={}:{}", encoded(key), encoded(value))));
        parameters.extend(self.limit.map(|limit| format!("limit={limit}")));
        parameters.extend(before.map(|before| format!("before={before}")));
        let mark = if parameters.is_empty() { "" } else { "?" };
        format!("{path}{mark}{}", parameters.join("&amp;"))
    }

    /// `Search: “tea”, of bbc-world, category science`; plain text.
    fn heading(&self) -> String {
        let mut heading = match &self.q {
            Some(q) => format!("Search: “{q}”"),
            None => "Articles".to_owned(),
        };
        if !self.feeds.is_empty() {
            heading.push_str(" of ");
            heading.push_str(&self.feeds.join(", "));
        }
        for (key, value) in &self.labels {
            heading.push_str(&format!(", {key} {value}"));
        }
        heading
    }
}

/// The page of `/articles`.
#[derive(Clone, Debug, Default)]
pub(crate) struct ArticlesPage {
    pub(crate) now_ms: i64,
    pub(crate) asked: Asked,
    /// Newest first.
    pub(crate) articles: Vec<ArticleLine>,
    /// What `before` has to be for the next older ones; `None` where there are none.
    pub(crate) older_before: Option<i64>,
    /// Articles that the search does not know yet.
    pub(crate) search_lag: u64,
    /// What is to be said in front of the list: a question that could not be understood, a query that took too long.
    pub(crate) notice: Option<String>,
}

impl ArticlesPage {
    pub(crate) fn to_html(&self) -> String {
        let asked = &self.asked;
        let heading = asked.heading();
        let main = format!(
            r#"<h1 dir="auto">{heading}</h1>
{form}{notice}{lag}{list}{pager}<p class="quiet">Follow this list in a feed reader: <a href="{atom}">Atom</a>, <a href="{json}">JSON Feed</a>.</p>"#,
            heading = text(&heading),
            form = self.form(),
            notice = self.notice.as_deref().map(notice).unwrap_or_default(),
            lag = self.lag(),
            list = self.list(),
            pager = self.pager(),
            atom = asked.href("/feed.atom", None),
            json = asked.href("/feed.json", None),
        );
        let search = asked.q.as_deref().unwrap_or_default();
        Layout { title: &heading, section: Section::Articles, search }.around(&main)
    }

    /// The filters. Fields left empty mean nothing, so each is a single one: the first of several feeds or labels is shown.
    fn form(&self) -> String {
        let q = text(self.asked.q.as_deref().unwrap_or_default());
        let feed = text(self.asked.feeds.first().map_or("", String::as_str));
        let label = self.asked.labels.first().map(|(key, value)| format!("{key}:{value}")).unwrap_or_default();
        let label = text(&label);
        format!(
            r#"<form class="filters" action="/articles" method="get" aria-label="Filter articles">
<label>Words <input type="search" name="q" value="{q}" maxlength="256" autocomplete="off" /></label>
<label>Feed <input type="text" name="feed" value="{feed}" maxlength="128" autocomplete="off" spellcheck="false" /></label>
<label>Label <input type="text" name="label" value="{label}" placeholder="category:world" maxlength="513" autocomplete="off" spellcheck="false" /></label>
<button type="submit">Show</button>
</form>
"#
        )
    }

    fn lag(&self) -> String {
        match (&self.asked.q, self.search_lag) {
            (None, _) | (_, 0) => String::new(),
            (_, lag) => notice(&format!("{} not searched yet: the newest ones are still being indexed", is(lag))),
        }
    }

    fn list(&self) -> String {
        if self.articles.is_empty() {
            let words = match (&self.asked.q, self.asked.before) {
                (_, Some(_)) => "Nothing older.",
                (Some(_), _) => "Nothing found. Every word has to occur; try fewer.",
                (None, None) => "No articles yet.",
            };
            return format!(r#"<p class="quiet">{words}</p>"#);
        }
        let items: String = self.articles.iter().map(|article| article.item(self.now_ms)).collect();
        format!(r#"<ol class="articles">{items}</ol>"#)
    }

    fn pager(&self) -> String {
        let newest = self.asked.before.map(|_| {
            let href = self.asked.href("/articles", None);
            format!(r#"<li><a href="{href}" rel="first">Newest</a></li>"#)
        });
        let older = self.older_before.map(|before| {
            let href = self.asked.href("/articles", Some(before));
            format!(r#"<li><a href="{href}" rel="next">Older</a></li>"#)
        });
        match (newest, older) {
            (None, None) => String::new(),
            (newest, older) => format!(
                r#"<nav class="pager" aria-label="Paging"><ul>{}{}</ul></nav>"#,
                newest.unwrap_or_default(),
                older.unwrap_or_default()
            ),
        }
    }
}

fn is(n: u64) -> String {
    format!("{} {}", words::counted(n, "article"), if n == 1 { "is" } else { "are" })
}

fn notice(words: &str) -> String {
    format!(r#"<p class="notice" role="note">{}</p>"#, text(words))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_pages_can_be_shared() {
        let asked = Asked {
            q: Some("tea & \"milk\"".into()),
            feeds: vec!["bbc world".into(), "b".into()],
            labels: vec![("category".into(), "a:b".into())],
            before: Some(900),
            limit: Some(20),
        };
        assert_eq!(
            asked.href("/articles", Some(800)),
            "/articles?q=tea%20%26%20%22milk%22&amp;feed=bbc%20world&amp;feed=b&amp;label=category:a%3Ab&amp;limit=20\
             &amp;before=800"
        );
        assert_eq!(Asked::default().href("/articles", None), "/articles");
    }

    #[test]
    fn a_page_leads_on_where_there_is_more() {
        for (before, older_before, links) in [
            (None, None, vec![]),
            (None, Some(7), vec!["/articles?before=7"]),
            (Some(9), Some(7), vec!["/articles", "/articles?before=7"]),
            (Some(9), None, vec!["/articles"]),
        ] {
            let page =
                ArticlesPage { asked: Asked { before, ..Asked::default() }, older_before, ..ArticlesPage::default() };
            let pager = page.pager();
            let found: Vec<&str> =
                pager.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect();
            assert_eq!(found, links, "{before:?} {older_before:?}");
        }
    }
}
