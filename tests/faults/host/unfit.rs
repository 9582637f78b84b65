//! Row 73: io_uring is not to be had. One line says so, and what to do about it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::bad_input::{as_nobody, assert_refused, run, unasked};
use crate::support::{BINARY, Home};

/// Refused with 78 in one line of its own, with these words, before anything is opened.
fn assert_unfit(home: &Home, command: Command, words: &[&str]) {
    let finished = run(command);
    println!("{}", finished.stderr);
    assert_refused(&finished, 78, words);
    assert_eq!(finished.stderr.lines().count(), 1, "{}", finished.stderr);
    assert!(!home.path("other.db").exists(), "nothing is opened on a host that is unfit");
}

fn open_to_all() -> Home {
    let home = Home::with(&unasked());
    fs::set_permissions(home.dir(), fs::Permissions::from_mode(0o777)).expect("it is ours");
    home
}

/// The daemon behind a program that takes something away and then becomes it.
fn behind(home: &Home, program: &str, arguments: &[&str]) -> Command {
    let mut command = home.command_of(program);
    command.args(arguments).arg(BINARY);
    command.arg("--feeds").arg(home.path("feeds.toml")).arg("--db").arg(home.path("other.db"));
    command
}

#[test]
fn row_73_too_little_memlock_is_78_and_says_how_much() {
    for kib in ["16", "256"] {
        let home = open_to_all();
        // The limit is the child's own: a shell sets it and becomes the daemon. Root is not bound by it.
        let command = behind(&home, "sh", &["-c", &format!("ulimit -l {kib} && exec \"$@\""), "sh"]);
        let Some(command) = as_nobody(&home, command) else { return };
        assert_unfit(&home, command, &[&format!("RLIMIT_MEMLOCK is {kib} KiB"), "LimitMEMLOCK=8M", "ulimit -l 8192"]);
    }
}

/// Has the kernel answer each of io_uring's calls with an error, as a container's profile does, and becomes what follows.
const REFUSE: &str = "
import ctypes, os, struct, sys
libc = ctypes.CDLL(None, use_errno=True)
error, program = int(sys.argv[1]), sys.argv[2:]
# The number of the call, and for io_uring_setup, _enter and _register, alike on every machine: the error.
code = [(0x20, 0, 0, 0), (0x35, 0, 2, 425), (0x25, 1, 0, 427), (0x06, 0, 0, 0x00050000 | error), (0x06, 0, 0, 0x7fff0000)]
code = ctypes.create_string_buffer(b''.join(struct.pack('HBBI', *line) for line in code))
class Filter(ctypes.Structure):
    _fields_ = [('length', ctypes.c_ushort), ('code', ctypes.c_void_p)]
filter = Filter(5, ctypes.cast(code, ctypes.c_void_p))
# PR_SET_NO_NEW_PRIVS, and PR_SET_SECCOMP with SECCOMP_MODE_FILTER.
if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, ctypes.byref(filter), 0, 0):
    sys.exit('no seccomp here: error %d' % ctypes.get_errno())
os.execv(program[0], program)
";

#[test]
fn row_73_io_uring_refused_by_seccomp_is_78_and_says_by_what() {
    for (error, words) in [
        (libc::EPERM, ["the kernel refuses io_uring", "seccomp profile"]),
        (libc::EACCES, ["the kernel refuses io_uring", "seccomp profile"]),
        (libc::ENOSYS, ["this kernel has no io_uring", "seccomp profile"]),
    ] {
        let home = open_to_all();
        let command = behind(&home, "python3", &["-c", REFUSE, &error.to_string()]);
        if !Command::new("python3").arg("--version").output().is_ok_and(|output| output.status.success()) {
            assert!(std::env::var_os("RSSD_REQUIRE_CLIENTS").is_none(), "python3 is not installed");
            println!("SKIPPED: python3 is not installed");
            return;
        }
        assert_unfit(&home, command, &words);
    }
}

/// Of the whole machine: put back by whoever drops it.
struct Disabled {
    before: String,
}

const SYSCTL: &str = "/proc/sys/kernel/io_uring_disabled";

impl Disabled {
    /// For everybody but root, so that nobody else's test is disturbed.
    fn for_users() -> Disabled {
        let before = fs::read_to_string(SYSCTL).expect("Linux 6.6 or newer");
        fs::write(SYSCTL, "1").expect("root may");
        Disabled { before }
    }
}

impl Drop for Disabled {
    fn drop(&mut self) {
        let _ = fs::write(SYSCTL, &self.before);
    }
}

#[test]
#[ignore = "needs root: sets kernel.io_uring_disabled for a moment, to what binds everybody but root"]
fn row_73_io_uring_disabled_by_sysctl_is_78_and_says_so_as_root() {
    let home = open_to_all();
    let command = behind(&home, "env", &[]);
    let command = as_nobody(&home, command).expect("the binary is for every user");
    let _disabled = Disabled::for_users();
    assert_unfit(&home, command, &["kernel.io_uring_disabled = 1", "set it to 0"]);
}
