//! `/openapi.json`: what users see over HTTP, written by hand and held against the daemon by its tests.

/// OpenAPI 3.1.
pub(crate) const OPENAPI: &str = include_str!("openapi.json");

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use serde_json::Value;

    use super::*;
    use crate::limits::{FEEDS_LISTED_MAX, FETCH_LOG_POLLS, FILTER_VALUES_MAX, SEARCH_BYTES_MAX, STREAMS_MAX};

    /// The contract's routes.
    const ROUTES: [&str; 20] = [
        "/",
        "/health",
        "/health/live",
        "/health/ready",
        "/news/stream",
        "/articles",
        "/articles/{id}",
        "/feeds",
        "/feeds/{name}",
        "/feed.atom",
        "/feed.json",
        "/feeds.opml",
        "/metrics",
        "/debug/fetches",
        "/debug/cores",
        "/debug/stacks",
        "/openapi.json",
        "/assets/style.css",
        "/assets/live.js",
        "/assets/icon.svg",
    ];

    fn document() -> Value {
        serde_json::from_str(OPENAPI).unwrap()
    }

    fn follow<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(to) => document.pointer(to.strip_prefix('#').unwrap()).unwrap_or_else(|| panic!("{to} leads nowhere")),
            None => value,
        }
    }

    #[test]
    fn every_route_is_described_for_get_and_head_alone() {
        let document = document();
        assert_eq!(document["openapi"], "3.1.0");
        let described: HashSet<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(described, ROUTES.into());
        for (route, item) in document["paths"].as_object().unwrap() {
            assert!(item.as_object().unwrap().keys().all(|key| matches!(&**key, "get" | "head")), "{route}");
            let answers = item["get"]["responses"].as_object().unwrap();
            assert!(answers.contains_key("200"), "{route}");
            for answer in answers.values() {
                assert!(follow(&document, answer)["description"].is_string(), "{route}");
            }
        }
    }

    #[test]
    fn nothing_refers_to_nothing() {
        fn walk(document: &Value, value: &Value) {
            follow(document, value);
            match value {
                Value::Object(fields) => fields.values().for_each(|value| walk(document, value)),
                Value::Array(values) => values.iter().for_each(|value| walk(document, value)),
                _ => {}
            }
        }
        let document = document();
        walk(&document, &document);
    }

    /// A fuzzer finds what is described and not so; what is read and not described only this finds.
    #[test]
    fn every_parameter_that_is_read_is_described() {
        let document = document();
        let parameters = document["components"]["parameters"].as_object().unwrap();
        let described: HashSet<&str> = parameters.values().filter_map(|value| value["name"].as_str()).collect();
        let mut read = HashSet::new();
        for source in
            [include_str!("../http/query.rs"), include_str!("../http/routes.rs"), include_str!("../http/stream.rs")]
        {
            let source = source.split("#[cfg(test)]").next().unwrap();
            for call in [".one(\"", ".flag(\"", ".text(\"", ".all(\"", " given(\""] {
                read.extend(source.split(call).skip(1).filter_map(|rest| rest.split('"').next()));
            }
        }
        assert!(read.len() >= 9, "{read:?}");
        assert!(read.is_subset(&described), "{:?}", read.difference(&described));
    }

    #[test]
    fn bounds_are_those_that_hold() {
        let document = document();
        for (place, bound) in [
            ("/components/parameters/feed/schema/maxItems", FILTER_VALUES_MAX),
            ("/components/parameters/label/schema/maxItems", FILTER_VALUES_MAX),
            ("/components/parameters/offset/schema/maximum", FEEDS_LISTED_MAX),
            ("/components/parameters/q/schema/maxLength", SEARCH_BYTES_MAX),
            ("/components/schemas/FeedList/properties/feeds/maxItems", FEEDS_LISTED_MAX),
            ("/components/schemas/FeedDetail/properties/polls/maxItems", FETCH_LOG_POLLS as usize),
        ] {
            assert_eq!(document.pointer(place), Some(&bound.into()), "{place}");
        }
    }

    #[test]
    fn the_stream_tells_its_bounds_and_errors() {
        let document = document();
        let stream = &document["paths"]["/news/stream"]["get"];
        let parameter = |name: &str| {
            let parameters = stream["parameters"].as_array().unwrap();
            let found = parameters.iter().map(|value| follow(&document, value)).find(|value| value["name"] == name);
            found.unwrap_or_else(|| panic!("parameter {name}"))["schema"].clone()
        };
        for name in ["after", "feed", "label", "raw", "feeds", "Last-Event-ID"] {
            parameter(name);
        }
        assert_eq!((&parameter("limit")["minimum"], &parameter("limit")["maximum"]), (&1.into(), &500.into()));
        assert_eq!((&parameter("wait")["maximum"], &parameter("wait")["default"]), (&120.into(), &30.into()));
        for status in ["200", "400", "401", "409", "410", "421", "503"] {
            assert!(stream["responses"][status].is_object(), "{status}");
        }
        let unavailable = follow(&document, &stream["responses"]["503"]);
        assert!(unavailable["headers"]["Retry-After"].is_object());
        assert!(unavailable["description"].as_str().unwrap().contains(&STREAMS_MAX.to_string()));
    }

    #[test]
    fn the_article_is_the_one_that_is_served() {
        use crate::wire::{Html, samples::Sample};
        let document = document();
        let served: Value = serde_json::from_slice(&Sample::full().view().to_json(Html::Sanitised)).unwrap();
        let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
        let described = &document["components"]["schemas"]["Article"];
        assert_eq!(keys(&described["properties"]), keys(&served));
        assert_eq!(described["required"].as_array().unwrap().len(), keys(&served).len());
    }
}
