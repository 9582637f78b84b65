//! Times of day and zones, as any date may have them.

use jiff::civil::Time;

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Meridian {
    Am,
    Pm,
}

/// `am` or `pm` at the start of a text, and what follows it.
pub(super) fn meridian(text: &str) -> (Option<Meridian>, &str) {
    for (name, value) in [("am", Meridian::Am), ("a.m", Meridian::Am), ("pm", Meridian::Pm), ("p.m", Meridian::Pm)] {
        if let Some(rest) = text.strip_prefix(name) {
            let rest = rest.trim_start_matches('.');
            if !rest.starts_with(char::is_alphabetic) {
                return (Some(value), rest);
            }
        }
    }
    (None, text)
}

/// A time of day, and the milliseconds by which it goes beyond: 24:00 is the end of the day. Nothing is midnight.
pub(super) fn clock_time(text: &str, meridian: Option<Meridian>) -> Option<(Time, i64)> {
    let compact = text.bytes().take_while(u8::is_ascii_digit).count();
    let (hour, minute, second) = if !text.contains(':') && matches!(compact, 4 | 6) {
        (&text[..2], &text[2..4], &text[4..])
    } else {
        let mut parts = text.splitn(3, ':');
        (parts.next().unwrap_or(""), parts.next().unwrap_or(""), parts.next().unwrap_or(""))
    };
    let number = |s: &str| if s.is_empty() { Some(0) } else { s.parse::<i8>().ok() };
    // Some write the milliseconds after a fourth colon.
    let (whole, fraction) = second.split_once(['.', ',', ':']).unwrap_or((second, ""));
    let mut hour = number(hour)?;
    match meridian {
        Some(Meridian::Pm) if hour < 12 => hour += 12,
        Some(Meridian::Am) if hour == 12 => hour = 0,
        _ => {}
    }
    let mut beyond_ms = 0;
    if hour == 24 {
        hour = 0;
        beyond_ms = 24 * 3600 * 1000;
    }
    // A leap second is the second before it: nobody orders articles by less.
    let second = number(whole)?.min(59);
    let millis = fraction
        .bytes()
        .take(3)
        .take_while(u8::is_ascii_digit)
        .zip([100, 10, 1])
        .map(|(digit, unit)| i64::from(digit - b'0') * unit)
        .sum::<i64>();
    Some((Time::new(hour, number(minute)?, second, 0).ok()?, beyond_ms + millis))
}

/// Seconds east of Greenwich, of a zone in figures or by its name; nothing is UTC, and so is a name nobody knows.
pub(super) fn offset(zone: &str) -> Option<i32> {
    let zone = zone.trim();
    let Some(sign) = zone.chars().next().filter(|c| matches!(c, '+' | '-')) else {
        return Some(zone_in_words(zone).unwrap_or(0));
    };
    let figures: String =
        zone.chars().skip_while(|c| matches!(c, '+' | '-')).take_while(|c| c.is_ascii_digit() || *c == ':').collect();
    let (hours, minutes) = match figures.split_once(':') {
        Some((h, m)) => (h.to_owned(), m.get(..2).unwrap_or("0").to_owned()),
        None if figures.len() <= 2 => (figures, String::new()),
        None => {
            let (h, m) = figures.split_at(figures.len().min(4) - 2);
            (h.to_owned(), m.to_owned())
        }
    };
    let number = |s: &str| if s.is_empty() { Some(0) } else { s.parse::<i32>().ok() };
    let seconds = number(&hours)?.checked_mul(3600)?.checked_add(number(&minutes)?.checked_mul(60)?)?;
    // Nowhere is further than 14 hours from Greenwich: a larger figure is a mistake, and the day is still right.
    let seconds = if seconds > 15 * 3600 { 0 } else { seconds };
    Some(if sign == '-' { -seconds } else { seconds })
}

/// A zone's name, by its usual meaning in feeds, with figures behind it perhaps (`gmt+0200`).
pub(super) fn zone_in_words(word: &str) -> Option<i32> {
    let end = word.find(['+', '-']).unwrap_or(word.len());
    let (name, figures) = word.split_at(end);
    if !figures.is_empty() && matches!(name, "gmt" | "utc" | "ut" | "z") {
        return offset(figures);
    }
    let minutes = match word {
        "z" | "ut" | "gmt" | "utc" | "wet" | "zulu" => 0,
        "bst" | "cet" | "met" | "mez" | "west" | "ist-ie" => 60,
        "cest" | "mest" | "mesz" | "eet" | "sast" => 120,
        "eest" | "msk" | "trt" => 180,
        "msd" => 240,
        "ist" => 330,
        "ict" | "wib" => 420,
        "sgt" | "hkt" | "awst" | "pht" | "myt" => 480,
        "jst" | "kst" => 540,
        "acst" => 570,
        "aest" => 600,
        "acdt" => 630,
        "aedt" => 660,
        "nzst" => 720,
        "nzdt" => 780,
        "nst" => -210,
        "ndt" => -150,
        "adt" | "brt" | "art" => -180,
        "ast" | "edt" | "clt" => -240,
        "est" | "cdt" | "et" => -300,
        "cst" | "mdt" | "ct" => -360,
        "mst" | "pdt" | "mt" => -420,
        "pst" | "akdt" | "pt" => -480,
        "akst" => -540,
        "hst" => -600,
        _ => return None,
    };
    Some(minutes * 60)
}
