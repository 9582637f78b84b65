//! The elements of a feed and of an entry: which field each is, in whatever dialect it was written.

use super::entry::{self, Entry, File};
use super::tokens::{Tag, Token};
use super::{Name, Reader};
use crate::limits::LIST_MAX;
use crate::parse::names::Ns;
use crate::parse::timing::Field;
use crate::parse::{duration, text};

impl<'a> Reader<'a> {
    pub(super) fn field(&mut self, tag: Tag<'a>, name: &Name) {
        if self.entry.is_some() {
            self.entry_field(tag, name);
        } else {
            self.feed_field(tag, name);
        }
    }

    fn feed_field(&mut self, tag: Tag<'a>, name: &Name) {
        match (name.ns, name.local.as_str()) {
            (Ns::Rss | Ns::Atom, "link") => {
                let link = self.link(tag);
                self.feed.links.extend(link.filter(|_| self.feed.links.len() < LIST_MAX));
            }
            (
                Ns::Rss,
                "id" | "title" | "description" | "subtitle" | "tagline" | "language" | "ttl" | "lastbuilddate"
                | "pubdate" | "updated" | "modified",
            )
            | (Ns::Dc, "date" | "language" | "title" | "description") => {
                let value = self.value(tag, name);
                let field = match name.local.as_str() {
                    "id" => &mut self.feed.id,
                    "title" => &mut self.feed.title,
                    "language" => &mut self.feed.language,
                    "ttl" => &mut self.feed.ttl,
                    "description" | "subtitle" | "tagline" => &mut self.feed.description,
                    _ => &mut self.feed.updated,
                };
                if field.is_none() || name.local == "lastbuilddate" {
                    *field = value.or(field.take());
                }
            }
            (Ns::Rss, "skiphours" | "skipdays") => {}
            (_, local) => match Field::of(local) {
                Some(field) => {
                    let value = self.value(tag, name);
                    value.into_iter().for_each(|value| self.timing.note(field, &value));
                }
                None => self.skip(tag),
            },
        }
    }

    fn entry_field(&mut self, tag: Tag<'a>, name: &Name) {
        let local = name.local.as_str();
        match (name.ns, local) {
            (Ns::Rss | Ns::Atom, "link") => {
                let link = self.link(tag);
                if let (Some(link), Some(entry)) = (link, self.entry.as_mut().filter(|e| e.links.len() < LIST_MAX)) {
                    entry.links.push(link);
                }
            }
            (Ns::Rss, "enclosure") => {
                let url = tag.attribute("url").or_else(|| tag.attribute("href"));
                self.enclosure(&tag, url, tag.attribute("length"), |entry| &mut entry.enclosures);
            }
            (Ns::Media, "content") => {
                self.enclosure(&tag, tag.attribute("url"), tag.attribute("filesize"), |entry| &mut entry.media);
            }
            (Ns::Media, "thumbnail") => self.image(tag.attribute("url")),
            (Ns::Itunes, "image") => self.image(tag.attribute("href")),
            (Ns::Media, "group") => {}
            (Ns::Rss | Ns::Atom, "author")
            | (Ns::Dc, "creator" | "author")
            | (Ns::Itunes, "author")
            | (Ns::Media, "credit") => {
                let person = self.person(tag, name);
                if let (Some(person), Some(entry)) = (person, &mut self.entry) {
                    entry.author(name.ns, person);
                }
            }
            (Ns::Itunes, "category") => {
                let category = tag.attribute("text").map(|text| self.decoded(text));
                if let (Some(category), Some(entry)) = (category, &mut self.entry) {
                    entry.category(category);
                }
            }
            (Ns::Itunes, "keywords") => {
                let keywords = self.value(tag, name).unwrap_or_default();
                for keyword in keywords.split(',') {
                    self.entry.iter_mut().for_each(|entry| entry.category(keyword.to_owned()));
                }
            }
            (Ns::Itunes, "duration") => {
                let duration_s = self.value(tag, name).as_deref().and_then(duration::parse);
                self.entry.iter_mut().for_each(|entry| entry.duration_s = entry.duration_s.or(duration_s));
            }
            (Ns::Rss, "comments") => {
                let comments = self.value(tag, name).and_then(|url| self.absolute(&tag, &url));
                self.entry.iter_mut().for_each(|entry| entry.comments = entry.comments.take().or(comments.clone()));
            }
            (Ns::Rss | Ns::Atom | Ns::Media, "category") | (Ns::Dc, "subject") => {
                let named = tag.attribute("term").filter(|t| !t.trim().is_empty()).or_else(|| tag.attribute("label"));
                let category = match named {
                    Some(term) => Some(self.decoded(term)),
                    None => self.value(tag, name),
                };
                if let (Some(category), Some(entry)) = (category, &mut self.entry) {
                    entry.category(category);
                }
            }
            (Ns::Rss, "content") if tag.attribute("src").is_some() && self.atom => {
                let src = tag.attribute("src").map(|src| self.decoded(src)).and_then(|src| self.absolute(&tag, &src));
                self.skip(tag);
                if let Some(entry) = &mut self.entry {
                    entry.content_src = src;
                }
            }
            (ns, local) if Entry::holds(ns, local) => {
                let value = self.value(tag, name);
                if let (Some(value), Some(entry)) = (value, &mut self.entry) {
                    entry.set(ns, local, value);
                }
            }
            _ => self.skip(tag),
        }
    }

    fn enclosure(
        &mut self,
        tag: &Tag<'a>,
        url: Option<&'a str>,
        length: Option<&'a str>,
        list: fn(&mut Entry) -> &mut Vec<File>,
    ) {
        let Some(url) = url.map(|url| self.decoded(url)).and_then(|url| self.absolute(tag, &url)) else { return };
        let kind = tag.attribute("type").map(|kind| self.decoded(kind));
        let duration_s = tag.attribute("duration").and_then(duration::parse);
        if let Some(list) = self.entry.as_mut().map(list).filter(|list| list.len() < LIST_MAX) {
            list.push(File { url, kind, length: length.map(|l| l.trim().to_owned()), duration_s });
        }
    }

    fn image(&mut self, url: Option<&'a str>) {
        let url = url.map(|url| self.decoded(url));
        if let (Some(url), Some(entry)) = (url, &mut self.entry) {
            entry.image.get_or_insert(url);
        }
    }

    /// A link in either manner: Atom's attributes or RSS's text.
    fn link(&mut self, tag: Tag<'a>) -> Option<entry::Link> {
        let of = |name: &str| tag.attribute(name).map(|v| text::decode(v).into_owned());
        let (rel, kind, length) = (of("rel"), of("type"), of("length"));
        let href = match tag.attribute("href") {
            Some(href) => self.decoded(href),
            None => self.value(tag, &Name { ns: Ns::Rss, local: "link".into() })?,
        };
        Some(entry::Link { href: self.absolute(&tag, href.trim())?, rel, kind, length })
    }

    /// An address with the base that is in force; as it stands where there is none.
    pub(super) fn absolute(&self, tag: &Tag<'a>, href: &str) -> Option<String> {
        let outer = self.entry_base.as_ref().or(self.base.as_ref());
        let own = tag.attribute("xml:base").and_then(|base| self.base_from(outer, base));
        if href.len() > crate::limits::URL_BYTES_MAX {
            return None;
        }
        match own.as_ref().or(outer) {
            Some(base) => base.join(href).ok().map(String::from),
            None => Some(href.to_owned()),
        }
    }

    /// An author: RSS's text, or the name, else the address, of Atom's person.
    fn person(&mut self, tag: Tag<'a>, name: &Name) -> Option<String> {
        let tokens = self.body(tag, false)?;
        let (mut found, mut field) = ([None, None], None);
        for token in tokens.iter().copied() {
            match token {
                Token::Start(inner) => {
                    field = match inner.split_name().1.to_ascii_lowercase().as_str() {
                        "name" => Some(0),
                        "email" => Some(1),
                        _ => None,
                    };
                }
                Token::End(_) => field = None,
                Token::Text(text) | Token::Cdata(text) => {
                    if let Some(field) = field {
                        found[field] = Some(text::decode(text.trim()).into_owned()).filter(|t| !t.is_empty());
                    }
                }
                Token::Doctype(_) => {}
            }
        }
        let [name_found, email] = found;
        name_found.or(email).or_else(|| {
            let elements = tokens.iter().copied().any(|t| matches!(t, Token::Start(_)));
            (!elements).then(|| self.text_of(&tag, name, tokens)).flatten()
        })
    }
}
