//! What a person sees where there is no page: the same words as in the problem that programs get.

use super::escape::text;
use super::layout::{Layout, Section};

/// An error as a page.
#[derive(Clone, Debug)]
pub(crate) struct ProblemPage {
    /// The HTTP status.
    pub(crate) status: u16,
    pub(crate) title: String,
    /// What to do about it, if anything.
    pub(crate) detail: Option<String>,
}

impl ProblemPage {
    pub(crate) fn to_html(&self) -> String {
        let (status, title) = (self.status, text(&self.title));
        let detail = self.detail.as_deref().map(|detail| format!("<p>{}</p>\n", text(detail))).unwrap_or_default();
        let main = format!(
            r#"<header class="lead"><p class="meta">{status}</p>
<h1>{title}</h1>
{detail}</header>
<p class="quiet">Go to the <a href="/">overview</a>, the <a href="/feeds">feeds</a> or the <a href="/articles">articles</a>.</p>"#
        );
        Layout { title: &self.title, section: Section::Nowhere, search: "" }.around(&main)
    }
}
