//! A drawing of how many articles were committed by when, one line a program.

use std::fmt::Write;
use std::path::Path;

use crate::run::Run;

const WIDTH: f64 = 900.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 80.0;
const MARGIN: f64 = 40.0;

/// Told apart without colours too: the names stand at the ends of their lines.
const COLOURS: [&str; 5] = ["#05a", "#c50", "#393", "#906", "#555"];

/// Draws the runs of a scenario into `bench/NAME.svg` of the target directory.
pub(crate) fn draw(name: &str, title: &str, runs: &[Run]) {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).with_file_name("bench");
    let file = folder.join(format!("{}.svg", name.to_lowercase()));
    let written = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, svg(title, runs)));
    written.unwrap_or_else(|error| panic!("write {}: {error}", file.display()));
    println!("drawn into {}", file.display());
}

fn svg(title: &str, runs: &[Run]) -> String {
    let points = || runs.iter().flat_map(|run| &run.curve);
    let last = points().map(|(at, _)| *at).fold(0.1, f64::max);
    let most = points().map(|(_, count)| *count).max().unwrap_or(1).max(1) as f64;
    let (right, bottom) = (WIDTH - LEFT - MARGIN, HEIGHT - MARGIN);
    let x = |at: f64| LEFT + at / last * (right - LEFT);
    let y = |count: u64| bottom - count as f64 / most * (bottom - MARGIN);
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" \
         font-size=\"12\">\n<rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"white\"/>\n\
         <text x=\"{LEFT}\" y=\"24\">{title}</text>\n\
         <path d=\"M{LEFT} {MARGIN}V{bottom}H{right}\" fill=\"none\" stroke=\"#888\"/>\n\
         <text x=\"{}\" y=\"{MARGIN}\" text-anchor=\"end\">{most}</text>\n\
         <text x=\"{}\" y=\"{bottom}\" text-anchor=\"end\">0</text>\n\
         <text x=\"{right}\" y=\"{}\" text-anchor=\"end\">{last:.1} s</text>\n",
        LEFT - 6.0,
        LEFT - 6.0,
        bottom + 18.0
    );
    for (nth, (run, colour)) in runs.iter().zip(COLOURS.iter().cycle()).enumerate() {
        let Some((end, count)) = run.curve.last() else { continue };
        // A commit is a step: nothing of it is there before.
        let mut line = format!("M{:.1} {:.1}", x(0.0), y(0));
        for (at, count) in run.curve.iter().filter(|(at, _)| *at > 0.0) {
            write!(line, "H{:.1}V{:.1}", x(*at), y(*count)).expect("a String takes every write");
        }
        write!(
            out,
            "<path d=\"{line}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"1.5\"/>\n\
             <text x=\"{:.1}\" y=\"{:.1}\" fill=\"{colour}\">{} {end:.2} s</text>\n",
            x(*end) + 6.0,
            // One below the other, where lines end at the same place.
            y(*count) + 4.0 + 16.0 * nth as f64,
            run.who
        )
        .expect("a String takes every write");
    }
    out + "</svg>\n"
}
