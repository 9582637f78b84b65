//! The threads of a process as the kernel shows them: name, state, and what they wait in. No thread is asked for it.

use std::fs;
use std::path::PathBuf;

/// One of them.
#[derive(Clone, Debug)]
pub(crate) struct Thread {
    pub(crate) tid: i32,
    pub(crate) name: String,
    /// As in proc(5): R runs, S sleeps, D waits in the kernel and takes no signal, T is stopped.
    pub(crate) state: char,
    /// The function of the kernel that it waits in; empty where the kernel does not say.
    pub(crate) waits_in: String,
    /// The number of the system call that it is in; `None` while it runs, or where the kernel does not say.
    pub(crate) syscall: Option<i64>,
}

/// The threads of a process, or of this one, in the order of their numbers.
pub(crate) fn of(pid: Option<u32>) -> Vec<Thread> {
    let process = pid.map_or_else(|| "self".to_owned(), |pid| pid.to_string());
    let Ok(tasks) = fs::read_dir(format!("/proc/{process}/task")) else { return Vec::new() };
    let mut threads: Vec<Thread> = tasks.flatten().filter_map(|task| read(task.path())).collect();
    threads.sort_unstable_by_key(|thread| thread.tid);
    threads
}

fn read(task: PathBuf) -> Option<Thread> {
    let file = |name: &str| fs::read_to_string(task.join(name)).unwrap_or_default();
    let state = file("stat").rsplit(") ").next().and_then(|rest| rest.chars().next()).unwrap_or('?');
    Some(Thread {
        tid: task.file_name()?.to_str()?.parse().ok()?,
        name: file("comm").trim().to_owned(),
        state,
        waits_in: Some(file("wchan").trim().to_owned()).filter(|place| place != "0").unwrap_or_default(),
        syscall: file("syscall").split_whitespace().next().and_then(|number| number.parse().ok()),
    })
}

/// The same of one thread of this process.
pub(crate) fn one(tid: i32) -> Option<Thread> {
    let task = PathBuf::from(format!("/proc/self/task/{tid}"));
    task.exists().then(|| read(task)).flatten()
}

impl Thread {
    /// It waits for a disk, or for what stands in its place: inside a system call on a file that may take as long as the
    /// disk does.
    pub(crate) fn is_at_the_disk(&self) -> bool {
        let calls = [
            libc::SYS_fsync,
            libc::SYS_fdatasync,
            libc::SYS_sync_file_range,
            libc::SYS_pwrite64,
            libc::SYS_pread64,
            libc::SYS_write,
            libc::SYS_read,
            libc::SYS_ftruncate,
            libc::SYS_fallocate,
            libc::SYS_openat,
            libc::SYS_unlinkat,
            libc::SYS_close,
        ];
        self.state == 'D' || self.syscall.is_some_and(|call| calls.contains(&call))
    }

    /// A line for a person.
    pub(crate) fn line(&self) -> String {
        let Thread { tid, name, state, waits_in, syscall } = self;
        let call = syscall.filter(|call| *call >= 0).map(|call| format!(" syscall {call}")).unwrap_or_default();
        format!("{tid:>8} {name:<16} {state} {waits_in}{call}").trim_end().to_owned()
    }
}
