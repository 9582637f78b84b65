//! The manual against what reading does.

use super::super::reference::{self, Key, Value};
use super::super::suggest::Section;
use super::*;

#[test]
fn the_manual_has_every_key_and_no_other() {
    let names = |keys: Vec<Key>| keys.into_iter().map(|key| key.name).collect::<Vec<_>>();
    assert_eq!(names(reference::daemon()), Section::Daemon.keys());
    assert_eq!(names(reference::feed()), Section::Defaults.keys());
    assert_eq!([names(reference::feed_only()), names(reference::feed())].concat(), Section::Feed.keys());
    let mut top = names(reference::top());
    top.extend(["daemon", "defaults", "feed"]);
    assert_eq!(top, Section::Top.keys());
}

/// What is written just outside the bounds, and how the bound is shown.
fn outside(value: &Value) -> Vec<(String, String)> {
    let quoted = |text: String| format!("{text:?}");
    match value {
        Value::Duration(bounds) => {
            let (least, most) = (*bounds.start(), *bounds.end());
            let above = (quoted(units::show_duration(most + Duration::from_millis(1))), units::show_duration(most));
            let below = least.checked_sub(Duration::from_millis(1)).map(units::show_duration);
            below.map(|text| (quoted(text), units::show_duration(least))).into_iter().chain([above]).collect()
        }
        Value::Size(bounds) => vec![
            (quoted(units::show_size(bounds.start() - 1)), units::show_size(*bounds.start())),
            (quoted(units::show_size(bounds.end() + 1)), units::show_size(*bounds.end())),
        ],
        Value::Integer(bounds) => {
            let below = bounds.start().checked_sub(1).map(|value| (value.to_string(), bounds.start().to_string()));
            below.into_iter().chain([((bounds.end() + 1).to_string(), bounds.end().to_string())]).collect()
        }
        Value::Boolean | Value::Other(_) => Vec::new(),
    }
}

#[test]
fn bounds_of_the_manual_are_those_of_reading() {
    let mut tried = 0;
    for (table, keys) in [("[daemon]", reference::daemon()), ("[defaults]", reference::feed())] {
        for key in keys {
            for (written, bound) in outside(&key.value) {
                let text = format!("{table}\n{} = {written}\n", key.name);
                let mistakes = parse(&text, "f.toml").expect_err(&text).to_string();
                let words = key.value.words();
                assert!(mistakes.contains(&bound) && words.contains(&bound), "{text}{mistakes}\nmanual: {words}");
                tried += 1;
            }
        }
    }
    assert!(tried > 20, "{tried}");
}

#[test]
fn defaults_of_the_manual_are_those_of_reading() {
    let plain = good_feed("");
    for key in reference::feed() {
        let written = match key.value {
            Value::Duration(_) | Value::Size(_) => format!("{:?}", key.default),
            Value::Integer(_) if key.name == "articles_initial_max" => continue,
            Value::Integer(_) | Value::Boolean => key.default,
            Value::Other(_) => continue,
        };
        assert_eq!(good_feed(&format!("{} = {written}", key.name)), plain, "{}", key.name);
    }
}

#[test]
fn the_settings_of_the_sample_are_the_defaults_of_the_manual() {
    let sample = include_str!("../../../packaging/feeds.toml");
    let keys = reference::daemon();
    // What is not commented out is the default.
    let (settings, _) = sample.split_once("\n[defaults]").expect("it is there");
    let mut compared = 0;
    for (name, value) in
        settings.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(" = "))
    {
        let key = keys.iter().find(|key| key.name == name).unwrap_or_else(|| panic!("{name} is no key"));
        assert_eq!(value.trim_matches('"'), key.default, "{name}");
        compared += 1;
    }
    assert!(compared >= 5, "{compared}");
    let least = units::show_duration(*crate::limits::RETENTION_BOUNDS.start());
    assert!(sample.contains(&format!("from {least:?} up")), "retention begins at {least}");
}
