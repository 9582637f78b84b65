//! The table of bad files: what is written, and every line that is said about it.

use super::*;

/// Both in lines, without the indentation of this file.
#[track_caller]
fn check(text: &str, expected: &[&str]) {
    match parse(text, "feeds.toml") {
        Ok(config) => panic!("no mistake was found in\n{text}\n{config:#?}"),
        Err(mistakes) => {
            let found = mistakes.to_string();
            assert_eq!(found.lines().collect::<Vec<_>>(), expected, "\n{found}\nin\n{text}");
        }
    }
}

#[test]
fn x() {
    for t in [
        "interval = 15m\n[[feed]]\nurl='https://a.b/'",
        "[[feed]\nurl = 'https://a.b/'\n[[feed]]\nurl=5",
        "[[feed]]\nurl 'x'\n\n[[feed]]\nurl = \"http://a.b/\n[[feed]]\nurl='http://c/'",
        "[daemon]\n[daemon]\nx=1\n",
        "[[feed]]\nurl='http://a/'\nurl='http://b/'\n",
        "[[feed]]\nurl=\nname='x'\n[[feed]]\nname='y'\n",
        "[[feed]]\nheaders = { X-Key = 'hush' \nname='z'\nurl='http://a/'\n",
        "a\nb\nc\n",
        "x = { a = 1, a = 2}\n",
        "[[feed]]\nurl='http://a/'\ninterval=1.5h\ntotal_timeout='1x\nname='d\"\n\n",
        "[feed]\nurl='http://a/'\n[[feed]]\nurl='http://b/'\n",
        "]]]",
        "\u{feff}[[feed]]\r\nurl='http://b/'\r\nname=\r\n",
        "[[feed]]\nurl = 'http://a/'\nlabels = { a = 'b',\n c = 'd' }\n enabled = yes\nupdates = True\n",
    ] {
        println!("---\n{t}\n>>>");
        match parse(t, "feeds.toml") {
            Ok(c) => println!("{c:?}"),
            Err(e) => println!("{e}"),
        }
    }
}
