//! A small file system of a test's own, for tests that run as root in a mount namespace of their own.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::support::Home;

/// Mounted until it is dropped.
pub(super) struct Mount {
    pub(super) path: PathBuf,
}

impl Mount {
    pub(super) fn tmpfs(home: &Home, size: &str) -> Mount {
        let mount = Mount::place(home);
        run("mount", &["-t", "tmpfs", "-o", &format!("size={size}"), "none"], &mount.path);
        mount
    }

    pub(super) fn ext4(home: &Home, mib: u64) -> Mount {
        let image = home.path("image");
        fs::File::create(&image).and_then(|file| file.set_len(mib << 20)).expect("room for an image");
        run("mkfs.ext4", &["-q"], &image);
        let mount = Mount::place(home);
        run("mount", &["-o", "loop", &image.to_string_lossy()], &mount.path);
        mount
    }

    pub(super) fn remount(&self, how: &str) {
        run("mount", &["-o", &format!("remount,{how}")], &self.path);
    }

    fn place(home: &Home) -> Mount {
        let path = home.path("mounted");
        fs::create_dir(&path).expect("its place is free");
        Mount { path: path.canonicalize().expect("it is there") }
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        // The namespace takes with it what is left.
        let _ = Command::new("umount").arg("-l").arg(&self.path).status();
    }
}

fn run(program: &str, arguments: &[&str], last: &Path) {
    let status = Command::new(program).args(arguments).arg(last).status();
    let status = status.unwrap_or_else(|error| panic!("{program}: {error}"));
    assert!(status.success(), "{program} {arguments:?} {}: {status}", last.display());
}
