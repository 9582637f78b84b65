//! The floor of accessibility, asked of the pages as a browser has built them.

use serde_json::json;

use super::devtools::Tab;
use super::newsroom::Newsroom;
use crate::support::{guids, rss};

/// What a page lacks, in words.
const LACKS: &str = r#"(() => {
    const lacks = [];
    const all = (selector) => [...document.querySelectorAll(selector)];
    const one = (selector) => all(selector).length === 1 || lacks.push(`${all(selector).length} of ${selector}`);
    one("html[lang]:not([lang=''])"); one("title"); one("h1"); one("main"); one("body > header"); one("body > footer");
    if (!all("nav[aria-label]").length) lacks.push("no navigation");
    const named = (node) => node.labels?.length || node.getAttribute("aria-label") || node.getAttribute("aria-labelledby");
    for (const node of all("input:not([type=hidden]), select, textarea")) named(node) || lacks.push(`no label: ${node.outerHTML}`);
    for (const node of all("a, button")) node.textContent.trim() || named(node) || lacks.push(`no name: ${node.outerHTML}`);
    for (const node of all("img")) node.hasAttribute("alt") || lacks.push(`no alt: ${node.outerHTML}`);
    for (const node of all("[aria-labelledby], label[for]"))
        for (const id of (node.getAttribute("aria-labelledby") ?? node.htmlFor).split(" "))
            document.getElementById(id) || lacks.push(`nothing is ${id}`);
    let level = 0;
    for (const node of all("h1, h2, h3, h4, h5, h6")) {
        const own = Number(node.tagName[1]);
        if (own > level + 1) lacks.push(`${node.tagName} after H${level}`);
        level = own;
    }
    return lacks;
})()"#;

/// Where the focus is, how it differs from where it is not, and whether it can be seen on the screen.
const FOCUS: &str = r#"(() => {
    const node = document.activeElement;
    if (!node || node === document.body) return null;
    const style = getComputedStyle(node), box = node.getBoundingClientRect();
    const outlined = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1 || style.boxShadow !== "none";
    const shown = box.width > 1 && box.height > 1 && box.bottom > 0 && box.right > 0 && box.top < innerHeight && box.left < innerWidth;
    return { what: node.outerHTML.slice(0, 120), outlined, shown };
})()"#;

#[test]
fn every_page_can_be_read_and_walked_by_keyboard() {
    let newsroom = Newsroom::with_hung(&[("plain", rss("Plain", guids("plain", 3)))], 2);
    let Some(mut tab) = Tab::open(&newsroom.home) else { return };
    for path in ["/", "/feeds", "/feeds/plain", "/articles", "/articles?q=plain", "/articles/1", "/nothing"] {
        tab.load(&newsroom.url(path));
        assert_eq!(tab.eval(LACKS), json!([]), "{path}");
        let mut stops = 0;
        for _ in 0..60 {
            tab.press("Tab", 9, "");
            let focus = tab.eval(FOCUS);
            if focus.is_null() {
                break;
            }
            assert_eq!((&focus["outlined"], &focus["shown"]), (&json!(true), &json!(true)), "{path}: {focus}");
            stops += 1;
        }
        assert!(stops >= 12, "{path}: only {stops} places to go");
        // The first of them leads past the navigation.
        tab.load(&newsroom.url(path));
        tab.press("Tab", 9, "");
        assert_eq!(tab.eval("document.activeElement.hash"), "#main", "{path}");
        tab.press("Enter", 13, "\r");
        tab.until("the focus in the main part", "document.activeElement.id === 'main'");
    }
}
