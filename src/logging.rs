//! Logs to standard error, one line a message whatever a message holds, and never a secret of a library's debugging.

use std::io::Write;

/// Starts logging: `RUST_LOG` decides what, by default everything from `info` on.
///
/// ureq and rustls would log request heads at their debug levels, credentials included: they stay at `warn`, whatever
/// `RUST_LOG` says of everything, unless it names them.
pub fn start() {
    let wanted = std::env::var("RUST_LOG").unwrap_or_else(|_| "info".to_owned());
    let quiet = "ureq=warn,ureq_proto=warn,rustls=warn,hickory_resolver=warn,hickory_proto=warn,hickory_net=warn";
    let mut builder = env_logger::Builder::new();
    // What comes later wins, so that naming a library still turns it up.
    builder.parse_filters(&format!("{quiet},{wanted}"));
    // journald reads the level from a prefix (sd-daemon(3)) and has a time of its own.
    let under_journald = std::env::var_os("JOURNAL_STREAM").is_some();
    builder.format(move |out, record| {
        let message = escape(&record.args().to_string());
        match under_journald {
            true => writeln!(out, "<{}>{message}", priority(record.level())),
            false => writeln!(out, "{} {:<5} {message}", out.timestamp_millis(), record.level()),
        }
    });
    // Fails only where a logger runs already, as in a test.
    let _ = builder.try_init();
}

/// syslog(3) priorities.
fn priority(level: log::Level) -> u8 {
    match level {
        log::Level::Error => 3,
        log::Level::Warn => 4,
        log::Level::Info => 6,
        log::Level::Debug | log::Level::Trace => 7,
    }
}

/// A text as it may stand in a log or on a terminal: control characters, and those that turn the direction of text,
/// as escapes. Line breaks stay, with what follows indented, so that no line looks like a message of its own.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.trim_end().chars() {
        match c {
            '\n' => out.push_str("\n    "),
            '\t' => out.push(' '),
            c if c.is_control() || is_format(c) => out.extend(c.escape_unicode()),
            c => out.push(c),
        }
    }
    out
}

/// Invisible characters that change how others are shown (Unicode TR 9 and TR 36).
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_text_reaches_the_terminal_raw() {
        for (text, shown) in [
            ("plain Grüße 日本", "plain Grüße 日本"),
            ("\u{1b}[31mred", "\\u{1b}[31mred"),
            ("a\r\nb", "a\\u{d}\n    b"),
            ("\u{202e}evil", "\\u{202e}evil"),
            ("tab\there", "tab here"),
            ("bell\u{7}", "bell\\u{7}"),
            ("c1\u{9b}31m", "c1\\u{9b}31m"),
        ] {
            assert_eq!(escape(text), shown);
        }
    }
}
