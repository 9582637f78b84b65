//! `rssd tarpit`.

use super::exit;

#[derive(clap::Args, Debug)]
pub struct TarpitArgs {}

pub fn run(_args: &TarpitArgs) -> u8 {
    exit::INTERNAL
}
