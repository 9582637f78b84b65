//! What a request asks for: its parameters, read and bounded. Pure.

use std::time::Duration;

use crate::limits::{
    ARTICLES_ASKED_DEFAULT, ARTICLES_ASKED_MAX, FEEDS_LISTED_MAX, FILTER_VALUES_MAX, PARAMETERS_MAX, SEARCH_BYTES_MAX,
    WAIT_DEFAULT, WAIT_MAX,
};
use crate::store;
use crate::stream::{After, Filter, FilterMistake};
use crate::wire::{Html, Problem};

/// The parameters of a request, decoded.
#[derive(Clone, Debug)]
pub(super) struct Query(Vec<(String, String)>);

impl Query {
    /// # Errors
    ///
    /// 400 for more parameters than anybody needs.
    pub(super) fn read(query: Option<&str>) -> Result<Query, Problem> {
        let pairs: Vec<_> = url::form_urlencoded::parse(query.unwrap_or_default().as_bytes())
            .into_owned()
            .take(PARAMETERS_MAX + 1)
            .collect();
        if pairs.len() > PARAMETERS_MAX {
            return Err(Problem::new(400, format!("more than {PARAMETERS_MAX} parameters")));
        }
        Ok(Query(pairs))
    }

    fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| &**value)
    }

    /// The value of a parameter that makes sense once.
    fn one(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        let mut values = self.all(name);
        let first = values.next();
        match values.next() {
            Some(_) => Err(Problem::bad_parameter(name, "give it once")),
            None => Ok(first),
        }
    }

    /// `limit=`: 1 to 500, 100 where it is not given.
    pub(super) fn limit(&self) -> Result<usize, Problem> {
        let wanted = format!("a number from 1 to {ARTICLES_ASKED_MAX}");
        match self.one("limit")? {
            None => Ok(ARTICLES_ASKED_DEFAULT),
            Some(text) => match text.parse() {
                Ok(limit) if (1..=ARTICLES_ASKED_MAX).contains(&limit) => Ok(limit),
                _ => Err(Problem::bad_parameter("limit", wanted)),
            },
        }
    }

    /// `wait=`: seconds, 0 to 120, 30 where it is not given.
    pub(super) fn wait(&self) -> Result<Duration, Problem> {
        let Some(text) = self.one("wait")? else { return Ok(WAIT_DEFAULT) };
        match text.parse::<u64>().map(Duration::from_secs) {
            Ok(wait) if wait <= WAIT_MAX => Ok(wait),
            _ => Err(Problem::bad_parameter("wait", format!("a number of seconds from 0 to {}", WAIT_MAX.as_secs()))),
        }
    }

    /// `before=`: a `seq`.
    pub(super) fn before(&self) -> Result<Option<i64>, Problem> {
        let read = |text: &str| text.parse().ok().filter(|&seq: &i64| seq > 0);
        match self.one("before")? {
            None => Ok(None),
            Some(text) => read(text).map(Some).ok_or_else(|| Problem::bad_parameter("before", "a seq, 1 or more")),
        }
    }

    /// `after=`: a `seq`, or a cursor.
    pub(super) fn after(&self) -> Result<Option<After>, Problem> {
        self.one("after")?.map(|text| cursor("after", text)).transpose()
    }

    /// `q=`: `None` where nothing is searched for.
    pub(super) fn search(&self) -> Result<Option<Search>, Problem> {
        let Some(text) = self.one("q")?.filter(|text| !text.trim().is_empty()) else { return Ok(None) };
        if text.len() > SEARCH_BYTES_MAX {
            return Err(Problem::bad_parameter("q", format!("at most {SEARCH_BYTES_MAX} bytes")));
        }
        Ok(Some(Search { asked: text.to_owned(), has_words: store::quote_search(text).is_some() }))
    }

    /// `feed=` and `label=K:V`, each as often as one likes. Fields of a form that are left empty ask for nothing.
    pub(super) fn filter(&self) -> Result<Filter, Problem> {
        let too_many = || Problem::new(400, format!("more than {FILTER_VALUES_MAX} values of `feed` or `label`"));
        if ["feed", "label"].iter().any(|name| self.all(name).count() > FILTER_VALUES_MAX) {
            return Err(too_many());
        }
        let given = |name| self.all(name).filter(|value| !value.is_empty());
        Filter::new(given("feed"), given("label")).map_err(|mistake| match mistake {
            FilterMistake::NoColon => Problem::bad_parameter("label", "KEY:VALUE"),
            FilterMistake::TooMany => too_many(),
        })
    }

    /// `raw=1`: summary and content as published.
    pub(super) fn html(&self) -> Result<Html, Problem> {
        match self.flag("raw")? {
            true => Ok(Html::AsPublished),
            false => Ok(Html::Sanitised),
        }
    }

    /// A parameter that is 1 or 0.
    pub(super) fn flag(&self, name: &'static str) -> Result<bool, Problem> {
        match self.one(name)? {
            None | Some("0") => Ok(false),
            Some("1") => Ok(true),
            Some(_) => Err(Problem::bad_parameter(name, "1 or 0")),
        }
    }

    /// `offset=`: how many to leave out, 0 to 100,000.
    pub(super) fn offset(&self) -> Result<usize, Problem> {
        let Some(text) = self.one("offset")? else { return Ok(0) };
        let wanted = || Problem::bad_parameter("offset", format!("a number from 0 to {FEEDS_LISTED_MAX}"));
        text.parse().ok().filter(|&offset| offset <= FEEDS_LISTED_MAX).ok_or_else(wanted)
    }

    /// A text that is taken as it is.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&str>, Problem> {
        self.one(name)
    }
}

/// What is searched for.
#[derive(Clone, Debug)]
pub(super) struct Search {
    pub(super) asked: String,
    /// Else nothing is found.
    pub(super) has_words: bool,
}

/// A `seq` or a cursor, from the parameter or header of this name.
pub(super) fn cursor(name: &'static str, text: &str) -> Result<After, Problem> {
    text.parse().map_err(|_| Problem::bad_parameter(name, "a seq, or the cursor of an earlier answer"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::read(Some(text)).unwrap()
    }

    #[test]
    fn numbers_have_bounds() {
        for (text, limit) in [
            ("", Ok(100)),
            ("limit=1", Ok(1)),
            ("limit=500", Ok(500)),
            ("limit=0", Err(400)),
            ("limit=-1", Err(400)),
            ("limit=1000000000", Err(400)),
            ("limit=", Err(400)),
            ("limit=1&limit=2", Err(400)),
            ("limit=NaN", Err(400)),
        ] {
            assert_eq!(query(text).limit().map_err(|problem| problem.status()), limit, "{text}");
        }
        for (text, wait) in [
            ("", Ok(30)),
            ("wait=0", Ok(0)),
            ("wait=120", Ok(120)),
            ("wait=121", Err(400)),
            ("wait=-1", Err(400)),
            ("wait=NaN", Err(400)),
            ("wait=1e1", Err(400)),
        ] {
            let read = query(text).wait().map(|wait| wait.as_secs()).map_err(|problem| problem.status());
            assert_eq!(read, wait, "{text}");
        }
        for (text, before) in [
            ("", Ok(None)),
            ("before=7", Ok(Some(7))),
            ("before=0", Err(400)),
            ("before=-7", Err(400)),
            ("before=99999999999999999999", Err(400)),
            ("before=1;drop", Err(400)),
        ] {
            assert_eq!(query(text).before().map_err(|problem| problem.status()), before, "{text}");
        }
        for (text, offset) in [
            ("", Ok(0)),
            ("offset=100000", Ok(100_000)),
            ("offset=100001", Err(400)),
            ("offset=-1", Err(400)),
            ("offset=", Err(400)),
        ] {
            assert_eq!(query(text).offset().map_err(|problem| problem.status()), offset, "{text}");
        }
    }

    #[test]
    fn what_is_searched_for_has_words_or_is_nothing() {
        assert!(query("q=+").search().unwrap().is_none());
        assert!(query("q=tea").search().unwrap().unwrap().has_words);
        assert!(!query("q=%22*").search().unwrap().unwrap().has_words);
        let long = format!("q={}", "a".repeat(SEARCH_BYTES_MAX + 1));
        assert_eq!(query(&long).search().unwrap_err().status(), 400);
    }

    #[test]
    fn fields_left_empty_ask_for_nothing() {
        let filter = |text: &str| query(text).filter().map_err(|problem| problem.status());
        assert_eq!(filter("q=&feed=&label="), Ok(Filter::default()));
        assert_eq!(filter("feed=&label=k%3Av"), filter("label=k:v"));
        assert_eq!(filter("label=k"), Err(400));
        assert_eq!(filter(&"label=&".repeat(FILTER_VALUES_MAX + 1)), Err(400));
    }

    #[test]
    fn too_many_parameters_are_refused() {
        let many = "feed=x&".repeat(PARAMETERS_MAX + 1);
        assert_eq!(Query::read(Some(&many)).unwrap_err().status(), 400);
    }
}
