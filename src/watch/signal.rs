//! Stops one thread of this process for a moment, so that another one can read its registers and its stack.
//!
//! The thread gets a real-time signal. Its handler writes the registers down and then waits, for no longer than
//! [`STACK_HOLD`], until they were used. It reads no stack itself and takes no lock: a walk by way of unwinding tables
//! is no work for a handler, since tables may be wrong and locks may be held. Whoever walks does so on a thread of its
//! own and reads through the kernel, which refuses what is not there.
//!
//! Invariants, beside the `SAFETY` notes below:
//! - the handler calls nothing but `futex` and `gettid`, and leaves `errno` as it was;
//! - there is one slot, whoever asks holds [`ASKING`], and a handler that comes late, be it by an hour, finds that the
//!   slot is not its thread's and returns;
//! - the handler waits for a bounded time only, so whoever walks may even need a lock that the held thread has.
#![allow(unsafe_code)]

use std::io;
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicU64, Ordering};
use std::sync::{Mutex, Once, PoisonError};
use std::time::Duration;

use crate::limits::{STACK_ANSWER, STACK_HOLD, STACK_SIGNAL_BYTES};

/// Registers by their DWARF numbers, and behind them the address of the next instruction.
#[cfg(target_arch = "x86_64")]
pub(super) const REGISTERS: usize = 17;
#[cfg(not(target_arch = "x86_64"))]
pub(super) const REGISTERS: usize = 33;

/// What a thread was at.
#[derive(Clone, Copy, Debug)]
pub(super) struct Registers(pub(super) [u64; REGISTERS]);

/// Why a thread's registers cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silent {
    /// There is no such thread any more.
    Gone,
    /// It takes no signal: the kernel does not let it, or it blocks this one.
    Deaf,
}

/// A walk, and whether the thread stood still all the while.
#[derive(Debug)]
pub(super) struct Held<T> {
    pub(super) walked: T,
    pub(super) stood_still: bool,
}

// What the slot is at. The asker moves from FREE to WANTED and back, the handler the rest.
const FREE: u32 = 0;
const WANTED: u32 = 1;
const FILLING: u32 = 2;
const READY: u32 = 3;
/// The handler has lost its patience; the thread goes on.
const RELEASED: u32 = 4;

static STATE: AtomicU32 = AtomicU32::new(FREE);
static TID: AtomicI32 = AtomicI32::new(0);
static FILLED: [AtomicU64; REGISTERS] = [const { AtomicU64::new(0) }; REGISTERS];
/// Held by whoever uses the slot.
static ASKING: Mutex<()> = Mutex::new(());

/// The signal: a real-time one that nobody else here uses.
fn number() -> libc::c_int {
    libc::SIGRTMIN() + 5
}

/// Installs the handler, once. Before this nobody may be asked.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // SAFETY: all zeroes is a valid `sigaction`: no flags, an empty mask.
        let mut action: libc::sigaction = unsafe { mem::zeroed() };
        action.sa_sigaction = on_signal as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
        // On the alternate stack, as a fiber's is small and may be full; and a system call that it interrupts goes on.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
        // SAFETY: the mask is ours to write; the handler has the signature that SA_SIGINFO asks for, and keeps to what a
        // handler may do. The signal was nobody's before.
        let result = unsafe {
            libc::sigfillset(&raw mut action.sa_mask);
            libc::sigaction(number(), &raw const action, ptr::null_mut())
        };
        if result != 0 {
            log::warn!("stacks of threads cannot be read: {}", io::Error::last_os_error());
        }
    });
}

/// Lets the signal through on this thread, which may block all others.
pub(crate) fn let_through() {
    let mut set = MaybeUninit::<libc::sigset_t>::uninit();
    // SAFETY: `sigemptyset` initialises the set before it is used, and the calling thread's mask is its own.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), number());
        libc::pthread_sigmask(libc::SIG_UNBLOCK, set.as_ptr(), ptr::null_mut());
    }
}

/// An alternate stack for signals, of the thread that made it. It is given up with it.
#[derive(Debug)]
pub(super) struct SignalStack {
    memory: Option<Box<[MaybeUninit<u8>]>>,
    /// It is this thread's alone.
    _here: std::marker::PhantomData<*const ()>,
}

impl SignalStack {
    pub(super) fn install() -> SignalStack {
        let mut memory = Box::new_uninit_slice(STACK_SIGNAL_BYTES);
        let stack = libc::stack_t { ss_sp: memory.as_mut_ptr().cast(), ss_flags: 0, ss_size: memory.len() };
        // SAFETY: the memory lives until `drop` has taken it back, on this very thread, since `SignalStack` is not `Send`. It
        // is refused only where a handler runs on an old one, and we are in none.
        let result = unsafe { libc::sigaltstack(&raw const stack, ptr::null_mut()) };
        SignalStack { memory: (result == 0).then_some(memory), _here: std::marker::PhantomData }
    }
}

impl Drop for SignalStack {
    fn drop(&mut self) {
        // Not the one that was there before: that is the standard library's, which gives it up earlier than thread locals.
        let none = libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: 0 };
        // SAFETY: from here on handlers run on the thread's own stack, which is there.
        if self.memory.is_some() && unsafe { libc::sigaltstack(&raw const none, ptr::null_mut()) } != 0 {
            // Still in use: rather a little memory lost than a handler on memory that was given back.
            mem::forget(self.memory.take());
        }
    }
}

/// Holds a thread of this process and lets `walk` look at it. `walk` should need no memory: the held thread may be in
/// the middle of an allocation.
///
/// # Errors
///
/// The thread is gone, or takes no signal.
pub(super) fn hold<T>(tid: i32, walk: impl FnOnce(Registers) -> T) -> Result<Held<T>, Silent> {
    // Nothing panics while it is locked that would leave the slot in use: `walk` is the last.
    let _asking = ASKING.lock().unwrap_or_else(PoisonError::into_inner);
    let _freed = Freed;
    TID.store(tid, Ordering::Relaxed);
    STATE.store(WANTED, Ordering::Release);
    // SAFETY: no memory is involved; a thread that is gone gives an error.
    let sent = unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, number()) };
    if sent != 0 {
        // Or there are too many signals that nobody takes (RLIMIT_SIGPENDING).
        let is_gone = std::io::Error::last_os_error().raw_os_error() == Some(libc::ESRCH);
        return Err(if is_gone { Silent::Gone } else { Silent::Deaf });
    }
    futex_wait(WANTED, STACK_ANSWER);
    match STATE.compare_exchange(WANTED, FREE, Ordering::AcqRel, Ordering::Acquire) {
        Ok(_) => return Err(Silent::Deaf),
        // A few stores away.
        Err(_) => {
            while STATE.load(Ordering::Acquire) == FILLING {
                std::thread::yield_now();
            }
        }
    }
    let registers = Registers(std::array::from_fn(|index| FILLED[index].load(Ordering::Relaxed)));
    let walked = walk(registers);
    let stood_still = STATE.load(Ordering::Acquire) == READY;
    Ok(Held { walked, stood_still })
}

/// Lets the held thread go, also where a walk panics.
struct Freed;

impl Drop for Freed {
    fn drop(&mut self) {
        STATE.store(FREE, Ordering::Release);
        futex_wake();
    }
}

extern "C" fn on_signal(_: libc::c_int, _: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: `errno` of this thread, which is always there.
    let errno = unsafe { *libc::__errno_location() };
    // SAFETY: no memory is involved.
    let tid = unsafe { libc::syscall(libc::SYS_gettid) };
    let is_asked = libc::c_long::from(TID.load(Ordering::Relaxed)) == tid;
    if is_asked && STATE.compare_exchange(WANTED, FILLING, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
        // SAFETY: with SA_SIGINFO the third argument points to the interrupted context, for as long as the handler runs.
        let registers = registers_of(unsafe { &*context.cast::<libc::ucontext_t>() });
        for (slot, value) in FILLED.iter().zip(registers) {
            slot.store(value, Ordering::Relaxed);
        }
        STATE.store(READY, Ordering::Release);
        futex_wake();
        futex_wait(READY, STACK_HOLD);
        // Where it was used by now this changes nothing.
        let _ = STATE.compare_exchange(READY, RELEASED, Ordering::AcqRel, Ordering::Relaxed);
    }
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = errno };
}

#[cfg(target_arch = "x86_64")]
fn registers_of(context: &libc::ucontext_t) -> [u64; REGISTERS] {
    // In the order of the System V ABI's DWARF numbers.
    let order = [
        libc::REG_RAX,
        libc::REG_RDX,
        libc::REG_RCX,
        libc::REG_RBX,
        libc::REG_RSI,
        libc::REG_RDI,
        libc::REG_RBP,
        libc::REG_RSP,
        libc::REG_R8,
        libc::REG_R9,
        libc::REG_R10,
        libc::REG_R11,
        libc::REG_R12,
        libc::REG_R13,
        libc::REG_R14,
        libc::REG_R15,
        libc::REG_RIP,
    ];
    order.map(|register| context.uc_mcontext.gregs[register as usize].cast_unsigned())
}

#[cfg(target_arch = "aarch64")]
fn registers_of(context: &libc::ucontext_t) -> [u64; REGISTERS] {
    let machine = &context.uc_mcontext;
    std::array::from_fn(|index| match index {
        31 => machine.sp,
        32 => machine.pc,
        index => machine.regs[index],
    })
}

/// Elsewhere there are no stacks, only what threads do.
#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn registers_of(_: &libc::ucontext_t) -> [u64; REGISTERS] {
    [0; REGISTERS]
}

/// Waits while the slot is at `state`, for no longer than `time`. The kernel's interruptions are waited through, so many
/// of them that no storm of signals holds it for ever.
fn futex_wait(state: u32, time: Duration) {
    const PIECES: u32 = 16;
    let piece = time / PIECES;
    let timeout = libc::timespec {
        tv_sec: libc::time_t::try_from(piece.as_secs()).unwrap_or(0),
        tv_nsec: piece.subsec_nanos().into(),
    };
    for _ in 0..PIECES {
        if STATE.load(Ordering::Acquire) != state {
            return;
        }
        let (address, operation) = (STATE.as_ptr(), libc::FUTEX_WAIT | libc::FUTEX_PRIVATE_FLAG);
        // SAFETY: the address is that of a static, the timeout is on this stack.
        unsafe { libc::syscall(libc::SYS_futex, address, operation, state, &raw const timeout) };
    }
}

fn futex_wake() {
    let (address, operation) = (STATE.as_ptr(), libc::FUTEX_WAKE | libc::FUTEX_PRIVATE_FLAG);
    // SAFETY: the address is that of a static.
    unsafe { libc::syscall(libc::SYS_futex, address, operation, i32::MAX) };
}
