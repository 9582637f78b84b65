//! `rssd backup`: a copy of the database while the daemon runs.

use std::io::Write;
use std::path::PathBuf;

use super::exit;
use super::run::default_database;
use crate::store;

/// What `--help` says beside the options.
const MORE: &str = "\
The copy is of one moment, compact, and synced to disk before it has its name. To restore, stop the daemon, put the copy \
in the place of the database, remove the -wal, -shm and .lock files beside it, and start again. To clients it is another database: a \
cursor of the original is answered with 409, since both go on to number their articles alike.";

#[derive(clap::Args, Debug)]
#[command(after_help = MORE)]
pub(super) struct BackupArgs {
    /// Where to put the copy; there must be no such file yet
    #[arg(value_name = "DEST")]
    dest: PathBuf,
    /// The database [default: $STATE_DIRECTORY/rssd.db, else rssd.db]
    #[arg(long, value_name = "PATH")]
    db: Option<PathBuf>,
}

pub(super) fn run(args: &BackupArgs) -> u8 {
    let db = args.db.clone().unwrap_or_else(default_database);
    match store::backup(&db, &args.dest) {
        Ok(held) => {
            // Nobody may be reading it.
            let _ = writeln!(
                std::io::stdout().lock(),
                "{}: {} articles of {} feeds, up to seq {}",
                args.dest.display(),
                held.articles,
                held.feeds,
                held.seq_last
            );
            exit::FINE
        }
        Err(error) => {
            complain!("rssd: {error}");
            error.exit_code()
        }
    }
}
