//! Words in memory that another process may read while this one writes them.
//!
//! The memory is a sealed memfd and not a file of a file system: nobody can cut it short under us, which would be a
//! SIGBUS, and no disk stands behind it, which could make a store wait. Whoever looks opens `/proc/PID/fd/N`, by way of
//! a link in a directory that is known; where the kernel gives no memfd the words are this process's own, and nobody
//! can look.
//!
//! Invariants, beside the `SAFETY` notes below: the mapping lives as long as its owner and never shrinks; every word of
//! it is atomic, so what another process does to it is an odd value and no undefined behaviour; nothing that is read
//! back is trusted.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsRawFd;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};

/// So many words, all 0 at first.
#[derive(Debug)]
pub(super) struct Memory {
    words: NonNull<AtomicU64>,
    len: NonZeroUsize,
    /// The memfd, where there is one.
    file: Option<File>,
}

// SAFETY: what it points to is atomic, and is given back by its owner's drop alone.
unsafe impl Send for Memory {}
// SAFETY: as above.
unsafe impl Sync for Memory {}

impl Memory {
    /// Of this process alone.
    pub(super) fn own(len: NonZeroUsize) -> Memory {
        let words: Box<[AtomicU64]> = (0..len.get()).map(|_| AtomicU64::new(0)).collect();
        let words = NonNull::from(Box::leak(words)).cast();
        Memory { words, len, file: None }
    }

    /// That others may look at.
    ///
    /// # Errors
    ///
    /// The kernel gives no such memory.
    pub(super) fn shared(len: NonZeroUsize) -> io::Result<Memory> {
        let bytes = len.get() * size_of::<AtomicU64>();
        let descriptor = memfd_create(c"rssd-watch", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING)?;
        let file = File::from(descriptor);
        file.set_len(bytes as u64)?;
        fcntl(&file, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW))?;
        // SAFETY: a new mapping at a place of the kernel's choice, of a file that is as long and stays so, being sealed.
        let at = unsafe {
            let (protection, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED);
            libc::mmap(ptr::null_mut(), bytes, protection, flags, file.as_raw_fd(), 0)
        };
        if at == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let words = NonNull::new(at.cast()).ok_or(io::ErrorKind::OutOfMemory)?;
        let memory = Memory { words, len, file: Some(file) };
        // Every page now, and none when a core first writes to it.
        memory.words().iter().for_each(|word| word.store(0, Ordering::Relaxed));
        Ok(memory)
    }

    pub(super) fn words(&self) -> &[AtomicU64] {
        // SAFETY: so many words lie there, aligned (a page, or a box of them), for as long as `self` does.
        unsafe { slice::from_raw_parts(self.words.as_ptr(), self.len.get()) }
    }

    /// The number of the descriptor under which another process finds it.
    pub(super) fn descriptor(&self) -> Option<i32> {
        self.file.as_ref().map(AsRawFd::as_raw_fd)
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        let (words, len) = (self.words.as_ptr(), self.len.get());
        match self.file {
            // SAFETY: the mapping that `shared` made; nobody has a reference into it any more.
            Some(_) => drop(unsafe { libc::munmap(words.cast(), len * size_of::<AtomicU64>()) }),
            // SAFETY: the box that `own` leaked.
            None => drop(unsafe { Box::from_raw(ptr::slice_from_raw_parts_mut(words, len)) }),
        }
    }
}
