//! Row 69: SIGHUP, with what cannot be taken over and far too often.

use std::fs;

use nix::sys::signal::Signal::SIGHUP;

use super::super::scene::Scene;

#[test]
fn row_69_a_broken_file_changes_nothing_and_is_told_once() {
    let mut scene = Scene::new();
    let whole = fs::read_to_string(scene.home.path("feeds.toml")).expect("it was written");
    let more = scene.tarpit.url("more.localhost", "/healthy/1");
    let mistakes = format!("{whole}\n[[feed]]\nname = \"more\"\nurl = {more:?}\nintervall = \"1s\"\n");
    let unknown = format!("{whole}\n[[feed]]\nname = \"more\"\nurl = {more:?}\nca_file = 7\n");
    for (index, (what, text)) in
        [("a mistake", mistakes), ("a wrong type", unknown), ("no TOML", "[[feed".to_owned())].into_iter().enumerate()
    {
        scene.home.write("feeds.toml", text);
        scene.daemon.signal(SIGHUP);
        scene.daemon.wait_for_lines("nothing was changed", index + 1);
        scene.control_goes_on(2);
        assert_eq!(scene.daemon.count_lines("nothing was changed"), index + 1, "{what}");
    }
    assert_eq!(scene.daemon.count_lines("intervall"), 1, "{:?}", scene.daemon.lines());
    assert_eq!(scene.daemon.count_lines("reloaded "), 0);
    assert!(scene.tarpit.requests().iter().all(|request| !request.head.host.starts_with("more.")));
    assert_eq!(scene.db().one::<i64>("SELECT count(*) FROM feed"), 1);

    // And once it is mended the next one counts.
    assert_eq!(scene.poll_of(&more), ("ok".to_owned(), String::new()));
    scene.end();
}

#[test]
fn row_69_a_hundred_hangups_disturb_nobody_and_are_told_in_a_line_each() {
    let mut scene = Scene::new();
    // Those that come while one is taken are as one: signals do not queue.
    for _ in 0..100 {
        scene.daemon.signal(SIGHUP);
    }
    scene.daemon.wait_for_lines("reloaded ", 1);
    scene.control_goes_on(1);
    let taken = scene.daemon.count_lines("reloaded ");
    assert!(taken <= 100, "{taken} lines");
    for count in 1..=20 {
        scene.daemon.signal(SIGHUP);
        scene.daemon.wait_for_lines("reloaded ", taken + count);
    }
    scene.control_goes_on(1);
    assert_eq!(scene.daemon.count_lines("reloaded "), taken + 20);
    let nothing = scene.daemon.count_lines("0 feeds added, 0 changed, 0 removed");
    assert_eq!(nothing, taken + 20, "{:?}", scene.daemon.lines());
    scene.end();
}
