//! `/openapi.json` held against the daemon by schemathesis, which makes requests out of the description, right and wrong
//! ones, and compares each answer with what is described.

use rssd::tarpit::{Answer, Step};

use super::newsroom::Newsroom;
use super::{python_program, run};

/// What a feed can hold, so that every field of every answer is there once.
const DOCUMENT: &str = r#"<?xml version="1.0"?><rss version="2.0" xmlns:dc="http://purl.org/dc/elements/1.1/"
    xmlns:content="http://purl.org/rss/1.0/modules/content/"><channel><title>Full</title><link>https://example.org/</link>
    <language>en-GB</language><ttl>1</ttl>
    <item><title>All of it</title><guid isPermaLink="false">g-1</guid><link>https://example.org/1</link>
    <description>&lt;p&gt;short&lt;/p&gt;</description><content:encoded>&lt;p&gt;long&lt;/p&gt;</content:encoded>
    <dc:creator>Ann</dc:creator><category>x</category><pubDate>Mon, 06 May 2024 07:08:09 GMT</pubDate>
    <enclosure url="https://example.org/e.mp3" type="audio/mpeg" length="1234"/></item>
    <item><title>Plain</title><guid isPermaLink="false">g-2</guid><description>a &amp; b</description></item>
    <item><description>neither title nor guid</description></item></channel></rss>"#;

/// One of each: fine, failing, hung, with labels, with validators.
fn newsroom() -> Newsroom {
    Newsroom::with(&[("full", DOCUMENT.to_owned())], 2, |tarpit, feeds| {
        let tagged =
            Answer::ok("application/rss+xml", DOCUMENT).etag("\"1\"").last_modified("Mon, 06 May 2024 07:08:09 GMT");
        tarpit.route("tagged.localhost", "/feed", tagged);
        tarpit.route("gone.localhost", "/feed", Answer::status(410));
        tarpit.route("reset.localhost", "/feed", Step::Reset);
        let url = |host: &str| tarpit.url(&format!("{host}.localhost"), "/feed");
        feeds
            .feed_with("tagged", url("tagged"), "labels = { category = \"world\", country = \"GB\" }")
            .feed("gone", url("gone"))
            .feed("reset", url("reset"))
    })
}

#[test]
fn the_daemon_does_what_its_description_says() {
    let Some(program) = python_program("schemathesis") else { return };
    let newsroom = newsroom();
    let mut command = newsroom.command(&program);
    command
        .env("PYTHONPATH", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "openapi_hooks");
    command.args(["--config-file", concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/openapi.toml")]);
    command.args(["run", "--checks", "all", "--phases", "examples,coverage,fuzzing", "--continue-on-failure"]);
    command.args(["--request-timeout", "20", "--warnings", "off", "--max-examples", "10", "--seed", "1"]);
    command.arg(newsroom.url("/openapi.json"));
    let finished = run(command);
    assert!(finished.stdout.contains("No issues found"), "{}", finished.stdout);
}
