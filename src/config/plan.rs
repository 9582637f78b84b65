//! What a new configuration changes for the feeds that there are: what a reload does, and `rssd check` foretells.
//!
//! Pure. Feeds are the same feed if they have the same name, for the name is the key of their state.

use std::collections::{HashMap, HashSet};
use std::fmt;

use super::{Daemon, Feed};

/// By name, each list in the order of the configuration that it is from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub added: Vec<String>,
    pub changed: Vec<Change>,
    /// No longer polled. Their state and articles stay, and are taken up again if they return.
    pub removed: Vec<String>,
    pub unchanged: Vec<String>,
}

/// A feed that is told something else than before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    pub name: String,
    /// The keys that differ; never empty. Their values may be secret.
    pub keys: Vec<&'static str>,
}

/// What a database remembers of a feed that it was once told to poll.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    pub name: String,
    pub url: String,
}

impl Plan {
    /// From one configuration's feeds to another's.
    pub fn between(old: &[Feed], new: &[Feed]) -> Plan {
        let old_by_name: HashMap<&str, &Feed> = old.iter().map(|feed| (feed.name.as_str(), feed)).collect();
        plan(old.iter().map(|feed| feed.name.as_str()), new, |feed| {
            old_by_name.get(feed.name.as_str()).map(|old| changed_keys(old, feed))
        })
    }

    /// From what a database knows, of which only the URL can be compared.
    pub fn from_known(known: &[Known], new: &[Feed]) -> Plan {
        let urls: HashMap<&str, &str> = known.iter().map(|known| (known.name.as_str(), known.url.as_str())).collect();
        plan(known.iter().map(|known| known.name.as_str()), new, |feed| {
            urls.get(feed.name.as_str()).map(|url| if *url == feed.url.as_str() { vec![] } else { vec!["url"] })
        })
    }
}

impl Plan {
    /// One for each feed that is added, changed or removed.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        let added = self.added.iter().map(|name| format!("add     {name}"));
        let changed = self.changed.iter().map(|change| format!("change  {}: {}", change.name, change.keys.join(", ")));
        let removed = self.removed.iter().map(|name| format!("remove  {name}"));
        added.chain(changed).chain(removed)
    }
}

/// Its lines, and one with the number of each.
impl fmt::Display for Plan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in self.lines() {
            writeln!(f, "{line}")?;
        }
        let [added, changed, removed, unchanged] =
            [self.added.len(), self.changed.len(), self.removed.len(), self.unchanged.len()];
        write!(f, "{added} added, {changed} changed, {removed} removed, {unchanged} unchanged")
    }
}

/// `difference` gives the changed keys of a feed that was there before, `None` for one that was not.
fn plan<'a>(
    old_names: impl Iterator<Item = &'a str>,
    new: &[Feed],
    difference: impl Fn(&Feed) -> Option<Vec<&'static str>>,
) -> Plan {
    let mut plan = Plan::default();
    for feed in new {
        let name = feed.name.clone();
        match difference(feed) {
            None => plan.added.push(name),
            Some(keys) if keys.is_empty() => plan.unchanged.push(name),
            Some(keys) => plan.changed.push(Change { name, keys }),
        }
    }
    let new_names: HashSet<&str> = new.iter().map(|feed| feed.name.as_str()).collect();
    plan.removed = old_names.filter(|name| !new_names.contains(name)).map(str::to_owned).collect();
    plan
}

/// The keys of `[daemon]` in which two configurations differ.
pub(crate) fn changed_daemon_keys(old: &Daemon, new: &Daemon) -> Vec<&'static str> {
    // Taken apart, as below.
    let Daemon { db, listen, cores, retention, contact, token_file, public, hosts, streams_max, dns, host_pause } = old;
    let differs = [
        ("db", *db != new.db),
        ("listen", *listen != new.listen),
        ("cores", *cores != new.cores),
        ("retention", *retention != new.retention),
        ("contact", *contact != new.contact),
        ("token_file", *token_file != new.token_file),
        ("public", *public != new.public),
        ("hosts", *hosts != new.hosts),
        ("streams_max", *streams_max != new.streams_max),
        ("dns", *dns != new.dns),
        ("host_pause", *host_pause != new.host_pause),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

/// The keys in which two feeds of one name differ.
pub(crate) fn changed_keys(old: &Feed, new: &Feed) -> Vec<&'static str> {
    // Taken apart, so that a key that is added to feeds cannot be forgotten here.
    let Feed {
        name: _,
        url,
        labels,
        enabled,
        interval,
        interval_min,
        interval_max,
        connect_timeout,
        read_timeout,
        total_timeout,
        body_bytes_max,
        articles_max,
        articles_initial_max,
        allow_private,
        allow_downgrade,
        username,
        password_file,
        bearer_file,
        headers,
        ca_file,
        proxy,
        updates,
    } = old;
    let differs = [
        ("url", *url != new.url),
        ("labels", *labels != new.labels),
        ("enabled", *enabled != new.enabled),
        ("interval", *interval != new.interval),
        ("interval_min", *interval_min != new.interval_min),
        ("interval_max", *interval_max != new.interval_max),
        ("connect_timeout", *connect_timeout != new.connect_timeout),
        ("read_timeout", *read_timeout != new.read_timeout),
        ("total_timeout", *total_timeout != new.total_timeout),
        ("body_bytes_max", *body_bytes_max != new.body_bytes_max),
        ("articles_max", *articles_max != new.articles_max),
        ("articles_initial_max", *articles_initial_max != new.articles_initial_max),
        ("allow_private", *allow_private != new.allow_private),
        ("allow_downgrade", *allow_downgrade != new.allow_downgrade),
        ("username", *username != new.username),
        ("password_file", *password_file != new.password_file),
        ("bearer_file", *bearer_file != new.bearer_file),
        ("headers", *headers != new.headers),
        ("ca_file", *ca_file != new.ca_file),
        ("proxy", *proxy != new.proxy),
        ("updates", *updates != new.updates),
    ];
    differs.into_iter().filter(|(_, differs)| *differs).map(|(key, _)| key).collect()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use url::Url;

    use super::*;

    fn feed(name: &str) -> Feed {
        Feed::new(name, Url::parse(&format!("https://example.org/{name}")).unwrap())
    }

    #[test]
    fn a_plan_names_what_is_added_changed_removed_and_left_alone() {
        let old = [feed("stays"), feed("goes"), feed("slower"), feed("moves")];
        let mut slower = feed("slower");
        slower.interval = Duration::from_secs(7200);
        slower.headers = vec![("X-Key".to_owned(), "hush".into())];
        let mut moves = feed("moves");
        moves.url = Url::parse("https://example.net/").unwrap();
        let new = [feed("comes"), moves, slower, feed("stays")];
        let plan = Plan::between(&old, &new);
        assert_eq!(plan.added, ["comes"]);
        assert_eq!(plan.removed, ["goes"]);
        assert_eq!(plan.unchanged, ["stays"]);
        let expected = "add     comes\nchange  moves: url\nchange  slower: interval, headers\nremove  goes\n\
                        1 added, 2 changed, 1 removed, 1 unchanged";
        assert_eq!(plan.to_string(), expected);
    }

    #[test]
    fn a_database_knows_names_and_urls() {
        let known = |name: &str, url: &str| Known { name: name.to_owned(), url: url.to_owned() };
        let known =
            [known("stays", "https://example.org/stays"), known("moves", "https://old.example/"), known("goes", "x")];
        let plan = Plan::from_known(&known, &[feed("moves"), feed("stays"), feed("comes")]);
        assert_eq!(plan.changed, [Change { name: "moves".to_owned(), keys: vec!["url"] }]);
        assert_eq!(
            (plan.added, plan.removed, plan.unchanged),
            (vec!["comes".to_owned()], vec!["goes".to_owned()], vec!["stays".to_owned()])
        );
    }
}
