//! The program and its libraries as they lie in memory, with their unwinding tables.
//!
//! Invariant: nothing in this process unloads a library (no `dlclose`), so what was found stays where it is.
#![allow(unsafe_code)]

use std::slice;

use gimli::{BaseAddresses, EhFrame, EhFrameHdr, EndianSlice, NativeEndian, ParsedEhFrameHdr};

pub(super) type Bytes = EndianSlice<'static, NativeEndian>;

/// One of them.
pub(super) struct Module {
    /// Where its segments lie: address and length.
    segments: Vec<(u64, u64)>,
    pub(super) tables: Option<Tables>,
}

pub(super) struct Tables {
    pub(super) index: ParsedEhFrameHdr<Bytes>,
    pub(super) frames: EhFrame<Bytes>,
    pub(super) bases: BaseAddresses,
}

impl Module {
    pub(super) fn holds(&self, address: u64) -> bool {
        self.segments.iter().any(|(start, len)| (*start..start + len).contains(&address))
    }
}

/// All that are loaded.
pub(super) fn loaded() -> Vec<Module> {
    let mut modules: Vec<Module> = Vec::new();
    // SAFETY: the callback is given this very vector and keeps no reference to it.
    unsafe { libc::dl_iterate_phdr(Some(note), (&raw mut modules).cast()) };
    modules
}

unsafe extern "C" fn note(info: *mut libc::dl_phdr_info, _: libc::size_t, modules: *mut libc::c_void) -> libc::c_int {
    // SAFETY: the loader gives a valid description for the time of this call, and `modules` is the vector of `loaded`.
    let (info, modules) = unsafe { (&*info, &mut *modules.cast::<Vec<Module>>()) };
    if info.dlpi_phdr.is_null() {
        return 0;
    }
    // SAFETY: so many headers lie there, as the loader says.
    let headers = unsafe { slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()) };
    // Types differ between machines of 32 and of 64 bits.
    #[allow(clippy::useless_conversion, clippy::unnecessary_cast)]
    let place = |header: &libc::Elf64_Phdr| (info.dlpi_addr as u64 + header.p_vaddr, header.p_filesz);
    let segments: Vec<_> = headers.iter().filter(|header| header.p_type == libc::PT_LOAD).map(place).collect();
    let index = headers.iter().find(|header| header.p_type == libc::PT_GNU_EH_FRAME).map(place);
    let tables = index.and_then(|index| tables(index, &segments));
    modules.push(Module { segments, tables });
    0
}

fn tables((at, len): (u64, u64), segments: &[(u64, u64)]) -> Option<Tables> {
    let bases = BaseAddresses::default().set_eh_frame_hdr(at);
    let index = EhFrameHdr::new(bytes(at, len)?, NativeEndian).parse(&bases, 8).ok()?;
    let gimli::Pointer::Direct(frames_at) = index.eh_frame_ptr() else { return None };
    // How long they are stands nowhere; no further than the segment that they lie in.
    let (start, len) = segments.iter().find(|(start, len)| (*start..start + len).contains(&frames_at))?;
    let frames = EhFrame::new(bytes(frames_at, start + len - frames_at)?, NativeEndian);
    Some(Tables { index, frames, bases: bases.set_eh_frame(frames_at) })
}

fn bytes(at: u64, len: u64) -> Option<&'static [u8]> {
    if at == 0 {
        return None;
    }
    // SAFETY: a part of a loaded segment, as the loader's headers say; it is read-only, or at least written by nobody once
    // it is relocated, and stays where it is.
    Some(unsafe { slice::from_raw_parts(usize::try_from(at).ok()? as *const u8, usize::try_from(len).ok()?) })
}
