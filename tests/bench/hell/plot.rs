//! A drawing of what was measured: one panel a series, each from zero.

use std::fmt::Write;

const WIDTH: f64 = 900.0;
const PANEL: f64 = 180.0;
const LEFT: f64 = 80.0;
const MARGIN: f64 = 30.0;

/// `judged_from` is where the warm-up ends, in seconds.
pub(crate) fn svg(judged_from: f64, panels: &[(&str, Vec<(f64, f64)>)]) -> String {
    let height = PANEL * panels.len() as f64;
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (index, (name, points)) in panels.iter().enumerate() {
        panel(&mut out, PANEL * index as f64, judged_from, name, points);
    }
    out + "</svg>\n"
}

fn panel(out: &mut String, top: f64, judged_from: f64, name: &str, points: &[(f64, f64)]) {
    let last = points.last().map_or(1.0, |(at, _)| at.max(1.0));
    let most = points.iter().map(|(_, value)| *value).fold(1.0, f64::max);
    let x = |at: f64| LEFT + at / last * (WIDTH - LEFT - MARGIN);
    let bottom = top + PANEL - MARGIN;
    let y = |value: f64| bottom - value / most * (PANEL - 2.0 * MARGIN);
    let line: Vec<String> = points.iter().map(|(at, value)| format!("{:.1},{:.1}", x(*at), y(*value))).collect();
    let (left, right, from) = (x(0.0), x(last), x(judged_from));
    let above = top + MARGIN;
    write!(
        out,
        "<text x=\"{left}\" y=\"{}\">{name}</text>\n\
         <text x=\"{}\" y=\"{}\" text-anchor=\"end\">{most:.0}</text><text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">0</text>\n\
         <text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{last:.0} s</text>\n\
         <path d=\"M{left} {above}V{bottom}H{right}\" fill=\"none\" stroke=\"#888\"/>\n\
         <path d=\"M{from:.1} {above}V{bottom}\" stroke=\"#bbb\" stroke-dasharray=\"4\"/>\n\
         <polyline points=\"{}\" fill=\"none\" stroke=\"#05a\" stroke-width=\"1.5\"/>\n",
        top + MARGIN - 8.0,
        left - 6.0,
        above + 4.0,
        left - 6.0,
        bottom + 16.0,
        line.join(" "),
    )
    .expect("a String takes every write");
}
