//! `rssd man`: the manual pages, from the definitions that arguments and feeds.toml are read by.

use std::io::{self, Write};

use clap::{Command, CommandFactory, ValueEnum};
use clap_mangen::Man;
use roff::{Roff, bold, italic, roman};

use super::{Cli, exit};
use crate::config::reference::{self, Key};

#[derive(clap::Args, Debug)]
pub(super) struct ManArgs {
    /// Which page
    #[arg(value_enum, default_value_t = Page::Rssd)]
    page: Page,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Page {
    /// rssd(1): the commands
    Rssd,
    /// feeds.toml(5): the configuration
    #[value(name = "feeds.toml")]
    FeedsToml,
}

/// What the process leaves with, and when.
const EXITS: [(u8, &str); 8] = [
    (exit::FINE, "Fine."),
    (exit::USAGE, "The command line is wrong."),
    (exit::DATA, "The database is corrupt, newer than this program, or no database; parse and fetch: no feed."),
    (exit::UNAVAILABLE, "The address is in use; commands that ask a daemon: it does not answer, or is failing."),
    (exit::INTERNAL, "Internal, or the disk."),
    (
        exit::TEMPORARY,
        "Another instance holds the database, or there is no thread to be had at this moment; --once: feeds were left out for want \
         of descriptors or memory.",
    ),
    (exit::PERMISSION, "Permission, or the token that a daemon asks for."),
    (exit::CONFIG, "feeds.toml has mistakes, or the host is unfit (no io_uring, too little locked memory)."),
];

/// What the daemon does when it is told by a signal.
const SIGNALS: [(&str, &str); 4] = [
    (
        "SIGTERM, SIGINT",
        "No new polls, fetches in flight cancelled, what is parsed committed; gone within 5 s. A second one: at once.",
    ),
    (
        "SIGHUP",
        "feeds.toml is read again; feeds are added, changed and removed without a restart. With a mistake in it nothing changes.",
    ),
    ("SIGUSR1", "What is in flight is logged: feed, phase, age."),
    ("SIGQUIT", "The stack of every thread is logged, and the daemon goes on."),
];

pub(super) fn run(args: &ManArgs) -> u8 {
    let page = match args.page {
        Page::Rssd => rssd(),
        Page::FeedsToml => feeds_toml(),
    };
    match page {
        Ok(page) => {
            // A reader that left early, as `head` does, is no error.
            let _ = io::stdout().lock().write_all(&page);
            exit::FINE
        }
        Err(error) => {
            complain!("rssd: cannot write the man page: {error}");
            exit::INTERNAL
        }
    }
}

/// rssd(1), with every command on the one page.
fn rssd() -> io::Result<Vec<u8>> {
    let mut command = Cli::command();
    // Names as they are called: `rssd check`.
    command.build();
    let mut page = Vec::new();
    let man = Man::new(command.clone()).source(concat!("rssd ", env!("CARGO_PKG_VERSION"))).manual("User Commands");
    man.render_title(&mut page)?;
    man.render_name_section(&mut page)?;
    man.render_synopsis_section(&mut page)?;
    man.render_description_section(&mut page)?;
    man.render_options_section(&mut page)?;
    let mut heading = Roff::new();
    heading.control("SH", ["COMMANDS"]);
    heading.to_writer(&mut page)?;
    for one in command.get_subcommands().filter(|one| one.get_name() != "help") {
        page.extend(section_of(one)?);
    }
    let mut rest = Roff::new();
    rest.control("SH", ["EXIT STATUS"]);
    for (code, meaning) in EXITS {
        rest.control("TP", []).text([bold(code.to_string())]).text([roman(meaning)]);
    }
    rest.control("SH", ["SIGNALS"]);
    for (signal, meaning) in SIGNALS {
        rest.control("TP", []).text([bold(signal)]).text([roman(meaning)]);
    }
    rest.control("SH", ["SEE ALSO"]).text([bold("feeds.toml"), roman("(5)")]);
    rest.to_writer(&mut page)?;
    Ok(page)
}

/// A command as a part of the page: its own headings are below the part's.
fn section_of(command: &Command) -> io::Result<Vec<u8>> {
    let mut text = Vec::new();
    let man = Man::new(command.clone());
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    let text = String::from_utf8_lossy(&text);
    let mut part = Vec::new();
    let name = command.get_bin_name().unwrap_or(command.get_name()).to_owned();
    let mut heading = Roff::new();
    heading.control("SS", [name.as_str()]);
    heading.to_writer(&mut part)?;
    // The first heading of each document comes with macros that the page has already.
    let lines = text.lines().filter(|line| !line.starts_with(".ie") && !line.starts_with(".el"));
    for line in lines {
        match line.strip_prefix(".SH ") {
            Some("SYNOPSIS" | "DESCRIPTION" | "OPTIONS") => part.extend(b".PP\n"),
            Some(other) => part.extend(format!(".PP\n\\fB{other}\\fR\n").into_bytes()),
            None => part.extend(format!("{line}\n").into_bytes()),
        }
    }
    Ok(part)
}

/// feeds.toml(5).
fn feeds_toml() -> io::Result<Vec<u8>> {
    let mut page = Roff::new();
    page.control("TH", ["feeds.toml", "5", "", concat!("rssd ", env!("CARGO_PKG_VERSION")), "File Formats"]);
    page.control("SH", ["NAME"]).text([roman("feeds.toml - what rssd reads, and how")]);
    page.control("SH", ["DESCRIPTION"])
        .text([roman("A file in TOML (https://toml.io), named by --feeds. The least that works is one feed:")]);
    page.control("PP", []).control("nf", []);
    for line in ["[[feed]]", "name = \"bbc-world\"", "url = \"https://feeds.bbci.co.uk/news/world/rss.xml\""] {
        page.text([roman(line)]);
    }
    page.control("fi", []).control("PP", []).text([
        bold("rssd check"),
        roman(
            " reports every mistake in it at once, with line and column. A running daemon reads it again on SIGHUP, all of it \
             or nothing; what stands under [daemon] is taken up at the next start.",
        ),
    ]);
    page.control("PP", []).text([roman(
        "Durations are a whole number and one of ms, s, m, h, d (\"90s\", \"15m\", \"24h\", \"7d\"); sizes one and B, KiB, MiB or \
         GiB (\"512KiB\", \"8MiB\"). Relative paths start at the folder of the file that they stand in. A path may begin with \
         $CREDENTIALS_DIRECTORY/, which is where systemd puts what LoadCredential= names. Unknown keys are mistakes.",
    )]);
    section(&mut page, "AT THE TOP", "", &reference::top());
    section(&mut page, "[daemon]", "What holds for the process.", &reference::daemon());
    section(&mut page, "[[feed]]", "One such table a feed. Its own are:", &reference::feed_only());
    section(
        &mut page,
        "[defaults] and [[feed]]",
        "Under [defaults] for all feeds, and under a [[feed]] for that one, which wins.",
        &reference::feed(),
    );
    page.control("SH", ["SEE ALSO"]).text([bold("rssd"), roman("(1)")]);
    let mut text = Vec::new();
    page.to_writer(&mut text)?;
    Ok(text)
}

fn section(page: &mut Roff, heading: &str, about: &str, keys: &[Key]) {
    page.control("SH", [heading]);
    if !about.is_empty() {
        page.text([roman(about)]);
    }
    for key in keys {
        page.control("TP", []).text([bold(key.name), roman(" = "), italic(key.value.words())]);
        page.text([roman(format!("{} Default: {}.", key.meaning, key.default))]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(page: io::Result<Vec<u8>>) -> String {
        // As a reader sees it: hyphens are escaped.
        String::from_utf8(page.unwrap()).unwrap().replace("\\-", "-")
    }

    #[test]
    fn the_page_of_the_commands_has_every_command_and_every_option() {
        let page = text(rssd());
        let mut command = Cli::command();
        command.build();
        let mut options = 0;
        for one in command.get_subcommands().filter(|one| one.get_name() != "help").chain([&command]) {
            let name = one.get_bin_name().unwrap_or("rssd");
            let part = match one.get_name() {
                "rssd" => page.split(".SH COMMANDS").next().unwrap(),
                _ => {
                    let heading = format!(".SS \"{name}\"\n");
                    let (_, rest) = page.split_once(&heading).unwrap_or_else(|| panic!("{heading} is not in\n{page}"));
                    rest.split(".SS ").next().unwrap()
                }
            };
            for option in one.get_opts() {
                let long = format!("--{}", option.get_long().expect("every option has a long name"));
                assert!(part.contains(&long), "{name}: {long}\n{part}");
                options += 1;
            }
        }
        assert!(options > 20, "{options}");
        for (code, meaning) in EXITS {
            assert!(page.contains(&format!("\\fB{code}\\fR\n{meaning}")), "{code}\n{page}");
        }
    }

    #[test]
    fn the_page_of_the_file_has_every_key_with_default_and_bounds() {
        let page = text(feeds_toml());
        let keys = [reference::top(), reference::daemon(), reference::feed_only(), reference::feed()].concat();
        for key in keys {
            assert!(page.contains(&format!("\\fB{}\\fR = ", key.name)), "{}", key.name);
            assert!(page.contains(&format!("Default: {}.", key.default)), "{}: {}", key.name, key.default);
        }
    }
}
