//! A. Resolve, connect, TLS.

use rssd::tarpit::Step;

use super::Row;
use super::scene::Scene;

pub(super) const ROWS: &[Row] =
    &[Row { number: 6, fault: "accept, then silence", tests: &["row_06_silence_after_accept_ends_at_read_timeout"] }];

#[test]
fn row_06_silence_after_accept_ends_at_read_timeout() {
    let mut scene = Scene::new();
    let silent = scene.tarpit.listen(Step::Stall).expect("the tarpit takes a port");
    let (outcome, error) = scene.poll_with(&format!("http://{silent}/feed"), "read_timeout = \"300ms\"");
    assert_eq!(outcome, "timeout(first byte)", "{error}");
    assert!(error.contains("no answer within 0.3 s"), "{error}");
    scene.end();
}
