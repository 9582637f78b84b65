//! Row 74: the CPUs that this process may use.

use std::fs;
use std::process::Command;

use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;

use super::super::scene::Scene;
use crate::support::http::get;
use crate::support::{BINARY, Home};

fn allowed_here() -> Vec<usize> {
    let mask = sched_getaffinity(Pid::from_raw(0)).expect("everybody may look at his own");
    (0..CpuSet::count()).filter(|&cpu| mask.is_set(cpu).unwrap_or(false)).collect()
}

fn confined(home: &Home, cpus: &str) -> Command {
    let mut command = home.command_of("taskset");
    command.args(["--cpu-list", cpus, BINARY, "--feeds", "feeds.toml", "--db", "rssd.db"]);
    command
}

/// The CPUs of a daemon's threads, by their names.
fn placed(scene: &Scene) -> Vec<(String, String)> {
    let tasks = fs::read_dir(format!("/proc/{}/task", scene.daemon.pid())).expect("it runs");
    let of_task = |task: std::io::Result<fs::DirEntry>| {
        let status = fs::read_to_string(task.ok()?.path().join("status")).ok()?;
        let value = |key: &str| Some(status.lines().find_map(|line| line.strip_prefix(key))?.trim().to_owned());
        Some((value("Name:")?, value("Cpus_allowed_list:")?))
    };
    tasks.filter_map(of_task).collect()
}

#[test]
fn row_74_it_starts_on_the_cpus_there_are() {
    let allowed = allowed_here();
    let last = *allowed.last().expect("we run on one");
    // One, which is not the first where there are several; and two with others between them where there are.
    let mut masks = vec![vec![last]];
    if allowed.len() > 3 {
        masks.push(vec![allowed[1], last]);
    }
    for mask in masks {
        let list = mask.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
        let scene = Scene::started_by(|_, feeds| feeds, |home| confined(home, &list));
        let cores = get(scene.at, "/health").json()["cores"].as_array().map_or(0, Vec::len);
        assert_eq!(cores, mask.len(), "a core for each CPU");
        let placed = placed(&scene);
        for (index, cpu) in mask.iter().enumerate() {
            let core = (format!("core-{index}"), cpu.to_string());
            assert!(placed.contains(&core), "{core:?} in {placed:?}");
        }
        scene.end();
    }
}

#[test]
fn row_74_a_mask_that_changes_while_it_runs_stops_nothing() {
    let allowed = allowed_here();
    let mut scene = Scene::new();
    let polls = scene.daemon.pid();
    // All threads to the last CPU, then to all: what an administrator does with `taskset -a`, or a cpuset.
    for cpus in [vec![*allowed.last().expect("we run on one")], allowed.clone()] {
        let mut mask = CpuSet::new();
        cpus.iter().for_each(|cpu| mask.set(*cpu).expect("it is one of ours"));
        for task in fs::read_dir(format!("/proc/{polls}/task")).expect("it runs").flatten() {
            let id = task.file_name().to_string_lossy().parse().expect("a thread's number");
            // A thread that has ended meanwhile has no mask.
            let _ = sched_setaffinity(Pid::from_raw(id), &mask);
        }
        assert!(placed(&scene).iter().all(|(name, list)| !name.is_empty() && !list.is_empty()));
        scene.control_goes_on(2);
        let url = scene.tarpit.url(&format!("on-{}.localhost", cpus.len()), "/healthy/1");
        assert_eq!(scene.poll_of(&url), ("ok".to_owned(), String::new()), "a reload reaches every core");
    }
    assert_eq!(get(scene.at, "/health").json()["status"], "ok");
    scene.end();
}
