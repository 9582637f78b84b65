//! What the machine gives: CPUs, descriptors, io_uring. Asked once at start; what is missing is said with its remedy.

use std::fs;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

use crate::config::Cores;
use crate::limits::{
    CONNECTIONS_BESIDE_STREAMS_MAX, CONNECTIONS_MIN, DESCRIPTORS_RESERVED, IN_FLIGHT_MAX, IN_FLIGHT_MIN,
    MEMLOCK_BYTES_MIN,
};

/// Which CPU runs what, by number.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cpus {
    /// One a core; more cores than CPUs share them in turn.
    pub(crate) cores: Vec<usize>,
    /// One of its own where there are three or more, else one that a core has too.
    pub(crate) http: usize,
}

/// Chooses from the affinity mask. Never assumes that CPUs are numbered from 0 without gaps.
///
/// # Errors
///
/// A sentence: a CPU was asked for that this process may not use.
pub(crate) fn cpus(wanted: &Cores) -> Result<Cpus, String> {
    let mask =
        sched_getaffinity(Pid::from_raw(0)).map_err(|error| format!("cannot read the affinity mask: {error}"))?;
    let allowed: Vec<usize> = (0..CpuSet::count()).filter(|&cpu| mask.is_set(cpu).unwrap_or(false)).collect();
    choose(wanted, &allowed)
}

fn choose(wanted: &Cores, allowed: &[usize]) -> Result<Cpus, String> {
    let Some((&last, others)) = allowed.split_last() else {
        return Err("the affinity mask holds no CPU".to_owned());
    };
    let cores = match wanted {
        Cores::Auto if allowed.len() >= 3 => others.to_vec(),
        Cores::Auto => allowed.to_vec(),
        Cores::Count(count) => allowed.iter().copied().cycle().take(*count).collect(),
        Cores::List(list) => match list.iter().find(|cpu| !allowed.contains(cpu)) {
            None => list.clone(),
            Some(cpu) => {
                return Err(format!("cores: CPU {cpu} is not among those that this process may use ({allowed:?})"));
            }
        },
    };
    let free = allowed.iter().rev().find(|cpu| !cores.contains(cpu));
    Ok(Cpus { http: free.copied().unwrap_or(last), cores })
}

/// Raises RLIMIT_NOFILE to its hard limit and gives what it then is.
///
/// # Errors
///
/// A sentence: the limit can be neither read nor raised.
pub(crate) fn raise_nofile() -> Result<u64, String> {
    let (soft, hard) =
        getrlimit(Resource::RLIMIT_NOFILE).map_err(|error| format!("cannot read RLIMIT_NOFILE: {error}"))?;
    if soft < hard {
        setrlimit(Resource::RLIMIT_NOFILE, hard, hard)
            .map_err(|error| format!("cannot raise RLIMIT_NOFILE from {soft} to {hard}: {error}"))?;
    }
    Ok(hard)
}

/// What may be open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Polls in flight on one core.
    pub(crate) in_flight_max: usize,
    /// Connections of clients.
    pub(crate) connections_max: usize,
    /// Streams among them.
    pub(crate) streams_max: usize,
}

/// Shares the descriptors out, so that no client can take a fetch its own: half to clients, three eighths to fetches, and
/// the last eighth to what fetches need while they look up names and connect.
pub(crate) fn share(nofile: u64, cores: usize, streams_wanted: usize) -> Shares {
    let all = usize::try_from(nofile.saturating_sub(DESCRIPTORS_RESERVED)).unwrap_or(usize::MAX);
    let connections_wanted = streams_wanted.saturating_add(CONNECTIONS_BESIDE_STREAMS_MAX);
    let connections_max = connections_wanted.min(all / 2).max(CONNECTIONS_MIN);
    Shares {
        in_flight_max: ((all / 8 * 3).min(IN_FLIGHT_MAX) / cores.max(1)).max(IN_FLIGHT_MIN),
        connections_max,
        // Streams stay; what asks and goes must find a place beside them.
        streams_max: streams_wanted.min(connections_max - connections_max / 20),
    }
}

/// Asks the kernel for an io_uring and gives it back.
///
/// # Errors
///
/// A sentence with the remedy.
pub(crate) fn probe_io_uring() -> Result<(), String> {
    // glommio compares the limit before it asks the kernel, and knows no remedy.
    if getrlimit(Resource::RLIMIT_MEMLOCK).is_ok_and(|(soft, _)| soft < MEMLOCK_BYTES_MIN) {
        return Err(memlock_remedy());
    }
    io_uring::IoUring::new(8).map(drop).map_err(|error| match error.raw_os_error() {
        Some(libc::ENOMEM) => memlock_remedy(),
        Some(libc::EPERM | libc::EACCES) => {
            let disabled = fs::read_to_string("/proc/sys/kernel/io_uring_disabled").unwrap_or_default();
            format!(
                "the kernel refuses io_uring ({error}; kernel.io_uring_disabled = {}): set it to 0 by sysctl, and in a \
                 container allow io_uring_setup, io_uring_enter and io_uring_register in the seccomp profile",
                if disabled.trim().is_empty() { "unknown" } else { disabled.trim() }
            )
        }
        Some(libc::ENOSYS) => {
            "this kernel has no io_uring, or a seccomp profile hides it: rssd needs Linux 5.15 or newer, and in a \
             container io_uring_setup, io_uring_enter and io_uring_register allowed"
                .to_owned()
        }
        _ => format!("cannot set up io_uring: {error}"),
    })
}

/// What to say when an executor cannot lock its memory.
pub(crate) fn memlock_remedy() -> String {
    let limit = match getrlimit(Resource::RLIMIT_MEMLOCK) {
        Ok((soft, _)) if soft != nix::libc::RLIM_INFINITY => format!("{} KiB", soft / 1024),
        _ => "unlimited or unknown".to_owned(),
    };
    format!(
        "too little memory may be locked for io_uring (RLIMIT_MEMLOCK is {limit}): set LimitMEMLOCK=8M or more in the \
         unit, or run `ulimit -l 8192` first"
    )
}

/// Blocks every signal on the calling thread, and on the threads that it starts: signals are the main thread's.
pub(crate) fn block_signals() {
    // It fails for an invalid argument alone, and there is none.
    let _ = SigSet::all().thread_block();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cpus_come_from_the_mask_and_nowhere_else() {
        for (wanted, allowed, cores, http) in [
            (Cores::Auto, vec![2, 5], vec![2, 5], 5),
            (Cores::Auto, vec![7], vec![7], 7),
            (Cores::Auto, vec![1, 2, 4, 8], vec![1, 2, 4], 8),
            (Cores::Count(1), vec![2, 5], vec![2], 5),
            (Cores::Count(3), vec![2, 5], vec![2, 5, 2], 5),
            (Cores::List(vec![5]), vec![2, 5], vec![5], 2),
        ] {
            assert_eq!(choose(&wanted, &allowed), Ok(Cpus { cores, http }));
        }
        let refused = choose(&Cores::List(vec![0]), &[2, 5]).unwrap_err();
        assert!(refused.contains("CPU 0") && refused.contains("[2, 5]"), "{refused}");
    }

    #[test]
    fn descriptors_are_shared_between_fetches_and_clients() {
        let shares =
            |in_flight_max, connections_max, streams_max| Shares { in_flight_max, connections_max, streams_max };
        for (nofile, cores, wanted) in [
            (64, 2, shares(IN_FLIGHT_MIN, CONNECTIONS_MIN, 61)),
            (1_024, 1, shares(192, 256, 244)),
            (20_000, 2, shares(3_654, 9_744, 9_257)),
            (1 << 30, 2, shares(IN_FLIGHT_MAX / 2, 12_000, 10_000)),
        ] {
            assert_eq!(share(nofile, cores, 10_000), wanted, "{nofile} descriptors, {cores} cores");
            assert_eq!(share(nofile, cores, 3).streams_max, 3, "{nofile} descriptors, {cores} cores");
        }
    }
}
