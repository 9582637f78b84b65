//! The pages in Chromium: live, searched, without JavaScript. Nothing is complained about, and nobody else is asked.

use serde_json::json;

use super::devtools::Tab;
use super::newsroom::Newsroom;
use crate::support::{guids, rss};

/// Whether the list of newest articles shows this title.
fn shows(title: &str) -> String {
    format!("[...document.querySelectorAll('#articles a.title')].some((a) => a.textContent === {})", json!(title))
}

#[test]
fn articles_arrive_on_the_page() {
    let mut newsroom = Newsroom::with_hung(&[("plain", rss("Plain", guids("plain", 3)))], 3);
    let Some(mut tab) = Tab::open(&newsroom.home) else { return };
    tab.load(&newsroom.url("/"));
    tab.until("the page to be live", "document.getElementById('live').dataset.state === 'live'");
    assert_eq!(tab.eval("document.querySelectorAll('#articles > li').length"), 3);
    assert_eq!(tab.eval(&shows("About plain-3")), false);
    newsroom.publish("plain", &rss("Plain", guids("plain", 4)));
    tab.until("the new article", &shows("About plain-3"));
    assert_eq!(
        tab.eval("document.querySelector('#articles a.title').textContent"),
        "About plain-3",
        "it stands on top"
    );
    assert_eq!(tab.eval("document.querySelectorAll('#articles > li').length"), 4);
    assert_eq!(tab.complaints(&newsroom.url("")), [""; 0]);

    // It comes back by itself after a crash, from where it was.
    newsroom.crash_and_restart();
    newsroom.publish("plain", &rss("Plain", guids("plain", 5)));
    tab.until("what came after the crash", &shows("About plain-4"));
    assert_eq!(tab.eval("document.querySelectorAll('#articles > li').length"), 5);
}

#[test]
fn a_paused_page_stands_still_and_goes_on() {
    let newsroom = Newsroom::of(&[("plain", rss("Plain", guids("plain", 1)))]);
    let Some(mut tab) = Tab::open(&newsroom.home) else { return };
    tab.load(&newsroom.url("/"));
    newsroom.wait_for_streams(1);
    tab.eval("document.getElementById('pause').click()");
    newsroom.wait_for_streams(0);
    newsroom.publish("plain", &rss("Plain", guids("plain", 2)));
    newsroom.wait_for_articles(2);
    assert_eq!(tab.eval(&shows("About plain-1")), false);
    assert_eq!(tab.eval("document.getElementById('live').textContent"), "paused");
    tab.eval("document.getElementById('pause').click()");
    tab.until("what came meanwhile", &shows("About plain-1"));
    assert_eq!(tab.complaints(&newsroom.url("")), [""; 0]);
}

#[test]
fn a_search_typed_into_the_page_finds() {
    let newsroom = Newsroom::of(&[("plain", rss("Plain", ["tea", "coffee", "tea-and-biscuits"]))]);
    let Some(mut tab) = Tab::open(&newsroom.home) else { return };
    tab.load(&newsroom.url("/"));
    tab.eval("document.getElementById('search').focus()");
    tab.type_text("biscuits");
    tab.press("Enter", 13, "\r");
    let results = newsroom.url("/articles?q=biscuits");
    tab.until("the results", &format!("document.readyState === 'complete' && location.href === {}", json!(results)));
    // The index follows the commits.
    let titles = "[...document.querySelectorAll('ol.articles a.title')].map((a) => a.textContent).join('|')";
    while tab.eval(titles) != "About tea-and-biscuits" {
        assert!(tab.text().contains("not searched yet") || tab.text().contains("Nothing found"), "{}", tab.text());
        tab.load(&results);
    }
    assert_eq!(tab.eval("document.getElementById('search').value"), "biscuits", "it can be mended");
    assert_eq!(tab.eval("document.querySelector('h1').textContent"), "Search: “biscuits”");
    tab.eval("document.querySelector('ol.articles a.title').click()");
    tab.until("the article", "document.querySelector('h1')?.textContent === 'About tea-and-biscuits'");
    assert_eq!(tab.complaints(&newsroom.url("")), [""; 0]);
}

#[test]
fn a_form_with_one_field_filled_in_asks_for_that_alone() {
    let newsroom = Newsroom::of(&[("a", rss("A", guids("a", 2))), ("b", rss("B", guids("b", 3)))]);
    let Some(mut tab) = Tab::open(&newsroom.home) else { return };
    tab.load(&newsroom.url("/articles"));
    tab.eval("document.querySelector('form.filters input[name=feed]').focus()");
    tab.type_text("b");
    tab.press("Enter", 13, "\r");
    tab.until("the results", "document.readyState === 'complete' && location.search.includes('feed=b')");
    let feeds = "[...document.querySelectorAll('ol.articles a.feed')].map((a) => a.textContent).join()";
    assert_eq!(tab.eval(feeds), "b,b,b", "{}", tab.text());
    assert_eq!(tab.complaints(&newsroom.url("")), [""; 0]);
}

#[test]
fn the_pages_work_without_javascript() {
    let newsroom = Newsroom::with_hung(&[("plain", rss("Plain", guids("plain", 3)))], 1);
    let Some(mut tab) = Tab::open(&newsroom.home) else { return };
    tab.call("Emulation.setScriptExecutionDisabled", json!({ "value": true }));
    for (path, words) in [
        ("/", "About plain-2"),
        ("/feeds", "plain"),
        ("/feeds/plain", "About plain-2"),
        ("/articles?feed=plain", "About plain-2"),
        ("/articles/1", "About plain-"),
    ] {
        tab.load(&newsroom.url(path));
        assert!(tab.text().contains(words), "{path}: {}", tab.text());
        if path == "/" {
            assert!(tab.text().contains("All is well") && tab.text().contains("as of "), "{}", tab.text());
            assert_eq!(tab.eval("document.getElementById('pause').checkVisibility()"), false, "it could do nothing");
        }
    }
    let asked =
        |what: &str| tab.events("Network.requestWillBeSent").any(|event| event["request"]["url"] == newsroom.url(what));
    assert!(asked("/assets/style.css") && !asked("/assets/live.js"), "no script was loaded");
    assert_eq!(tab.complaints(&newsroom.url("")), [""; 0]);
}
