//! Dates in words or in other orders of figures, token by token.

use jiff::civil::Date;

use super::assemble;
use super::clock::{Meridian, clock_time, meridian, offset, zone_in_words};
use super::iso::iso_date;

/// Anything with a month's name or a date in figures in it, in whatever order.
pub(super) fn words(text: &str) -> Option<i64> {
    let mut found = Found::default();
    for token in text.split(|c: char| c.is_whitespace() || matches!(c, ',' | '(' | ')' | ';')) {
        found.token(token.trim_end_matches('.'));
    }
    found.finish()
}

#[derive(Default)]
struct Found<'a> {
    month: Option<i8>,
    month_first: bool,
    numbers: Vec<&'a str>,
    clock: Option<&'a str>,
    date: Option<Date>,
    meridian: Option<Meridian>,
    offset_s: Option<i32>,
}

impl<'a> Found<'a> {
    fn token(&mut self, token: &'a str) {
        let starts_with_digit = token.starts_with(|c: char| c.is_ascii_digit());
        if token.is_empty() {
        } else if starts_with_digit && token.contains(':') && self.clock.is_none() {
            self.clock_token(token);
        } else if starts_with_digit && token.bytes().all(|b| b.is_ascii_digit()) {
            self.numbers.push(token);
        } else if token.starts_with(['+', '-'])
            && token[1..].starts_with(|c: char| c.is_ascii_digit() || matches!(c, '+' | '-'))
            && self.clock.is_some()
        {
            self.offset_s = self.offset_s.or_else(|| offset(token));
        } else if starts_with_digit && token.contains(['-', '/', '.']) {
            self.figures(token);
        } else if let (Some(meridian), "") = meridian(token) {
            self.meridian = Some(meridian);
        } else if let Some(month) = month(token).filter(|_| self.month.is_none() || self.month_first) {
            // `mar` before all figures may be a Tuesday: the month is then still to come.
            self.month_first = self.month.is_none() && self.numbers.is_empty();
            self.month = Some(month);
        } else if starts_with_digit {
            // `1st`, `2nd`, `25o`, `11pm`
            let end = token.find(|c: char| !c.is_ascii_digit()).unwrap_or(token.len());
            if meridian(&token[end..]).0.is_some() {
                self.meridian = meridian(&token[end..]).0;
                self.clock = self.clock.or(Some(&token[..end]));
            } else {
                self.numbers.push(&token[..end]);
            }
        } else if self.offset_s.is_none() {
            self.offset_s = zone_in_words(token);
        }
    }

    /// `23:59:59`, with a zone or `pm` right behind it perhaps.
    fn clock_token(&mut self, token: &'a str) {
        let end = token.find(|c: char| !matches!(c, '0'..='9' | ':' | '.')).unwrap_or(token.len());
        let (clock, rest) = token.split_at(end);
        self.clock = Some(clock.trim_end_matches([':', '.']));
        let (meridian, zone) = meridian(rest);
        self.meridian = self.meridian.or(meridian);
        if !zone.is_empty() {
            self.offset_s = offset(zone);
        }
    }

    /// `12-mar-2004`, `31.12.2004`, `12/31/2004`, `2004/12/31`.
    fn figures(&mut self, token: &'a str) {
        let parts: Vec<&str> = token.split(['-', '/', '.']).filter(|p| !p.is_empty()).collect();
        if let [a, b, rest @ ..] = parts.as_slice()
            && let Some(named) = month(b)
        {
            self.month = Some(named);
            self.numbers.push(a);
            self.numbers.extend(rest.first());
            return;
        }
        let [a, b, c] = parts.as_slice() else { return };
        if a.len() == 4 {
            self.date = iso_date(&format!("{a}-{b}-{c}"));
            return;
        }
        let (Ok(first), Ok(second), Some(year)) = (a.parse::<i8>(), b.parse::<i8>(), year(c)) else { return };
        // Figures with slashes are American unless they cannot be; with dots or dashes the day comes first.
        let day_first = !token.contains('/') || first > 12;
        let (day, month) = if day_first && second <= 12 { (first, second) } else { (second, first) };
        self.date = Date::new(year, month, day).ok();
    }

    fn finish(self) -> Option<i64> {
        let date = match (self.date, self.month) {
            (Some(date), _) => date,
            (None, Some(month)) => {
                let (day, year_text) = match self.numbers.as_slice() {
                    [] => return None,
                    [only] if only.len() == 4 => ("1", *only),
                    [_] => return None,
                    [a, b, ..] if a.len() == 4 => (*b, *a),
                    [a, b, ..] => (*a, *b),
                };
                Date::new(year(year_text)?, month, day.parse().ok()?).ok()?
            }
            (None, None) => return None,
        };
        assemble(date, clock_time(self.clock.unwrap_or(""), self.meridian)?, self.offset_s.unwrap_or(0))
    }
}

/// Two digits: 00 to 49 are of this century; three: since 1900 (RFC 2822 section 4.3).
fn year(text: &str) -> Option<i16> {
    let year: i16 = text.parse().ok()?;
    Some(match (text.len(), year) {
        (1 | 2, 0..=49) => 2000 + year,
        (1 | 2, _) | (3, _) => 1900 + year,
        _ => year,
    })
}

/// The month that a word names, in English or one of the languages of Europe, by as much of it as is unmistakable.
fn month(word: &str) -> Option<i8> {
    #[rustfmt::skip]
    const NAMES: [&[&str]; 12] = [
        &["jan", "jän", "ene", "gen", "янв", "sty", "ιαν", "led", "siječ", "oca", "tammi"],
        &["feb", "fév", "fev", "лют", "фев", "lut", "φεβ", "únor", "veljač", "şub", "helmi"],
        &["mar", "mär", "maa", "mrt", "мар", "μάρ", "μαρ", "brez", "ožuj"],
        &["apr", "avr", "abr", "апр", "kwi", "απρ", "dub", "trav", "nis", "április", "huhti"],
        &["may", "mai", "maj", "mei", "mag", "май", "мая", "μαϊ", "μάϊ", "μαι", "kvet", "svib", "május", "touko"],
        &["jun", "juin", "giu", "июн", "cze", "ιούν", "ιουν", "haz", "június", "kesä"],
        &["jul", "juil", "lug", "июл", "lip", "ιούλ", "ιουλ", "tem", "július", "heinä"],
        &["aug", "aoû", "aou", "ago", "авг", "sie", "αύγ", "αυγ", "kolo", "ağu", "elo"],
        &["sep", "set", "сен", "wrz", "σεπ", "zář", "eyl", "szept", "syys"],
        &["oct", "okt", "ott", "out", "окт", "paź", "οκτ", "říj", "eki", "loka"],
        &["nov", "ноя", "lis", "νοέ", "νοε", "kas", "marras"],
        &["dec", "déc", "dez", "dic", "des", "дек", "gru", "δεκ", "pros", "ara", "joulu"],
    ];
    const WEEKDAYS: [&str; 8] = ["mardi", "martes", "martedì", "martedi", "marti", "mart.", "mercredi", "sept-"];
    if word.chars().count() < 3 || WEEKDAYS.contains(&word) || !word.chars().all(|c| c.is_alphabetic() || c == '.') {
        return None;
    }
    let word = word.trim_end_matches('.');
    // Most words of dates name no month: nearly all names are then passed by their first byte.
    let begins = |name: &&&str| word.as_bytes().first() == name.as_bytes().first() && word.starts_with(**name);
    // The longest counts: `marraskuu` begins as March does, and is November.
    let named = (1..).zip(NAMES).filter_map(|(number, names)| {
        let length = names.iter().filter(begins).map(|name| name.len()).max()?;
        Some((length, number))
    });
    named.max().map(|(_, number)| number)
}
