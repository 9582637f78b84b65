//! What the documents name, and whether the program has it: commands, keys, addresses, metrics, tables, exit codes.
//!
//! They are asked of the real binary, its database and its answers; of the source only where sentences are made that no
//! test of one daemon meets together.

mod map;
mod program;
mod sentences;
mod text;

use std::path::Path;

use text::{Document, ROOT, documents};

#[test]
fn every_link_leads_somewhere() {
    let mut count = 0;
    for document in documents() {
        let folder = document.path.parent().expect("a file lies in a folder").to_owned();
        for link in document.links().into_iter().filter(|link| !link.text.contains("://")) {
            let (path, anchor) = link.text.split_once('#').unwrap_or((&link.text, ""));
            let target = if path.is_empty() { document.path.clone() } else { folder.join(path) };
            assert!(Path::new(ROOT).join(&target).exists(), "{}: {} is not there", link.at, target.display());
            if !anchor.is_empty() {
                let anchors = Document::read(&target).anchors();
                assert!(anchors.iter().any(|known| known == anchor), "{}: #{anchor} is none of {anchors:?}", link.at);
            }
            count += 1;
        }
    }
    assert!(count > 20, "{count}");
}
