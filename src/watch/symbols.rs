//! From addresses to names of functions, files and lines. Slow, and hungry for memory: on a thread that nobody waits for.

use std::ffi::c_void;
use std::fmt::Write as _;
use std::path::Path;

use super::unwind::Addresses;

/// Below it every thread looks the same.
const FIRST_FRAME: &str = "__rust_begin_short_backtrace";

/// A line a frame, the innermost first.
pub(super) fn lines(addresses: &Addresses) -> String {
    let mut text = String::new();
    for (number, address) in addresses.iter().enumerate() {
        let mut named = false;
        let mut is_first = false;
        // It looks one byte before what it is given, as that is mostly where a call returns to.
        backtrace::resolve((address as usize + 1) as *mut c_void, |symbol| {
            let Some(name) = symbol.name() else { return };
            // Without the hash that the compiler adds.
            let name = format!("{name:#}");
            is_first |= name.contains(FIRST_FRAME);
            let place = symbol.filename().map(|file| match symbol.lineno() {
                Some(line) => format!(" at {}:{line}", short(file)),
                None => format!(" at {}", short(file)),
            });
            // What was inlined stands under the same number. Writing to a string does not fail.
            match named {
                false => drop(write!(text, "\n{number:>3}: {name}{}", place.unwrap_or_default())),
                true => drop(write!(text, "\n     {name}{}", place.unwrap_or_default())),
            }
            named = true;
        });
        if is_first {
            break;
        }
        if !named {
            let _ = write!(text, "\n{number:>3}: {address:#x}");
        }
    }
    text
}

/// Gives back what was read of the program's debugging information: it may be a hundred megabytes.
pub(super) fn forget() {
    backtrace::clear_symbol_cache();
}

/// A source's path without where it lay when it was compiled.
fn short(file: &Path) -> String {
    let path = file.to_string_lossy();
    for (mark, keep) in [("/registry/src/", 1), ("/rustc/", 1)] {
        if let Some((_, rest)) = path.split_once(mark) {
            return rest.splitn(keep + 1, '/').nth(keep).unwrap_or(rest).to_owned();
        }
    }
    let here = concat!(env!("CARGO_MANIFEST_DIR"), "/");
    path.strip_prefix(here).unwrap_or(&path).to_owned()
}
