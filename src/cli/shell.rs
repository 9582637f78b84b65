//! `rssd completions` and `rssd man`: made from the same definitions as the arguments.

use std::io::{self, Write};

use clap::CommandFactory;
use clap_complete::Shell;

use super::{Cli, exit};

#[derive(clap::Args, Debug)]
pub(super) struct CompletionsArgs {
    /// The shell that is to complete
    shell: Shell,
}

pub(super) fn completions(args: &CompletionsArgs) -> u8 {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "rssd", &mut script);
    print(&script)
}

pub(super) fn man() -> u8 {
    let mut page = Vec::new();
    match clap_mangen::Man::new(Cli::command()).render(&mut page) {
        Ok(()) => print(&page),
        Err(error) => {
            complain!("rssd: cannot write the man page: {error}");
            exit::INTERNAL
        }
    }
}

/// A reader that left early, as `head` does, is no error.
fn print(text: &[u8]) -> u8 {
    let _ = io::stdout().lock().write_all(text);
    exit::FINE
}
