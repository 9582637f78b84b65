//! `rssd check`.

use super::exit;

#[derive(clap::Args, Debug)]
pub struct CheckArgs {}

pub fn run(_args: &CheckArgs) -> u8 {
    exit::INTERNAL
}
