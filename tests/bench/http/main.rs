//! How the HTTP core holds under clients that nobody wants: `cargo bench --bench http [-- SCENARIO...]`.
//!
//! `crowd`: the ancestor's checklist. A thousand sources of which half hang, a thousand idle streams, a hundred clients
//! that never read, two hundred that drip their request: how long `/` and `/health` take meanwhile.
//! `aborts`: ten thousand aborted streams, and what is left of them. `fanout`: a thousand, five thousand and nine thousand
//! clients of the stream: when an article has reached them, and what an idle one costs.
//!
//! It prints what it measured and judges nothing.

mod aborts;
mod crowd;
mod fanout;
mod figures;
mod herd;

#[path = "../../support/mod.rs"]
#[expect(dead_code, unused_imports, reason = "shared with the tests, which use more of it")]
mod support;

fn main() {
    let asked: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    for (name, run) in [("crowd", crowd::run as fn()), ("aborts", aborts::run), ("fanout", fanout::run)] {
        if asked.is_empty() || asked.iter().any(|asked| asked == name) {
            println!("\n== {name}");
            run();
        }
    }
}
