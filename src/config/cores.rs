//! `cores`, as in feeds.toml and after `--cores`: `auto`, a count, or CPUs by number.

use std::str::FromStr;

use super::Cores;
use crate::limits::CPU_MAX;

impl FromStr for Cores {
    /// What is wrong, to stand behind the value.
    type Err = String;

    /// `auto`; `4` for so many; `0-3,6` for these. A list of one CPU is written `6-6`, for `6` alone is a count.
    fn from_str(text: &str) -> Result<Cores, String> {
        if text == "auto" {
            return Ok(Cores::Auto);
        }
        if !text.contains([',', '-']) {
            return match number(text)? {
                0 => Err("is below the least of 1".to_owned()),
                n if n > CPU_MAX => Err(format!("is above the most of {CPU_MAX}")),
                n => Ok(Cores::Count(n)),
            };
        }
        let mut cpus = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (number(first)?, number(last)?);
            if first > last {
                return Err(format!("has the range {first}-{last}, which runs backwards"));
            }
            if last > CPU_MAX {
                return Err(format!("names CPU {last}, above the most of {CPU_MAX}"));
            }
            cpus.extend(first..=last);
            // A list of a million ranges would otherwise be as many CPUs.
            cpus.sort_unstable();
            cpus.dedup();
        }
        Ok(Cores::List(cpus))
    }
}

fn number(text: &str) -> Result<usize, String> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    if digits {
        Ok(text.parse().unwrap_or(usize::MAX))
    } else {
        Err("is neither \"auto\", a count, nor a list of CPUs".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_auto_a_count_or_a_list() {
        let list = |cpus: &[usize]| Ok(Cores::List(cpus.to_vec()));
        let neither = || Err("is neither \"auto\", a count, nor a list of CPUs".to_owned());
        let cases = [
            ("auto", Ok(Cores::Auto)),
            ("4", Ok(Cores::Count(4))),
            ("0-3,6", list(&[0, 1, 2, 3, 6])),
            ("6,0-1,1", list(&[0, 1, 6])),
            ("6-6", list(&[6])),
            ("0", Err("is below the least of 1".to_owned())),
            ("1024", Err("is above the most of 1023".to_owned())),
            ("99999999999999999999", Err("is above the most of 1023".to_owned())),
            ("3-1", Err("has the range 3-1, which runs backwards".to_owned())),
            ("0-99999999999999999999", Err(format!("names CPU {}, above the most of 1023", usize::MAX))),
            ("", neither()),
            ("Auto", neither()),
            ("1,", neither()),
            ("-1", neither()),
            ("0-", neither()),
            ("1-2-3", neither()),
        ];
        for (text, expected) in cases {
            assert_eq!(text.parse::<Cores>(), expected, "{text:?}");
        }
    }
}
