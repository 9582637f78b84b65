//! What a publisher may write, in a browser: it is shown as it was written, and nothing of it happens.

use serde_json::json;

use super::devtools::Tab;
use super::newsroom::Newsroom;

/// As a person would read them, but for the characters that turn the text around them, which are left out.
const TITLES: [&str; 6] = [
    "1 <img src=x onerror=alert(1)>",
    "2 </script><script>alert(2)</script>",
    "3 \"><svg onload=alert(3)>",
    "4 {{alert(4)}} ${alert(4)} &lt;b&gt;",
    "5 javascript:alert(5)",
    "6 turned \u{202e}gnp.exe\u{2066} around",
];

fn document(titles: &[&str]) -> String {
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let items: String = titles
        .iter()
        .map(|title| {
            let html = escaped(&format!("<p onclick=\"alert(7)\">{title}</p><script>alert(8)</script><img src=\"http://192.0.2.1/spy.gif\" onerror=\"alert(9)\"><iframe srcdoc=\"<script>alert(10)</script>\"></iframe><style>body{{display:none}}</style>"));
            format!(
                "<item><title>{}</title><guid isPermaLink=\"false\">{}</guid><link>javascript:alert(6)</link>\
                 <description>{html}</description></item>",
                // A title of RSS is HTML to some: what is text has to be escaped twice.
                escaped(&escaped(title)),
                &title[..1]
            )
        })
        .collect();
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>{}</title>{items}</channel></rss>",
        escaped(&escaped(TITLES[1]))
    )
}

#[test]
fn a_hostile_article_does_nothing() {
    let newsroom = Newsroom::of(&[("plain", document(&TITLES[..3]))]);
    let Some(mut tab) = Tab::open(&newsroom.home) else { return };
    // Whatever runs of it leaves a trace, on this page and on each to come.
    let trap = "window.alert = (n) => { window.harm = [...(window.harm ?? []), n]; };";
    tab.call("Page.addScriptToEvaluateOnNewDocument", json!({ "source": trap }));
    let origin = newsroom.url("");
    let shown = |title: &str| {
        let title = title.replace(['\u{202e}', '\u{2066}'], "");
        format!("[...document.querySelectorAll('a.title, h1')].some((node) => node.textContent === {})", json!(title))
    };
    let check = |tab: &mut Tab, path: &str| {
        assert_eq!(tab.eval("window.harm ?? []"), json!([]), "{path}");
        let live = "[...document.querySelectorAll('main script, main img, main iframe, main style, main svg[onload], main [onclick]')].length";
        assert_eq!(tab.eval(live), 0, "{path}");
        let away = "[...document.links].filter((a) => !/^https?:$/.test(a.protocol)).length";
        assert_eq!(tab.eval(away), 0, "{path}");
    };
    // Those that were there, and those that a script has to put there.
    tab.load(&newsroom.url("/"));
    newsroom.wait_for_streams(1);
    newsroom.publish("plain", &document(&TITLES));
    for title in TITLES {
        tab.until(title, &shown(title));
    }
    check(&mut tab, "/");
    let titles = newsroom.home.db().list("SELECT id, title FROM article", |row| Ok((row.get(0)?, row.get(1)?)));
    assert_eq!(titles.len(), TITLES.len());
    for (id, title) in titles {
        let (id, title): (i64, String) = (id, title);
        let path = format!("/articles/{id}");
        tab.load(&newsroom.url(&path));
        assert_eq!(tab.eval(&shown(&title)), true, "{path}: {title}");
        check(&mut tab, &path);
    }
    for path in [
        "/articles",
        "/articles?q=%3Cimg%20src%3Dx%20onerror%3Dalert(1)%3E",
        "/feeds",
        "/feeds/plain",
        "/feeds/%3Cimg%20src%3Dx%3E",
    ] {
        if !path.contains("%3Cimg%20src%3Dx%3E") {
            tab.load(&newsroom.url(path));
            check(&mut tab, path);
        }
    }
    assert_eq!(tab.complaints(&origin), [""; 0]);
}
