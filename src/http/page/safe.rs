//! HTML of a feed that the sanitiser has passed.

use crate::escape::turns_text;

/// HTML that holds no script, style, form, event handler, or link to anything but the web, and nothing that turns the text
/// around it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SafeHtml(String);

impl SafeHtml {
    /// For the sanitiser's output, and for nothing else: a test looks who calls it.
    pub(crate) fn from_sanitiser(mut html: String) -> SafeHtml {
        if html.contains(turns_text) {
            html.retain(|c| !turns_text(c));
        }
        SafeHtml(html)
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::{Path, PathBuf};

    use super::SafeHtml;

    /// Besides this file: the sanitiser, and the tests of the pages with HTML of their own.
    const MAY_MAKE_IT: [&str; 4] =
        ["src/sanitise/mod.rs", "src/http/page/safe.rs", "src/http/page/content.rs", "src/http/page/sample.rs"];

    #[test]
    fn nothing_turns_the_text_around_it() {
        let html = SafeHtml::from_sanitiser("<p>a\u{202e}b\u{2066}c \u{200f}ש</p>".to_owned());
        assert_eq!(html.as_str(), "<p>abc \u{200f}ש</p>");
    }

    #[test]
    fn only_the_sanitiser_calls_html_safe() {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let mut folders = vec![root.join("src")];
        let mut makers: Vec<PathBuf> = Vec::new();
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rs")
                    && fs::read_to_string(&path).unwrap().contains("SafeHtml::from_sanitiser")
                {
                    makers.push(path.strip_prefix(root).unwrap().to_owned());
                }
            }
        }
        makers.retain(|path| !MAY_MAKE_IT.iter().any(|may| path == Path::new(may)));
        assert_eq!(makers, Vec::<PathBuf>::new(), "HTML becomes safe in src/sanitise/mod.rs");
    }
}
