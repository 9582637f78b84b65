//! Arguments that may hold a password, such as URLs: what is wrong with one is told without repeating it, since what commands
//! write ends up in logs.

use std::ffi::OsStr;

use clap::builder::TypedValueParser;
use clap::error::ErrorKind;
use clap::{Arg, Command, Error};
use url::Url;

/// Reads a value by this function, whose error is all that is shown.
#[derive(Clone, Copy)]
pub(super) struct Unshown<T>(pub(super) fn(&str) -> Result<T, String>);

impl<T: Clone + Send + Sync + 'static> TypedValueParser for Unshown<T> {
    type Value = T;

    fn parse_ref(&self, command: &Command, argument: Option<&Arg>, value: &OsStr) -> Result<T, Error> {
        let outcome = value.to_str().ok_or_else(|| "it is not UTF-8".to_owned()).and_then(self.0);
        outcome.map_err(|wrong| {
            let name = argument.map_or_else(String::new, ToString::to_string);
            let message = format!("invalid value for '{name}': {wrong}");
            command.clone().error(ErrorKind::ValueValidation, message)
        })
    }
}

/// A URL as it stands; for what it means the command looks itself.
pub(super) fn url(text: &str) -> Result<Url, String> {
    Url::parse(text).map_err(|error| format!("{error}; write it whole, like https://example.org/feed.xml"))
}
