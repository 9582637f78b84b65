//! `sfeed_update` and `newsboat`, with their parallelism raised.

use std::fmt::Write as _;
use std::fs;
use std::process::{Command, Stdio};

use rusqlite::{Connection, OpenFlags};

use crate::run::Run;
use crate::support::Home;

/// Downloads at once; sfeed_update has 16 of them where nobody says, newsboat one.
const AT_ONCE: usize = 64;

/// Both, as far as they are wanted and installed, at a first round of these.
pub(crate) fn readers(urls: &[String], articles_each: u64) -> Vec<Run> {
    let mut runs = Vec::new();
    if crate::is_alone() {
        return runs;
    }
    for (program, run) in [("sfeed_update", sfeed as fn(&[String], u64) -> Run), ("newsboat", newsboat)] {
        let is_there = Command::new("sh").args(["-c", &format!("command -v {program}")]).stdout(Stdio::null()).status();
        if is_there.is_ok_and(|status| status.success()) {
            runs.push(run(urls, articles_each));
        } else {
            println!("SKIPPED: {program} is not installed");
        }
    }
    runs
}

/// It writes a file a feed, each moved into its place when it is whole.
fn sfeed(urls: &[String], articles_each: u64) -> Run {
    let home = Home::new();
    let folder = home.path("feeds");
    let mut configuration = format!("sfeedpath={:?}\nmaxjobs={AT_ONCE}\nfeeds() {{\n", folder.display().to_string());
    for (number, url) in urls.iter().enumerate() {
        writeln!(configuration, "\tfeed 'f{number}' '{url}'").expect("a String takes every write");
    }
    let file = home.write("sfeedrc", configuration + "}\n");
    let wanted = urls.len() as u64 * articles_each;
    let stored = || {
        let files = fs::read_dir(&folder).into_iter().flatten().flatten();
        let whole =
            files.filter(|file| file.file_name().to_string_lossy().trim_start_matches('f').parse::<u64>().is_ok());
        whole.count() as u64 * articles_each
    };
    let mut run = super::run("sfeed_update", Command::new("sfeed_update").arg(file), wanted, stored, false);
    // A shell's, and not that of what it runs.
    (run.held.peak_kib, run.held.written_bytes, run.held.threads) = (0, 0, 0);
    run
}

fn newsboat(urls: &[String], articles_each: u64) -> Run {
    let home = Home::new();
    let list = home.write("urls", urls.join("\n"));
    let configuration = home.write("config", format!("reload-threads {AT_ONCE}\nmax-items 0\n"));
    let cache = home.path("cache.db");
    let wanted = urls.len() as u64 * articles_each;
    let mut command = Command::new("newsboat");
    command.arg("-u").arg(list).arg("-C").arg(configuration).arg("-c").arg(&cache).args(["-x", "reload"]);
    command.env("HOME", home.dir());
    // Nobody looks meanwhile: its database has no WAL, so that a reader would keep it from writing.
    let run = super::run("newsboat", &mut command, wanted, || 0, true);
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(&cache, flags).expect("newsboat has made it");
    let stored: i64 = db.query_row("SELECT count(*) FROM rss_item", [], |row| row.get(0)).expect("it has that table");
    println!("newsboat stored {stored} of {wanted} articles");
    run
}
