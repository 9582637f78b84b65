//! SQLite's own VFS with a [`Disk`] in front of its files: each change is asked for there first.
//!
//! Invariants, on which all of the unsafe code here stands:
//!
//! - a [`Vfs`] that was registered is never freed, only unregistered: a connection may still hold it;
//! - it is a copy of SQLite's own but for its name, the size of a file, `xOpen` and `xDelete`, and what else is in it does
//!   not look at which VFS it was called for;
//! - a file is a [`File`] with SQLite's own file right behind it, in the room that SQLite has made for both; it has its
//!   methods only while that one is open, and `front` from then until it is closed;
//! - memory that SQLite hands over is as long as it says for as long as the call lasts.
#![allow(unsafe_code)]

use std::cell::Cell;
use std::ffi::{CStr, CString, OsStr, c_char, c_int, c_void};
use std::mem::size_of;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::ptr;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use rusqlite::ffi::{self, sqlite3_file, sqlite3_filename, sqlite3_int64, sqlite3_io_methods, sqlite3_vfs};

use super::disk::{Change, Disk, Verdict};

/// A registered VFS, until it is dropped.
pub(super) struct Vfs {
    raw: *mut sqlite3_vfs,
    pub(super) name: &'static CStr,
}

/// What `pAppData` leads to.
struct Shim {
    own: *mut sqlite3_vfs,
    /// Gone when the test is done with it.
    disk: Weak<Disk>,
}

#[repr(C)]
struct File {
    methods: *const sqlite3_io_methods,
    front: *mut Front,
}

struct Front {
    disk: Arc<Disk>,
    /// `None`: no later process finds it.
    path: Option<PathBuf>,
    /// SQLite's own VFS syncs the directory with the first sync of a journal or a `-wal` that it may have made.
    syncs_directory: Cell<bool>,
}

impl Vfs {
    pub(super) fn new(disk: &Arc<Disk>) -> Vfs {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let name = CString::new(format!("disk-{}", NEXT.fetch_add(1, Ordering::Relaxed))).unwrap();
        let name: &'static CStr = Box::leak(name.into_boxed_c_str());
        // SAFETY: finding initialises the library; SQLite's own is there for ever and is copied whole. What is registered
        // is leaked.
        let raw = unsafe {
            let own = ffi::sqlite3_vfs_find(c"unix".as_ptr());
            assert!(!own.is_null(), "no VFS called unix");
            let mut vfs = *own;
            vfs.szOsFile += c_int::try_from(size_of::<File>()).unwrap();
            vfs.pNext = ptr::null_mut();
            vfs.zName = name.as_ptr();
            vfs.pAppData = Box::into_raw(Box::new(Shim { own, disk: Arc::downgrade(disk) })).cast();
            vfs.xOpen = Some(open);
            vfs.xDelete = Some(delete);
            let raw = Box::into_raw(Box::new(vfs));
            assert_eq!(ffi::sqlite3_vfs_register(raw, 0), ffi::SQLITE_OK);
            raw
        };
        Vfs { raw, name }
    }
}

impl Drop for Vfs {
    fn drop(&mut self) {
        // SAFETY: it was registered, and stays where it is.
        unsafe {
            ffi::sqlite3_vfs_unregister(self.raw);
        }
    }
}

/// # Safety
///
/// `vfs` is one that [`Vfs::new`] made.
unsafe fn shim<'a>(vfs: *mut sqlite3_vfs) -> &'a Shim {
    // SAFETY: its `pAppData` is a Shim that is never freed.
    unsafe { &*(*vfs).pAppData.cast() }
}

/// # Safety
///
/// `file` is the room for one of ours, or one that is open.
unsafe fn own(file: *mut sqlite3_file) -> *mut sqlite3_file {
    // SAFETY: the room goes on behind a File, whose size keeps the alignment.
    unsafe { file.cast::<File>().add(1).cast() }
}

/// # Safety
///
/// `name` is null or a string that ends.
unsafe fn path(name: *const c_char) -> Option<PathBuf> {
    // SAFETY: so it is said.
    (!name.is_null()).then(|| unsafe { Path::new(OsStr::from_bytes(CStr::from_ptr(name).to_bytes())).to_owned() })
}

unsafe extern "C" fn open(
    vfs: *mut sqlite3_vfs,
    name: sqlite3_filename,
    file: *mut sqlite3_file,
    flags: c_int,
    flags_out: *mut c_int,
) -> c_int {
    // SAFETY: SQLite calls it with a VFS of ours, a name or none, and room for a file. The name goes on as it came: its
    // parameters stand behind it.
    unsafe {
        let shim = shim(vfs);
        let file = file.cast::<File>();
        (*file).methods = ptr::null();
        let Some(disk) = shim.disk.upgrade() else { return ffi::SQLITE_CANTOPEN };
        let path = path(name);
        if path.as_ref().is_some_and(|path| !disk.opens(path)) {
            return ffi::SQLITE_CANTOPEN;
        }
        let opens = (*shim.own).xOpen.expect("every VFS opens files");
        let result = opens(shim.own, name, own(file.cast()), flags, flags_out);
        if result == ffi::SQLITE_OK {
            let journals = ffi::SQLITE_OPEN_MAIN_JOURNAL | ffi::SQLITE_OPEN_SUPER_JOURNAL | ffi::SQLITE_OPEN_WAL;
            let syncs_directory = Cell::new(flags & ffi::SQLITE_OPEN_CREATE != 0 && flags & journals != 0);
            let front = Front { disk, path, syncs_directory };
            (*file).front = Box::into_raw(Box::new(front));
            (*file).methods = &METHODS;
        }
        result
    }
}

unsafe extern "C" fn delete(vfs: *mut sqlite3_vfs, name: *const c_char, sync_dir: c_int) -> c_int {
    // SAFETY: SQLite calls it with a VFS of ours and the name of a file.
    unsafe {
        let shim = shim(vfs);
        let path = path(name).expect("a file that is deleted has a name");
        let Some(disk) = shim.disk.upgrade() else { return ffi::SQLITE_IOERR_DELETE };
        match disk.changes_by(&path, Change::Delete { is_synced: sync_dir != 0 }) {
            // Nothing here has to outlive the machine.
            Verdict::Done => (*shim.own).xDelete.expect("every VFS deletes files")(shim.own, name, 0),
            Verdict::Fails(error) | Verdict::Torn(_, error) => error,
        }
    }
}

/// Asks the disk.
///
/// # Safety
///
/// `file` is open.
unsafe fn ask(file: *mut sqlite3_file, change: Change<'_>) -> Verdict {
    // SAFETY: so it is said.
    match unsafe { front(file) } {
        Front { disk, path: Some(path), .. } => disk.changes_by(path, change),
        Front { path: None, .. } => Verdict::Done,
    }
}

/// # Safety
///
/// `file` is open, and stays so for as long as this is used.
unsafe fn front<'a>(file: *mut sqlite3_file) -> &'a Front {
    // SAFETY: an open file has one.
    unsafe { &*(*file.cast::<File>()).front }
}

unsafe extern "C" fn write(file: *mut sqlite3_file, bytes: *const c_void, len: c_int, at: sqlite3_int64) -> c_int {
    // SAFETY: the file is open, and there are so many bytes.
    unsafe {
        let own = own(file);
        let writes = (*(*own).pMethods).xWrite.expect("every file is written");
        let slice = slice::from_raw_parts(bytes.cast::<u8>(), usize::try_from(len).unwrap());
        match ask(file, Change::Write { at: at.unsigned_abs(), bytes: slice }) {
            Verdict::Done => writes(own, bytes, len, at),
            Verdict::Fails(error) => error,
            Verdict::Torn(len, error) => {
                writes(own, bytes, c_int::try_from(len).unwrap(), at);
                error
            }
        }
    }
}

unsafe extern "C" fn truncate(file: *mut sqlite3_file, len: sqlite3_int64) -> c_int {
    // SAFETY: the file is open.
    unsafe {
        let own = own(file);
        match ask(file, Change::Truncate(len.unsigned_abs())) {
            Verdict::Done => (*(*own).pMethods).xTruncate.expect("every file is truncated")(own, len),
            Verdict::Fails(error) | Verdict::Torn(_, error) => error,
        }
    }
}

/// The real one is left out: what is durable is for the disk to say.
unsafe extern "C" fn sync(file: *mut sqlite3_file, _flags: c_int) -> c_int {
    // SAFETY: the file is open.
    let (directory, verdict) = unsafe {
        let directory = &front(file).syncs_directory;
        (directory, ask(file, Change::Sync { directory: directory.get() }))
    };
    match verdict {
        Verdict::Done => {
            directory.set(false);
            ffi::SQLITE_OK
        }
        Verdict::Fails(error) | Verdict::Torn(_, error) => error,
    }
}

unsafe extern "C" fn close(file: *mut sqlite3_file) -> c_int {
    // SAFETY: the file is open, and nobody uses it from here on.
    unsafe {
        drop(Box::from_raw((*file.cast::<File>()).front));
        let own = own(file);
        (*(*own).pMethods).xClose.expect("every file is closed")(own)
    }
}

/// What nobody has to be asked for.
macro_rules! as_it_is {
    ($($name:ident is $method:ident ($($argument:ident: $type:ty),*) -> $result:ty;)*) => {$(
        unsafe extern "C" fn $name(file: *mut sqlite3_file, $($argument: $type),*) -> $result {
            // SAFETY: the file is open, and its methods are there for as long as SQLite's own VFS.
            unsafe {
                let own = own(file);
                (*(*own).pMethods).$method.expect("SQLite's own files have all methods")(own, $($argument),*)
            }
        }
    )*};
}

as_it_is! {
    read is xRead (into: *mut c_void, len: c_int, at: sqlite3_int64) -> c_int;
    size is xFileSize (into: *mut sqlite3_int64) -> c_int;
    lock is xLock (level: c_int) -> c_int;
    unlock is xUnlock (level: c_int) -> c_int;
    check_lock is xCheckReservedLock (into: *mut c_int) -> c_int;
    control is xFileControl (code: c_int, about: *mut c_void) -> c_int;
    sector is xSectorSize () -> c_int;
    characteristics is xDeviceCharacteristics () -> c_int;
    shm_map is xShmMap (page: c_int, len: c_int, extends: c_int, into: *mut *mut c_void) -> c_int;
    shm_lock is xShmLock (from: c_int, count: c_int, flags: c_int) -> c_int;
    shm_barrier is xShmBarrier () -> ();
    shm_unmap is xShmUnmap (deletes: c_int) -> c_int;
}

/// Version 2: nothing is mapped but the `-shm`, so that every change is seen.
static METHODS: sqlite3_io_methods = sqlite3_io_methods {
    iVersion: 2,
    xClose: Some(close),
    xRead: Some(read),
    xWrite: Some(write),
    xTruncate: Some(truncate),
    xSync: Some(sync),
    xFileSize: Some(size),
    xLock: Some(lock),
    xUnlock: Some(unlock),
    xCheckReservedLock: Some(check_lock),
    xFileControl: Some(control),
    xSectorSize: Some(sector),
    xDeviceCharacteristics: Some(characteristics),
    xShmMap: Some(shm_map),
    xShmLock: Some(shm_lock),
    xShmBarrier: Some(shm_barrier),
    xShmUnmap: Some(shm_unmap),
    xFetch: None,
    xUnfetch: None,
};
