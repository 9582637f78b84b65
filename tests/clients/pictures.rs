//! The pages as a person sees them, in light, in dark and on a phone: pictures to look at in `target/screenshots/`, and what
//! can be told without looking.

use std::fs;
use std::path::Path;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use rssd::tarpit::Answer;
use serde_json::json;

use super::devtools::Tab;
use super::newsroom::Newsroom;

/// Name, width, height, scheme of colours.
const SCREENS: [(&str, u32, u32, &str); 3] =
    [("light", 1280, 900, "light"), ("dark", 1280, 900, "dark"), ("phone", 390, 844, "light")];

/// Something to look at: what real feeds hold.
fn document() -> String {
    let stories = [
        (
            "Harbour bridge reopens after nine months of repairs",
            "Ferries will run on for a week, the city says, until the last lorries have found the way back.",
        ),
        ("日本の新しい鉄道が開通", "始発列車には早朝から多くの人が並んだ。"),
        (
            "A title that goes on and on because its author could not decide which of the many things that happened on that day was the one to be told first",
            "",
        ),
        (
            "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft-Jubiläum",
            "Ein Wort, das umbrochen werden will.",
        ),
        ("أخبار اليوم من المدينة", "نص قصير يُقرأ من اليمين إلى اليسار."),
        (
            "Tea & biscuits: <b>what</b> they cost now",
            "<p>Prices rose by <b>4 %</b>.</p><ul><li>tea</li><li>biscuits</li></ul><pre>a long line of code that does not want to be broken anywhere at all, whatever the screen is like</pre>",
        ),
    ];
    let escaped = |text: &str| text.replace('&', "&amp;").replace('<', "&lt;");
    let item = |(number, (title, text)): (usize, &(&str, &str))| {
        format!(
            "<item><title>{}</title><guid isPermaLink=\"false\">s{number}</guid><link>https://news.example/{number}</link>\
             <pubDate>Mon, 0{} Jan 2024 08:00:00 GMT</pubDate><category>city</category><description>{}</description></item>",
            escaped(&escaped(title)),
            number + 1,
            escaped(text)
        )
    };
    let items: String = stories.iter().enumerate().map(item).collect();
    format!(
        "<?xml version=\"1.0\"?><rss version=\"2.0\"><channel><title>The Daily Example</title><link>https://news.example/</link>{items}</channel></rss>"
    )
}

#[test]
fn pages_in_light_in_dark_and_on_a_phone() {
    let newsroom = Newsroom::with(&[("daily-example", document())], 4, |tarpit, feeds| {
        tarpit.route("broken.localhost", "/feed", Answer::status(404));
        feeds.feed("broken-weekly", tarpit.url("broken.localhost", "/feed")).feed(
            "a-name-as-long-as-those-that-are-made-from-an-address.example-feeds-news-world-rss.xml",
            tarpit.url("nowhere.localhost", "/unread"),
        )
    });
    let Some(mut tab) = Tab::open(&newsroom.home) else { return };
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    fs::create_dir_all(&folder).expect("what cargo builds can be written");
    for (name, path) in [
        ("overview", "/"),
        ("feeds", "/feeds"),
        ("feed", "/feeds/daily-example"),
        ("feed-failing", "/feeds/broken-weekly"),
        ("articles", "/articles"),
        ("article", "/articles/1"),
    ] {
        for (screen, width, height, scheme) in SCREENS {
            let metrics =
                json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": screen == "phone" });
            tab.call("Emulation.setDeviceMetricsOverride", metrics);
            let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": scheme }] });
            tab.call("Emulation.setEmulatedMedia", features);
            tab.load(&newsroom.url(path));
            let shot = tab.call("Page.captureScreenshot", json!({ "format": "png", "captureBeyondViewport": true }));
            let png = BASE64_STANDARD.decode(shot["data"].as_str().expect("a picture")).expect("base64");
            fs::write(folder.join(format!("{name}-{screen}.png")), png).expect("the folder can be written");
            // Nothing stands beyond the edge. A phone would make its own window wider for it.
            let wide = tab.eval("document.documentElement.scrollWidth").as_u64().expect("a width");
            assert!(wide <= u64::from(width), "{path} is {wide} pixels wide, {screen}");
            // Text is told from what is behind it.
            let brightness = "((c) => c ? c.slice(0, 3).reduce((sum, part) => sum + Number(part), 0) / 3 : 255)(getComputedStyle(document.documentElement).backgroundColor.match(/[\\d.]+/g))";
            let background = tab.eval(brightness).as_f64().expect("a colour");
            assert_eq!(background < 128.0, scheme == "dark", "{path}: {background}, {screen}");
        }
    }
    assert_eq!(tab.complaints(&newsroom.url("")), [""; 0]);
}
