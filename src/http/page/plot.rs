//! Small plots as inline SVG, drawn here: no script, no style attribute, and the words for those who do not see them.
//!
//! A plot stretches to the width of its place; so it holds no text, and lines keep their width by the style sheet.

use std::fmt::Write;

use super::escape::text;

/// Units of the drawing; the page decides how large they are.
const WIDTH: f64 = 240.0;
const HEIGHT: f64 = 48.0;

/// One bar a value, the last at the right end of `slots` places. `None` leaves its place empty.
pub(super) fn bars(label: &str, values: &[Option<u64>], slots: usize) -> String {
    let most = values.iter().flatten().copied().max().unwrap_or(0).max(1) as f64;
    let mut path = String::new();
    for (x, value) in placed(values, slots) {
        if let Some(value) = value.filter(|&value| value > 0) {
            bar(&mut path, x, slots, 0.0, value as f64 / most);
        }
    }
    drawing(label, &format!(r#"<path class="bars" d="{path}" />"#))
}

/// A line along `lows`, and a band from there up to `highs`, on a logarithmic scale: what is usual stays readable beside
/// what is not. Both are broken where there is no value.
pub(super) fn band(label: &str, lows: &[Option<u64>], highs: &[Option<u64>], slots: usize) -> String {
    let all = || lows.iter().chain(highs).flatten().map(|&value| (value.max(1) as f64).ln());
    let least = all().fold(f64::INFINITY, f64::min);
    let most = all().fold(f64::NEG_INFINITY, f64::max);
    // A little room below, so that the line does not lie on the axis; and no division by nothing.
    let floor = least - (0.15 * (most - least)).max(0.5);
    let height = |value: u64| ((value.max(1) as f64).ln() - floor) / (most - floor).max(0.5);
    let slot = WIDTH / slots.max(1) as f64;

    let (mut area, mut line) = (String::new(), String::new());
    let points: Vec<(f64, Option<(u64, u64)>)> = placed(lows, slots)
        .zip(placed(highs, slots))
        .map(|((x, low), (_, high))| (x, low.and_then(|low| Some((low, high?.max(low))))))
        .collect();
    for run in points.split(|(_, value)| value.is_none()).filter(|run| !run.is_empty()) {
        // A value holds for its whole place, so that one alone is seen too.
        let steps = || {
            run.iter()
                .filter_map(|&(x, value)| value.map(|(low, high)| (x, height(low), height(high))))
                .flat_map(|(x, low, high)| [(x, low, high), (x + slot, low, high)])
        };
        trace(&mut line, steps().map(|(x, low, _)| (x, low)), 'M');
        trace(&mut area, steps().map(|(x, _, high)| (x, high)), 'M');
        let back: Vec<(f64, f64)> = steps().map(|(x, low, _)| (x, low)).collect();
        trace(&mut area, back.into_iter().rev(), 'L');
        area.push('Z');
    }
    drawing(label, &format!(r#"<path class="band" d="{area}" /><path class="line" d="{line}" />"#))
}

/// One bar a value, each made of parts that stand on each other; the n-th part has the class `part-n`. With `marked`, a
/// bar gets a foot that says so.
pub(super) fn stacks<const PARTS: usize>(label: &str, bars: &[Stack<PARTS>], slots: usize) -> String {
    let most = bars
        .iter()
        .map(|stack| stack.parts.iter().fold(0_u64, |sum, part| sum.saturating_add(*part)))
        .max()
        .unwrap_or(0)
        .max(1) as f64;
    let mut paths: [String; PARTS] = std::array::from_fn(|_| String::new());
    let mut feet = String::new();
    let stacks: Vec<Option<&Stack<PARTS>>> = bars.iter().map(Some).collect();
    for (x, stack) in placed(&stacks, slots) {
        let Some(stack) = stack else { continue };
        let mut from = 0.0;
        for (path, &part) in paths.iter_mut().zip(&stack.parts).filter(|(_, part)| **part > 0) {
            let to = from + part as f64 / most;
            bar(path, x, slots, from, to);
            from = to;
        }
        if stack.marked {
            let width = WIDTH / slots.max(1) as f64 * 0.8;
            let _ = write!(feet, "M{x:.1} {HEIGHT}h{width:.1}v3h-{width:.1}z");
        }
    }
    let parts: String =
        (paths.iter().enumerate()).map(|(n, path)| format!(r#"<path class="part-{n}" d="{path}" />"#)).collect();
    drawing(label, &format!(r#"{parts}<path class="foot" d="{feet}" />"#))
}

/// A bar of [`stacks`].
pub(super) struct Stack<const PARTS: usize> {
    pub(super) parts: [u64; PARTS],
    pub(super) marked: bool,
}

/// How much of something is used up, as a thin line; words beside it say the same.
pub(super) fn gauge(used: u64, whole: u64) -> String {
    let used = used.min(whole) as f64 / whole.max(1) as f64 * 100.0;
    format!(
        r#"<svg class="gauge" viewBox="0 0 100 4" preserveAspectRatio="none" aria-hidden="true"><rect class="whole" width="100" height="4" /><rect class="used" width="{used:.1}" height="4" /></svg>"#
    )
}

/// Left edges, such that the last value stands at the right end; of too many values the first are left out.
fn placed<T: Copy>(values: &[Option<T>], slots: usize) -> impl Iterator<Item = (f64, Option<T>)> {
    let shown = &values[values.len().saturating_sub(slots)..];
    let first = slots - shown.len();
    let slot = WIDTH / slots.max(1) as f64;
    shown.iter().enumerate().map(move |(index, value)| ((first + index) as f64 * slot, *value))
}

/// A bar between two heights from 0 to 1, at least half a unit high, so that little is not nothing.
fn bar(path: &mut String, x: f64, slots: usize, from: f64, to: f64) {
    let width = WIDTH / slots.max(1) as f64 * 0.8;
    let bottom = HEIGHT * (1.0 - from);
    let height = (HEIGHT * (to - from)).max(0.5);
    let _ = write!(path, "M{x:.1} {bottom:.1}h{width:.1}v-{height:.1}h-{width:.1}z");
}

/// Points of x and a height from 0 to 1, with 2 units left above for the width of the line.
fn trace(path: &mut String, points: impl Iterator<Item = (f64, f64)>, start: char) {
    for (index, (x, height)) in points.enumerate() {
        let y = HEIGHT - (HEIGHT - 2.0) * height.clamp(0.0, 1.0);
        let _ = write!(path, "{}{x:.1} {y:.1}", if index == 0 { start } else { 'L' });
    }
}

fn drawing(label: &str, shapes: &str) -> String {
    let label = text(label);
    // 3 units below the axis are for the feet of `stacks`.
    let whole = HEIGHT + 3.0;
    format!(
        r#"<svg class="plot" viewBox="0 0 {WIDTH} {whole}" preserveAspectRatio="none" role="img" aria-label="{label}"><path class="axis" d="M0 {HEIGHT}H{WIDTH}" />{shapes}</svg>"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_value_stands_at_the_right_end() {
        let svg = bars("polls", &[Some(1), None, Some(2), Some(0)], 4);
        // Four places of 60 units: the largest fills the height, half as much half of it, none and nothing no bar.
        assert!(svg.contains(r#"d="M0.0 48.0h48.0v-24.0h-48.0zM120.0 48.0h48.0v-48.0h-48.0z""#), "{svg}");
        let svg = bars("polls", &[Some(5)], 4);
        assert!(svg.contains("d=\"M180.0 48.0h48.0v-48.0h-48.0z\""), "{svg}");
        let svg = bars("polls", &[Some(9), Some(5), Some(5)], 2);
        assert_eq!(svg.matches("v-48.0").count() + svg.matches("v-26.7").count(), 2, "{svg}");
    }

    #[test]
    fn a_band_is_broken_where_nothing_was_measured() {
        let svg = band("latency", &[Some(10), Some(20), None, Some(10)], &[Some(100), Some(90), None, Some(50)], 4);
        let line = svg.split("class=\"line\" d=\"").nth(1).unwrap();
        assert_eq!(line.matches('M').count(), 2, "{svg}");
        // Two places from the left, a gap, and one place at the right end.
        assert!(line.starts_with("M0.0 ") && line.contains("L120.0 ") && line.contains("M180.0 "), "{svg}");
        assert!(line.contains("L240.0 ") && !line.contains("L180.0 "), "{svg}");
    }

    #[test]
    fn parts_stand_on_each_other() {
        let stack = |parts, marked| Stack { parts, marked };
        let svg = stacks("times", &[stack([1, 3], true), stack([2, 0], false)], 2);
        assert!(
            svg.contains(r#"class="part-0" d="M0.0 48.0h96.0v-12.0h-96.0zM120.0 48.0h96.0v-24.0h-96.0z""#),
            "{svg}"
        );
        assert!(svg.contains(r#"class="part-1" d="M0.0 36.0h96.0v-36.0h-96.0z""#), "{svg}");
        assert!(svg.contains(r#"class="foot" d="M0.0 48h96.0v3h-96.0z""#), "{svg}");
    }

    #[test]
    fn no_figure_makes_a_drawing_that_is_none() {
        for svg in [
            bars("x", &[], 60),
            bars("x", &[Some(0); 60], 60),
            bars("x", &[Some(u64::MAX), Some(1)], 60),
            bars("x", &[Some(1)], 0),
            band("x", &[], &[], 60),
            band("x", &[Some(0)], &[Some(0)], 60),
            band("x", &[Some(7); 3], &[Some(7); 3], 3),
            band("x", &[Some(u64::MAX)], &[Some(1)], 60),
            band("x", &[Some(1)], &[None], 60),
            stacks::<2>("x", &[], 50),
            stacks("x", &[Stack { parts: [0; 6], marked: true }], 50),
            gauge(0, 0),
            gauge(u64::MAX, 1),
        ] {
            assert!(!svg.contains("NaN") && !svg.contains("inf"), "{svg}");
        }
    }
}
