//! What an operator is given for Prometheus and Grafana: alerts and a dashboard, which ask for nothing that `/metrics` does not
//! have, and in words that Prometheus understands.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rssd::tarpit::Answer;
use serde_json::Value;

use super::newsroom::Newsroom;
use super::{command, program, run};
use crate::support::metrics::Metrics;
use crate::support::{Home, guids, rss};

const PACKAGING: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/packaging");

fn packaged(name: &str) -> String {
    let path = Path::new(PACKAGING).join(name);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every `rssd_...` in a text.
fn names(text: &str) -> BTreeSet<String> {
    let words = text.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| word.starts_with("rssd_")).map(str::to_owned).collect()
}

/// The queries of the dashboard's panels.
fn queries(dashboard: &Value) -> Vec<String> {
    let panels = dashboard["panels"].as_array().expect("a dashboard has panels");
    let targets = panels.iter().filter_map(|panel| panel["targets"].as_array()).flatten();
    targets.map(|target| target["expr"].as_str().expect("each asks for something").to_owned()).collect()
}

fn dashboard() -> Value {
    serde_json::from_str(&packaged("grafana/dashboard.json")).expect("Grafana imports JSON")
}

#[test]
fn alerts_and_dashboard_ask_for_what_there_is() {
    let newsroom = Newsroom::of(&[("plain", rss("Plain", guids("plain", 3)))]);
    // Before the first commit nobody knows how long ago it was.
    let metrics = Metrics::until(newsroom.at, "rssd_writer_commits_total", |commits| commits > 0.0);
    for (text, names_min) in [
        (packaged("prometheus/rules.yml"), 10),
        (packaged("prometheus/rules_test.yml"), 10),
        (packaged("grafana/dashboard.json"), 40),
    ] {
        let asked = names(&text);
        assert!(asked.len() >= names_min, "{asked:?}");
        let missing: Vec<&String> = asked.iter().filter(|name| !metrics.has(name)).collect();
        assert!(missing.is_empty(), "{missing:?} of {:#?}", metrics.series());
    }
    let queries = queries(&dashboard());
    assert!(queries.len() > 40 && queries.iter().all(|query| !names(query).is_empty()), "{queries:#?}");
}

/// Labels and their values, too: a query for one that never comes is as empty as one for a name that is not there.
#[test]
fn alerts_and_dashboard_ask_for_labels_that_there_are() {
    let newsroom = Newsroom::with(&[("plain", rss("Plain", guids("plain", 3)))], 0, |tarpit, feeds| {
        tarpit.route("broken.localhost", "/feed", Answer::status(500));
        feeds.feed("broken", tarpit.url("broken.localhost", "/feed"))
    });
    let metrics = Metrics::of(newsroom.at);
    let has = |name: &str, label: &str, value: Option<&str>| {
        let labelled = value.map_or_else(|| format!("{label}=\""), |value| format!("{label}=\"{value}\""));
        metrics.series().iter().any(|series| series.split('{').next() == Some(name) && series.contains(&labelled))
    };
    // Those that Prometheus adds itself.
    let is_ours = |label: &str| !["job", "instance"].contains(&label);
    let mut seen = 0;
    for query in queries(&dashboard()).into_iter().chain(series_of(&packaged("prometheus/rules_test.yml"))) {
        for name in names(&query) {
            let (_, rest) = query.split_once(&name).expect("it was found there");
            let Some((selector, _)) = rest.strip_prefix('{').and_then(|rest| rest.split_once('}')) else { continue };
            for (label, value) in selector.split(", ").filter_map(|pair| pair.split_once('=')) {
                // `!=` and `=~` name nothing that has to be there.
                let label = label.trim_end_matches('!');
                let value = value.strip_prefix('"').map(|value| value.trim_end_matches('"'));
                if is_ours(label) {
                    // Which cores and threads there are depends on the machine.
                    let value = value.filter(|_| !["core", "thread"].contains(&label));
                    assert!(has(&name, label, value), "{name} has no {label} {value:?}: {query}");
                    seen += 1;
                }
            }
        }
    }
    assert!(seen > 20, "{seen}");
}

/// The series that the tests of the rules make up.
fn series_of(tests: &str) -> Vec<String> {
    let lines = tests.lines().filter_map(|line| line.split_once("series: '"));
    lines.filter_map(|(_, rest)| rest.split_once('\'')).map(|(series, _)| series.to_owned()).collect()
}

#[test]
fn each_alert_fires_and_does_not() {
    let (rules, tests) = (packaged("prometheus/rules.yml"), packaged("prometheus/rules_test.yml"));
    let alerts: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(alerts.len() >= 9, "{alerts:?}");
    for alert in alerts {
        assert!(tests.contains(&format!("alertname: {alert}, exp_alerts: []")), "{alert} is never seen silent");
        assert!(tests.contains(&format!("alertname: {alert}\n        exp_alerts:\n")), "{alert} is never seen firing");
        let rule = rules.split("- alert: ").find(|rule| rule.starts_with(alert)).expect("it was just there");
        let says = ["summary: ", "description: ", "severity: "].iter().all(|what| rule.contains(what));
        assert!(says, "{alert} does not say what it is and what to do");
    }
    let Some(promtool) = program("promtool") else { return };
    let home = Home::new();
    for name in ["rules.yml", "rules_test.yml"] {
        home.write(name, packaged(&format!("prometheus/{name}")));
    }
    for arguments in [["check", "rules", "rules.yml"], ["test", "rules", "rules_test.yml"]] {
        let mut checking = command(&home, &promtool);
        checking.args(arguments);
        run(checking);
    }
}

/// As rules, which is how promtool takes queries; what Grafana puts in is put in.
#[test]
fn prometheus_understands_each_query_of_the_dashboard() {
    let Some(promtool) = program("promtool") else { return };
    let home = Home::new();
    let rule = |(number, query): (usize, String)| {
        let expr = query.replace("$__rate_interval", "1m").replace("$instance", ".*");
        format!("      - {{ record: \"q:{number}\", expr: {} }}\n", Value::from(expr))
    };
    let rules: String = queries(&dashboard()).into_iter().enumerate().map(rule).collect();
    assert!(!rules.contains('$'), "{rules}");
    let file: PathBuf = home.write("queries.yml", format!("groups:\n  - name: dashboard\n    rules:\n{rules}"));
    let mut checking = command(&home, &promtool);
    checking.args(["check", "rules"]).arg(file);
    run(checking);
}

/// What Grafana asks of a dashboard that is imported by hand.
#[test]
fn the_dashboard_chooses_its_source_and_every_panel_has_a_place() {
    let dashboard = dashboard();
    assert_eq!(dashboard["templating"]["list"][0]["type"], "datasource");
    assert_eq!(dashboard["templating"]["list"][0]["name"], "datasource");
    let (mut ids, mut places) = (BTreeSet::new(), BTreeSet::new());
    for panel in dashboard["panels"].as_array().expect("it has panels") {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64()), "{title} has the id of another");
        let at = |what: &str| panel["gridPos"][what].as_u64().unwrap_or_else(|| panic!("{title} has no {what}"));
        let (x, y, w, h) = (at("x"), at("y"), at("w"), at("h"));
        assert!(x + w <= 24, "{title} does not fit");
        for cell in (x..x + w).flat_map(|x| (y..y + h).map(move |y| (x, y))) {
            assert!(places.insert(cell), "{title} lies on another");
        }
        let sources = panel["targets"].as_array().into_iter().flatten().map(|target| &target["datasource"]["uid"]);
        assert!(sources.chain(panel.get("datasource").map(|source| &source["uid"])).all(|uid| uid == "${datasource}"));
    }
    let rows: Vec<&str> = (dashboard["panels"].as_array().into_iter().flatten())
        .filter(|panel| panel["type"] == "row")
        .filter_map(|row| row["title"].as_str())
        .collect();
    assert_eq!(rows, ["Health", "Lateness", "Failures", "Fetching", "Store", "Streams"]);
}
