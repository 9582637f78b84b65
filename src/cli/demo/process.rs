//! What the demo costs: threads and memory of this process, daemon and hostile server together, as the kernel counts.

use std::fs;

use super::narrator::Promise;

/// The parts with HTTP have 13 to 16 of them, the kernel's own helpers for the rings included. Fifty hang: if a fetch took a
/// thread there would be fifty more.
const THREADS_MAX: u64 = 20;
const MEMORY_MIB_MAX: u64 = 150;

/// The most that was seen so far.
#[derive(Debug, Default)]
pub(super) struct Process {
    pub(super) threads: u64,
    memory_kib: u64,
}

impl Process {
    /// Looks at /proc/self/status (proc_pid_status(5)). Where it is missing the numbers stay 0, and no promise is kept.
    pub(super) fn look(&mut self) {
        let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
        self.threads = self.threads.max(number(&status, "Threads:"));
        // The kernel's own high-water mark; sandboxes that do not keep one tell at least what is resident now.
        self.memory_kib = self.memory_kib.max(number(&status, "VmHWM:").max(number(&status, "VmRSS:")));
    }

    pub(super) fn memory_mib(&self) -> u64 {
        self.memory_kib.div_ceil(1024)
    }

    pub(super) fn promises(&self) -> [Promise; 2] {
        let (threads, memory_mib) = (self.threads, self.memory_mib());
        [
            Promise::new(
                "threads, the hostile server's included",
                format!("at most {THREADS_MAX}"),
                threads.to_string(),
                (1..=THREADS_MAX).contains(&threads),
            ),
            Promise::new(
                "peak memory, the hostile server's included",
                format!("at most {MEMORY_MIB_MAX} MiB"),
                format!("{memory_mib} MiB"),
                (1..=MEMORY_MIB_MAX).contains(&memory_mib),
            ),
        ]
    }
}

fn number(status: &str, key: &str) -> u64 {
    let line = status.lines().find_map(|line| line.strip_prefix(key));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_found_by_their_key() {
        let status = "Name:\trssd\nVmHWM:\t   61234 kB\nThreads:\t7\n";
        assert_eq!(number(status, "Threads:"), 7);
        assert_eq!(number(status, "VmHWM:"), 61_234);
        assert_eq!(number(status, "VmRSS:"), 0);
    }

    #[test]
    fn what_is_not_known_is_not_promised() {
        assert!(Process::default().promises().iter().all(|promise| !promise.kept));
        let costly = Process { threads: 21, memory_kib: 151 << 10 };
        assert!(costly.promises().iter().all(|promise| !promise.kept));
        let frugal = Process { threads: 20, memory_kib: 150 << 10 };
        assert!(frugal.promises().iter().all(|promise| promise.kept));
    }
}
