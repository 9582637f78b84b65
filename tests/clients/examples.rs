//! The programs of the documentation for consumers, as they stand there: over articles that come while they wait, a daemon
//! that is killed under them, and an end of their own between two articles.

use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::newsroom::Newsroom;
use super::program;
use crate::support::{Daemon, guids, rss};

const TEXT: &str = include_str!("../../packaging/doc/consuming.md");

/// The one block of this language.
fn block(language: &str) -> &'static str {
    let mut blocks = TEXT.split("\n```").filter_map(|part| part.strip_prefix(language)?.strip_prefix('\n'));
    let block = blocks.next().unwrap_or_else(|| panic!("there is no block in {language}"));
    assert_eq!(blocks.next(), None, "blocks in {language}");
    block
}

/// Number and title of each article that it printed.
fn printed(daemon: &Daemon) -> Vec<String> {
    daemon.output().lines().filter(|line| line.contains('\t')).map(str::to_owned).collect()
}

/// With what it has started itself, such as the curl of a script.
fn end(program: &Daemon) {
    let group = Pid::from_raw(i32::try_from(program.pid()).expect("a pid fits"));
    killpg(group, Signal::SIGKILL).expect("it runs, and the group is its own");
}

/// `start` gives the program anew, in the same directory.
fn shows_every_article_once(start: impl Fn(&Newsroom) -> Command) {
    let mut newsroom = Newsroom::of(&[("plain", rss("Plain", guids("plain", 5)))]);
    let run = |newsroom: &Newsroom| {
        let mut command = start(newsroom);
        command.env("RSSD", newsroom.url("")).process_group(0);
        Daemon::spawn(command)
    };
    let publish = |newsroom: &Newsroom, count: usize| newsroom.publish("plain", &rss("Plain", guids("plain", count)));
    let mut first = run(&newsroom);
    first.wait_for("what was there", |program| printed(program).len() == 5);
    newsroom.wait_for_streams(1);
    publish(&newsroom, 8);
    first.wait_for("what came while it waited", |program| printed(program).len() == 8);
    newsroom.crash_and_restart();
    publish(&newsroom, 9);
    first.wait_for("what came after the daemon's crash", |program| printed(program).len() == 9);
    // It waits again, so the cursor of what it printed is kept.
    newsroom.wait_for_streams(1);
    let mut shown = printed(&first);
    end(&first);
    publish(&newsroom, 11);
    newsroom.wait_for_articles(11);
    let mut second = run(&newsroom);
    second.wait_for("what came meanwhile", |program| printed(program).len() == 2);
    shown.extend(printed(&second));
    end(&second);
    let stored = newsroom.home.db().list("SELECT seq, title FROM article ORDER BY seq", |row| {
        Ok(format!("{}\t{}", row.get::<_, i64>(0)?, row.get::<_, String>(1)?))
    });
    assert_eq!(shown, stored);
}

#[test]
fn the_example_for_curl() {
    let (Some(sh), Some(_), Some(_)) = (program("sh"), program("curl"), program("jq")) else { return };
    shows_every_article_once(|newsroom| {
        let mut command = newsroom.command(&sh);
        command.args(["-c", block("sh")]);
        command
    });
}

#[test]
fn the_example_in_python() {
    let Some(python) = program("python3") else { return };
    shows_every_article_once(|newsroom| {
        let mut command = newsroom.command(&python);
        command.args(["-c", block("python")]);
        command
    });
}

#[test]
fn the_example_in_javascript() {
    let Some(node) = program("node") else { return };
    shows_every_article_once(|newsroom| {
        let mut command = newsroom.command(&node);
        command.args(["-e", block("javascript")]);
        command
    });
}

/// Compiled with this test binary; run by it as a test of its own, which the child alone has a use for.
#[test]
fn the_example_in_rust() {
    let itself: PathBuf = env::current_exe().expect("the test runs");
    shows_every_article_once(|newsroom| {
        let mut command = newsroom.command(&itself);
        command.args(["--exact", "clients::examples::in_rust::as_a_program", "--ignored", "--nocapture", "-q"]);
        command
    });
}

#[allow(clippy::disallowed_methods, reason = "it waits as a program of its own does")]
mod in_rust {
    include!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/example.rs"));

    #[test]
    #[ignore = "it goes on for ever: `the_example_in_rust` starts and ends it"]
    fn as_a_program() {
        main();
    }
}

#[test]
fn the_example_in_rust_is_the_one_that_is_compiled() {
    let compiled = fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/clients/example.rs"));
    assert_eq!(compiled.expect("it is there"), block("rust").to_owned() + "\n");
}
