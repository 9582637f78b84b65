//! What the demo says, in plain lines with the time since its start, and the table at its end.

use std::env;
use std::io::{self, IsTerminal, Write};
use std::time::Instant;

use crate::clock::Clock;

/// Something that the daemon should do, and whether it was seen to.
pub(super) struct Promise {
    pub(super) what: &'static str,
    pub(super) expected: String,
    pub(super) seen: String,
    pub(super) kept: bool,
}

impl Promise {
    pub(super) fn new(what: &'static str, expected: impl Into<String>, seen: impl Into<String>, kept: bool) -> Promise {
        Promise { what, expected: expected.into(), seen: seen.into(), kept }
    }
}

/// Standard output. A reader that left early, as `head` does, ends nothing.
pub(super) struct Narrator {
    started: Instant,
    has_colours: bool,
}

#[derive(Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Green,
    Red,
}

impl Narrator {
    pub(super) fn new() -> Narrator {
        // https://no-color.org: any value but an empty one.
        let refused = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Narrator { started: Clock::monotonic(), has_colours: io::stdout().is_terminal() && !refused }
    }

    /// A new part of the story.
    pub(super) fn title(&self, text: &str) {
        print(&format!("\n{}", self.styled(Style::Bold, text)));
    }

    /// What happened just now.
    pub(super) fn say(&self, text: &str) {
        let seconds = self.started.elapsed().as_secs_f64();
        print(&format!("{} {text}", self.styled(Style::Dim, &format!("{seconds:6.2} s "))));
    }

    /// Why it matters.
    pub(super) fn aside(&self, text: &str) {
        print(&format!("          {}", self.styled(Style::Dim, text)));
    }

    /// Expected against seen, a line a promise.
    pub(super) fn table(&self, promises: &[Promise]) {
        self.title("What was promised, and what was seen");
        let widest = |column: fn(&Promise) -> &str| {
            promises.iter().map(|promise| column(promise).chars().count()).max().unwrap_or(0)
        };
        let what_width = widest(|promise| promise.what);
        let expected_width = widest(|promise| &promise.expected);
        for Promise { what, expected, seen, kept } in promises {
            let mark = if *kept { self.styled(Style::Green, "✓") } else { self.styled(Style::Red, "✗") };
            print(&format!(" {mark} {what:what_width$}  {expected:expected_width$}  {seen}"));
        }
        let kept = promises.iter().filter(|promise| promise.kept).count();
        let seconds = self.started.elapsed().as_secs_f64();
        let verdict = match promises.len() - kept {
            0 => self.styled(Style::Green, &format!("All {kept} promises kept")),
            broken => self.styled(Style::Red, &format!("{broken} of {} promises broken", promises.len())),
        };
        print(&format!("\n{verdict}, in {seconds:.1} s."));
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if !self.has_colours {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => 1,
            Style::Dim => 2,
            Style::Green => 32,
            Style::Red => 31,
        };
        format!("\u{1b}[{code}m{text}\u{1b}[0m")
    }
}

fn print(line: &str) {
    let _ = writeln!(io::stdout().lock(), "{line}");
}

/// A number as people write it: `12,900`.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_grouped_by_three() {
        for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (12_900, "12,900"), (1_234_567, "1,234,567")]
        {
            assert_eq!(grouped(number), shown);
        }
    }
}
