//! Commands, keys, addresses, metrics and queries, asked of the binary.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::text::{Piece, documents, spans_in};
use crate::support::http::{get, listening};
use crate::support::{Daemon, Feeds, Home, tarpit};

/// What the binary prints, where it is fine.
fn printed(arguments: &[&str]) -> String {
    let mut command = Home::new().command();
    command.args(arguments).current_dir(super::ROOT);
    let finished = Daemon::spawn(command).wait();
    assert_eq!(finished.code, Some(0), "rssd {arguments:?}: {}", finished.stderr);
    finished.stdout
}

/// Lines of the shell, each without its comment, and spans.
fn lines_of_code() -> Vec<Piece> {
    let mut lines = Vec::new();
    for document in documents() {
        for block in document.blocks("sh") {
            let commands = block.text.lines().map(|line| line.split(" #").next().unwrap_or_default().to_owned());
            lines.extend(commands.map(|text| Piece { at: block.at.clone(), text }));
        }
        lines.extend(document.spans());
    }
    lines
}

/// The arguments of each `rssd` in a line, up to what the shell does with it.
fn calls(line: &str) -> Vec<Vec<String>> {
    let line = line.replace("cargo run --release --", "rssd");
    let parts = line.split(['|', ';', '&', '>']).map(str::split_whitespace);
    parts
        .filter_map(|mut words| (words.next()? == "rssd").then(|| words.map(str::to_owned).collect()))
        .filter(|words: &Vec<String>| !words.is_empty())
        .collect()
}

fn options(help: &str) -> BTreeSet<&str> {
    help.split(|c: char| c.is_whitespace() || ",=`[]".contains(c)).filter(|word| word.starts_with("--")).collect()
}

#[test]
fn every_command_and_every_option_is_one() {
    let help = printed(&["help"]);
    let (_, commands) = help.split_once("Commands:\n").expect("it lists them");
    let commands: Vec<&str> = (commands.lines().take_while(|line| !line.is_empty()))
        .filter(|line| line.starts_with("  ") && !line.starts_with("   "))
        .filter_map(|line| line.split_whitespace().next())
        .collect();
    let helps: BTreeMap<&str, String> =
        commands.iter().map(|&command| (command, printed(&["help", command]))).collect();
    let mut called = BTreeSet::new();
    for line in lines_of_code() {
        for words in calls(&line.text) {
            let (name, of_command) = match words[0].starts_with('-') {
                true => ("rssd", &help),
                false => {
                    let known = helps.get_key_value(words[0].as_str());
                    let (name, help) = known.unwrap_or_else(|| panic!("{}: there is no `rssd {}`", line.at, words[0]));
                    (*name, help)
                }
            };
            let known = options(of_command);
            for option in words.iter().filter(|word| word.starts_with("--")) {
                let option = option.split('=').next().unwrap_or(option);
                assert!(known.contains(option), "{}: `{name}` has no {option}", line.at);
            }
            called.insert(name);
        }
        if line.text.starts_with("--") && !line.text.contains(' ') {
            let has = |help: &String| options(help).contains(line.text.as_str());
            assert!(has(&help) || helps.values().any(has), "{}: nothing has {}", line.at, line.text);
        }
    }
    assert!(called.len() > 10, "{called:?}");
}

#[test]
fn every_key_is_one_and_every_block_of_toml_is_read() {
    let page = printed(&["man", "feeds.toml"]);
    let is_key = |name: &str| page.contains(&format!("\\fB{name}\\fR = "));
    let is_name = |name: &str| !name.is_empty() && name.chars().all(|c| c.is_ascii_lowercase() || c == '_');
    let (mut blocks, mut keys) = (0, 0);
    for document in documents() {
        for block in document.blocks("toml") {
            let home = Home::new();
            home.write("feeds.toml", &block.text);
            let named = block.text.lines().filter_map(|line| line.split_once("_file = \"$CREDENTIALS_DIRECTORY/"));
            for (_, name) in named {
                home.write(name.trim_end_matches('"'), "s3cret\n");
            }
            let mut command = home.command();
            command.args(["check", "--feeds", "feeds.toml"]).env("CREDENTIALS_DIRECTORY", home.dir());
            let finished = Daemon::spawn(command).wait();
            assert_eq!(finished.code, Some(0), "{}: {}", block.at, finished.stderr);
            blocks += 1;
        }
        let written = document.spans().into_iter().filter_map(|span| {
            let (name, _) = span.text.split_once(" = ")?;
            Some(Piece { at: span.at, text: name.to_owned() })
        });
        let listed = document.first_cells("key or limit").into_iter().flat_map(|cell| {
            let spans: Vec<String> = spans_in(&cell.text).map(str::to_owned).collect();
            spans.into_iter().map(move |text| Piece { at: cell.at.clone(), text })
        });
        for key in written.chain(listed).filter(|key| is_name(&key.text)) {
            assert!(is_key(&key.text), "{}: feeds.toml has no key {}", key.at, key.text);
            keys += 1;
        }
    }
    assert!(blocks >= 4 && keys > 10, "{blocks} blocks, {keys} keys");
}

/// A path as it is described: `/feeds/{name}` for `/feeds/NAME`.
fn described<'a>(paths: &'a serde_json::Map<String, Value>, path: &str) -> Option<&'a Value> {
    let fits = |template: &str| {
        let (mut asked, mut known) = (path.split('/'), template.split('/'));
        asked.clone().count() == known.clone().count()
            && asked.all(|part| known.next().is_some_and(|known| known == part || known.starts_with('{')))
    };
    paths.get(path).or_else(|| paths.iter().find(|(template, _)| fits(template)).map(|(_, described)| described))
}

#[test]
fn every_address_is_described_with_its_parameters() {
    /// Of the file system.
    const FOLDERS: [&str; 6] = ["/etc/", "/var/", "/run/", "/proc/", "/dev/", "/usr/"];
    let home = Home::with(&Feeds::new());
    let mut daemon = home.start();
    let openapi = get(listening(&mut daemon), "/openapi.json").json();
    let paths = openapi["paths"].as_object().expect("it describes addresses");
    let parameter = |parameter: &Value| {
        let shared = parameter["$ref"].as_str().and_then(|at| openapi.pointer(at.trim_start_matches('#')));
        shared.unwrap_or(parameter)["name"].as_str().unwrap_or_default().to_owned()
    };
    let mut count = 0;
    for line in lines_of_code() {
        let urls = line.text.split("http://127.0.0.1:8080").skip(1);
        let spans = Some(line.text.as_str()).filter(|text| text.starts_with('/'));
        for asked in urls.chain(spans) {
            let asked = asked.split([' ', '\'', '"', '*']).next().unwrap_or_default();
            if asked.is_empty() || FOLDERS.iter().any(|folder| asked.starts_with(folder)) {
                continue;
            }
            let (path, query) = asked.split_once('?').unwrap_or((asked, ""));
            count += 1;
            if path.len() > 1 && path.ends_with('/') {
                assert!(paths.keys().any(|known| known.starts_with(path)), "{}: nothing is below {path}", line.at);
                continue;
            }
            let described = described(paths, path).unwrap_or_else(|| panic!("{}: {path} is not described", line.at));
            let known: Vec<String> =
                described["get"]["parameters"].as_array().into_iter().flatten().map(parameter).collect();
            for name in query.split('&').filter_map(|pair| Some(pair.split_once('=')?.0)) {
                assert!(known.iter().any(|known| known == name), "{}: {path} has no {name}, but {known:?}", line.at);
            }
        }
    }
    assert!(count > 40, "{count}");
}

#[test]
fn every_metric_is_shown_and_every_class_of_failure_has_its_remedy() {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().feed("a", tarpit.url("a.localhost", "/healthy/1?articles=1")));
    let mut daemon = home.start();
    let at = listening(&mut daemon);
    daemon.wait_for("a commit", |_| get(at, "/metrics").text().contains("\nrssd_writer_last_commit_age_seconds "));
    let metrics = get(at, "/metrics").text().to_owned();
    let families: BTreeSet<&str> =
        metrics.lines().filter_map(|line| line.strip_prefix("# TYPE ")?.split(' ').next()).collect();
    let mut count = 0;
    for document in documents() {
        for span in document.spans() {
            let words = span.text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            for metric in words.filter(|word| word.starts_with("rssd_")) {
                let family = metric.strip_suffix("_total").unwrap_or(metric);
                assert!(families.contains(family), "{}: there is no metric {metric}", span.at);
                count += 1;
            }
        }
        let told: BTreeSet<String> = (document.first_cells("class").into_iter())
            .flat_map(|cell| spans_in(&cell.text).map(str::to_owned).collect::<Vec<_>>())
            .collect();
        let counted: BTreeSet<String> = (metrics.lines())
            .filter_map(|line| {
                Some(line.strip_prefix("rssd_poll_failures_total{class=\"")?.split('"').next()?.to_owned())
            })
            .collect();
        let is_told = document.path.ends_with("operating.md");
        assert_eq!(told, if is_told { counted } else { BTreeSet::new() }, "{}", document.path.display());
    }
    assert!(count > 20, "{count}");
}

#[test]
fn every_query_can_be_asked_of_the_database() {
    let tarpit = tarpit();
    let home = Home::with(&Feeds::new().feed("a", tarpit.url("a.localhost", "/healthy/1?articles=1")));
    home.once();
    let db = home.db();
    let ask = |at: &str, sql: &str| {
        println!("{at}: {sql}");
        db.list(sql, |_| Ok(()));
    };
    let mut count = 0;
    for document in documents() {
        for block in document.blocks("sql") {
            for sql in block.text.split(';').map(str::trim).filter(|sql| !sql.is_empty()) {
                ask(&block.at, sql);
                count += 1;
            }
        }
        let is_query = |text: &str| text.starts_with("SELECT ") || text.starts_with("PRAGMA ");
        for span in document.spans().iter().filter(|span| is_query(&span.text)) {
            ask(&span.at, &span.text);
            count += 1;
        }
        for row in document.tables("schema").into_iter().flatten() {
            for name in spans_in(&row[2].text) {
                let (table, column) = name.split_once('.').unwrap_or((name, "*"));
                ask(&row[2].at, &format!("SELECT {column} FROM {table} LIMIT 1"));
                count += 1;
            }
        }
    }
    assert!(count > 10, "{count}");
}
