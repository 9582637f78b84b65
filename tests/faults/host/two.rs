//! Row 76: two daemons and one database.

use std::time::Duration;

use nix::sys::signal::Signal::SIGTERM;
use rssd::clock::Clock;

use super::super::scene::Scene;
use crate::bad_input::{assert_refused, run};

/// The promise is a second. A debug build on a busy machine takes its time to load.
const AT_ONCE: Duration = Duration::from_secs(5);

#[test]
fn row_76_a_second_instance_leaves_and_names_the_first() {
    let scene = Scene::new();
    let pid = scene.daemon.pid().to_string();
    // By another way to the same file, too.
    std::os::unix::fs::symlink(scene.home.db_path(), scene.home.path("link.db")).expect("its place is free");
    for path in ["rssd.db", "link.db"] {
        let mut command = scene.home.command();
        command.arg("--feeds").arg(scene.home.path("feeds.toml")).arg("--db").arg(scene.home.path(path));
        let started = Clock::monotonic();
        assert_refused(&run(command), 75, &[&pid, "rssd.db"]);
        let took = Clock::monotonic() - started;
        println!("the second one left after {} ms", took.as_millis());
        assert!(took < AT_ONCE, "{took:?}");
    }
    let stopped = scene.stop(|daemon| daemon.signal(SIGTERM));
    // A holder that was killed holds nothing.
    let first = stopped.home.start();
    drop(stopped.home.db_soon());
    first.kill();
    stopped.home.once();
}
