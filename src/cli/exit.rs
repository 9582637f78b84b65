//! Exit codes, after sysexits.h: fixed, because units and scripts branch on them.

pub const FINE: u8 = 0;
pub const USAGE: u8 = 64;
/// The database is corrupt or newer than this program; for `parse`, the bytes are no feed.
pub const DATA: u8 = 65;
/// The address is in use; for commands that ask a daemon: it does not answer, or is failing.
pub const UNAVAILABLE: u8 = 69;
pub const INTERNAL: u8 = 70;
/// Another instance holds the database, or others the threads that a start takes, or what polls take: later it may be otherwise.
pub const TEMPORARY: u8 = 75;
pub const PERMISSION: u8 = 77;
/// The configuration or the host is unfit.
pub const CONFIG: u8 = 78;
