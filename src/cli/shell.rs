//! `rssd completions`: made from the same definitions as the arguments.

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
    // A reader that left early, as `head` does, is no error.
    let _ = io::stdout().lock().write_all(&script);
    exit::FINE
}
