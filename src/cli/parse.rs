//! `rssd parse`.

use super::exit;

#[derive(clap::Args, Debug)]
pub struct ParseArgs {}

pub fn run(_args: &ParseArgs) -> u8 {
    exit::INTERNAL
}
