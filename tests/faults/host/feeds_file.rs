//! Row 80: feeds files of every size and kind. What a running daemon makes of one is what it makes of it at the start, but
//! that the old one stays in force.

use std::fmt::Write;
use std::fs::{self, File};

use nix::sys::signal::Signal::{SIGHUP, SIGTERM};

use super::super::scene::Scene;
use crate::bad_input::{assert_refused, run, unasked};
use crate::support::http::get;
use crate::support::{Home, until};

const MANY: usize = 100_000;

#[test]
fn row_80_a_hundred_thousand_feeds_are_fine() {
    // Due within a day, so that few of them are while this is looked at.
    let mut scene = Scene::with(|tarpit, feeds| {
        let mut many = String::new();
        for number in 0..MANY {
            let url = tarpit.url(&format!("f{number}.localhost"), "/healthy/1?articles=1");
            writeln!(many, "[[feed]]\nname = \"f{number}\"\nurl = {url:?}").expect("a String takes every write");
        }
        feeds.default("interval = \"24h\"\ninterval_max = \"7d\"").raw(&many)
    });
    until("every core to know its feeds", || {
        (get(scene.at, "/health").json()["feeds"]["total"] == MANY + 1).then_some(())
    });
    assert_eq!(scene.db().one::<i64>("SELECT count(*) FROM feed"), MANY as i64 + 1);
    scene.control_goes_on(2);
    // A reload of as many would take a debug build its time.
    assert_eq!(scene.stop(|daemon| daemon.signal(SIGTERM)).finished.code, Some(0));
}

/// Writes a file that is refused; gives words of the reason.
type Spoil = (&'static str, fn(&Home), &'static [&'static str]);

const SPOILT: [Spoil; 4] = [
    ("100 MB", too_large, &["feeds.toml", "64MiB"]),
    (
        "binary",
        |home| drop(home.write("feeds.toml", b"\x7fELF\x02\x01\x01\x00\xff\xfe\x00".repeat(9_000))),
        &["feeds.toml"],
    ),
    (
        "not UTF-8",
        |home| drop(home.write("feeds.toml", b"[daemon]\ncontact = \"caf\xe9\"\n")),
        &["feeds.toml", "UTF-8"],
    ),
    ("gone", |home| fs::remove_file(home.path("feeds.toml")).expect("it was there"), &["feeds.toml"]),
];

/// A comment, so that its size alone is what is wrong.
fn too_large(home: &Home) {
    home.write("feeds.toml", "# nothing else\n");
    let file = File::options().append(true).open(home.path("feeds.toml")).expect("it was written");
    file.set_len(100_000_000).expect("a hole takes no room");
}

#[test]
fn row_80_a_file_that_is_too_large_or_no_text_is_refused_with_a_reason() {
    for (what, spoil, words) in SPOILT {
        let home = Home::with(&unasked());
        spoil(&home);
        let finished = run(home.daemon_command());
        println!("{what}: {}", finished.stderr.chars().take(300).collect::<String>());
        assert_refused(&finished, 78, words);
        assert!(finished.stderr.len() < 2_000, "{what}: {} bytes are no reason", finished.stderr.len());
        assert!(!home.db_path().exists(), "nothing is opened before the configuration is whole");
    }
}

#[test]
fn row_80_a_file_that_is_gone_or_spoilt_while_it_runs_leaves_the_old_one_in_force() {
    let mut scene = Scene::new();
    for (index, (what, spoil, words)) in SPOILT.into_iter().enumerate() {
        spoil(&scene.home);
        scene.daemon.signal(SIGHUP);
        scene.daemon.wait_for_lines("nothing was changed", index + 1);
        scene.control_goes_on(1);
        for word in words {
            assert!(scene.daemon.count_lines(word) > 0, "{what}: {:?}", scene.daemon.lines());
        }
    }
    scene.end();
}
