//! What the machine gives: CPUs, descriptors, memory, io_uring. Asked once at start; what is missing is said with its remedy.

use std::fs;
use std::io;

use nix::sched::{CpuSet, sched_getaffinity};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::SigSet;
use nix::unistd::Pid;

use crate::config::Cores;
use crate::limits::{
    ALLOCATION_KEPT_BYTES_MAX, ALLOCATION_MAPPED_BYTES_MIN, BODIES_BYTES_MAX, CONNECTIONS_BESIDE_STREAMS_MAX,
    CONNECTIONS_MIN, DESCRIPTORS_OF_EXECUTOR, DESCRIPTORS_OWN, DESCRIPTORS_RESERVED, DESCRIPTORS_SPARE_MIN,
    IN_FLIGHT_MAX, IN_FLIGHT_MIN, MEMLOCK_BYTES_MIN, MEMORY_BYTES_A_POLL, MEMORY_BYTES_MIN,
};
use crate::watch;

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

/// Whether the kernel says that this process, or the machine, has no descriptor left, or no memory for one.
pub(crate) fn is_short(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// Something that the machine does not give to a daemon that starts.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Lack {
    /// What, and what to do about it.
    pub(crate) sentence: String,
    /// Others have it, and may give it back: a start a little later may find it.
    pub(crate) is_passing: bool,
}

impl From<String> for Lack {
    fn from(sentence: String) -> Lack {
        Lack { sentence, is_passing: false }
    }
}

impl Lack {
    /// No thread is to be had: others of this user have them all, or there is no memory for one.
    pub(crate) fn of_thread(name: &str, error: &io::Error) -> Lack {
        let sentence = format!("cannot start the thread {name}: {error}; allow this user more threads");
        Lack { sentence, is_passing: is_passing(error) }
    }
}

/// Whether what the kernel did not give may be there a moment later. Not a descriptor of our own (EMFILE): who has just
/// started holds what everybody holds who starts under this limit.
pub(crate) fn is_passing(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(libc::EAGAIN | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM))
}

/// What may be open at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shares {
    /// Polls in flight on one core.
    pub(crate) in_flight_max: usize,
    /// Bytes of bodies on one core.
    pub(crate) bodies_bytes_max: u64,
    /// Connections of clients.
    pub(crate) connections_max: usize,
    /// Streams among them.
    pub(crate) streams_max: usize,
}

/// Shares the descriptors out, so that no client can take a fetch its own: half to clients, three eighths to fetches, and
/// the last eighth to what fetches need while they look up names and connect. `memory` is shared likewise, where it is limited.
///
/// # Errors
///
/// A sentence: there is too little of either to run at all.
pub(crate) fn share(nofile: u64, memory: Option<u64>, cores: usize, streams_wanted: usize) -> Result<Shares, String> {
    let own = DESCRIPTORS_OWN + DESCRIPTORS_OF_EXECUTOR * (cores as u64 + 1);
    let least = own + DESCRIPTORS_SPARE_MIN;
    if nofile < least {
        return Err(format!(
            "too few descriptors (RLIMIT_NOFILE is {nofile}, and {cores} cores need {least} at least): set \
             LimitNOFILE=65536 in the unit, run `ulimit -n 65536` first, or ask for fewer cores"
        ));
    }
    if let Some(memory) = memory.filter(|memory| *memory < MEMORY_BYTES_MIN) {
        return Err(format!(
            "too little memory (RLIMIT_AS leaves {} MiB, and {} MiB are needed at least): raise LimitAS, or run \
             `ulimit -v unlimited` first",
            memory >> 20,
            MEMORY_BYTES_MIN >> 20
        ));
    }
    let reserved = own.max(DESCRIPTORS_RESERVED.min(nofile / 2));
    let all = usize::try_from(nofile - reserved).unwrap_or(usize::MAX);
    let memory = memory.unwrap_or(u64::MAX);
    let polls_in_memory = usize::try_from(memory / 4 / MEMORY_BYTES_A_POLL).unwrap_or(usize::MAX);
    let connections_wanted = streams_wanted.saturating_add(CONNECTIONS_BESIDE_STREAMS_MAX);
    let connections_max = connections_wanted.min(all / 2).max(CONNECTIONS_MIN);
    let of_each_core = |polls: usize| (polls / cores.max(1)).max(IN_FLIGHT_MIN);
    Ok(Shares {
        in_flight_max: of_each_core((all / 8 * 3).min(IN_FLIGHT_MAX).min(polls_in_memory)),
        bodies_bytes_max: BODIES_BYTES_MAX.min(memory / 8 / cores.max(1) as u64),
        connections_max,
        // Streams stay; what asks and goes must find a place beside them.
        streams_max: streams_wanted.min(connections_max - connections_max.div_ceil(20)),
    })
}

/// Has the allocator give back what was large, and reserve little where address space is limited: of its own accord it
/// keeps what was freed, up to 32 MiB a piece, and reserves 64 MiB for each thread. What it then keeps at the end of a heap would
/// stay at 128 KiB, which each document fills: that is set, too. To be called before there are any threads.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "nobody has a safe name for it"))]
pub(crate) fn set_up_allocator() {
    #[cfg(target_env = "gnu")]
    {
        // SAFETY: it sets a number of the allocator, which any thread may at any time.
        unsafe { libc::mallopt(libc::M_MMAP_THRESHOLD, ALLOCATION_MAPPED_BYTES_MIN) };
        // SAFETY: as above.
        unsafe { libc::mallopt(libc::M_TRIM_THRESHOLD, ALLOCATION_KEPT_BYTES_MAX) };
        if address_space_max().is_some() {
            // SAFETY: as above.
            unsafe { libc::mallopt(libc::M_ARENA_MAX, 1) };
        }
    }
}

/// What RLIMIT_AS leaves to this process; `None` where it sets no limit.
pub(crate) fn memory_left() -> Option<u64> {
    let limit = address_space_max()?;
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let size_kib =
        status.lines().find_map(|line| line.strip_prefix("VmSize:")?.split_whitespace().next()?.parse().ok());
    Some(limit.saturating_sub(size_kib.unwrap_or(0_u64) << 10))
}

fn address_space_max() -> Option<u64> {
    let (limit, _) = getrlimit(Resource::RLIMIT_AS).ok()?;
    (limit != libc::RLIM_INFINITY).then_some(limit)
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

/// Blocks every signal on the calling thread, and on the threads that it starts: signals are the main thread's. Only the
/// one by which a stack is read comes through.
pub(crate) fn block_signals() {
    // It fails for an invalid argument alone, and there is none.
    let _ = SigSet::all().thread_block();
    watch::let_through();
}

/// Gives freed memory back to the kernel. glibc keeps whatever lies below something that is still in use, which after a crowd
/// is nearly all of it; other allocators give it back by themselves.
#[cfg_attr(target_env = "gnu", expect(unsafe_code, reason = "nobody has a safe name for it"))]
pub(crate) fn give_memory_back() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it may be called by any thread at any time, takes the allocator's own locks, and touches nothing in use.
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_others_hold_may_be_given_back_and_our_own_limit_is_no_others() {
        for (error, passing) in [
            (libc::EAGAIN, true),
            (libc::ENFILE, true),
            (libc::ENOMEM, true),
            (libc::EMFILE, false),
            (libc::EPERM, false),
        ] {
            assert_eq!(is_passing(&io::Error::from_raw_os_error(error)), passing, "{error}");
        }
    }

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
    fn descriptors_and_memory_are_shared_between_fetches_and_clients() {
        const MIB: u64 = 1 << 20;
        for (nofile, memory, cores, [in_flight_max, connections_max, streams_max], bodies_bytes_max) in [
            (80, None, 2, [6, 17, 16], BODIES_BYTES_MAX),
            (256, None, 2, [24, 64, 60], BODIES_BYTES_MAX),
            (1_024, None, 1, [192, 256, 243], BODIES_BYTES_MAX),
            (20_000, None, 2, [3_654, 9_744, 9_256], BODIES_BYTES_MAX),
            (20_000, Some(256 * MIB), 2, [64, 9_744, 9_256], 16 * MIB),
            (1 << 30, None, 2, [IN_FLIGHT_MAX / 2, 12_000, 10_000], BODIES_BYTES_MAX),
        ] {
            let shares = Shares { in_flight_max, bodies_bytes_max, connections_max, streams_max };
            assert_eq!(share(nofile, memory, cores, 10_000), Ok(shares), "{nofile} descriptors, {cores} cores");
            assert_eq!(share(nofile, memory, cores, 3).map(|shares| shares.streams_max), Ok(3));
        }
        let refused = share(60, None, 2, 10).unwrap_err();
        assert!(refused.contains("RLIMIT_NOFILE is 60") && refused.contains("LimitNOFILE"), "{refused}");
        let refused = share(1_024, Some(50 * MIB), 2, 10).unwrap_err();
        assert!(refused.contains("leaves 50 MiB") && refused.contains("LimitAS"), "{refused}");
    }
}
