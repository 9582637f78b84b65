//! How long a file plays, as podcasts write it: `1:02:03`, `62:03`, `3723`, `3723.5`, `PT1H2M3S`.
//!
//! Whole seconds. What is none of these, or longer than a year, is no duration; zero is how software writes "unknown".

/// A longer text is no duration.
const DURATION_BYTES_MAX: usize = 32;

/// Nothing plays longer: it is then a time stamp, or nonsense.
const DURATION_S_MAX: u64 = 366 * 24 * 3600;

/// The seconds that `text` names.
pub(crate) fn parse(text: &str) -> Option<u64> {
    let text = text.trim();
    if text.len() > DURATION_BYTES_MAX {
        return None;
    }
    let seconds = if text.starts_with(['P', 'p']) { iso(text) } else { clock(text) };
    seconds.filter(|seconds| (1..=DURATION_S_MAX).contains(seconds))
}

/// Up to three figures between colons, the last with a fraction perhaps. Minutes may be more than sixty.
fn clock(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
    if !fraction.bytes().all(|b| b.is_ascii_digit()) || whole.split(':').count() > 3 {
        return None;
    }
    whole.split(':').try_fold(0u64, |sum, figures| sum.checked_mul(60)?.checked_add(number(figures)?))
}

/// `P1DT2H3M4S`, in whole or in part (ISO 8601), without months and years, which have no length.
fn iso(text: &str) -> Option<u64> {
    let mut rest = &text[1..];
    let mut sum = 0u64;
    while !rest.is_empty() {
        rest = rest.strip_prefix(['T', 't']).unwrap_or(rest);
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let figures = rest[..end].split('.').next()?;
        let unit_s = match rest.as_bytes()[end].to_ascii_uppercase() {
            b'D' => 24 * 3600,
            b'H' => 3600,
            b'M' => 60,
            b'S' => 1,
            _ => return None,
        };
        sum = sum.checked_add(number(figures)?.checked_mul(unit_s)?)?;
        rest = &rest[end + 1..];
    }
    Some(sum)
}

/// Figures and nothing else.
fn number(figures: &str) -> Option<u64> {
    let figures = figures.trim();
    figures.bytes().all(|b| b.is_ascii_digit()).then(|| figures.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_as_podcasts_write_them() {
        for (text, want) in [
            ("3723", Some(3723)),
            (" 1:02:03 ", Some(3723)),
            ("62:03", Some(3723)),
            ("00:00:59", Some(59)),
            ("3723.9", Some(3723)),
            ("1:02:03.500", Some(3723)),
            ("PT1H2M3S", Some(3723)),
            ("PT62M3.4S", Some(3723)),
            ("P1DT1S", Some(86401)),
            ("0", None),
            ("00:00", None),
            ("", None),
            (":", None),
            ("1:2:3:4", None),
            ("-5", None),
            ("+5", None),
            ("5 min", None),
            ("P", None),
            ("P1Y", None),
            ("PT1", None),
            ("PT\u{e9}", None),
            ("1:\u{ff11}", None),
            ("1714867200", None),
            ("99999999999999999999999999", None),
            ("9999999999999999999:9999999999", None),
        ] {
            assert_eq!(parse(text), want, "{text}");
        }
    }
}
