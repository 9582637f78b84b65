//! The table of bad files: what is written, and every line that is said about it; and what the good ones mean.

use super::*;

#[test]
fn times_and_sizes_out_of_bounds_name_value_bound_and_remedy() {
    bad_feed(
        r#"interval = "1s""#,
        &[
            r#"f.toml:4:12: feed "bbc": interval = "1s" is below the least of 1m; write at least "1m", or allow_private = true for a feed on your own network"#,
        ],
    );
    bad_feed(
        r#"interval_max = "32d""#,
        &[r#"f.toml:4:16: feed "bbc": interval_max = "32d" is above the most of "31d"; write at most "31d""#],
    );
    bad_feed(
        r#"total_timeout = "11m""#,
        &[r#"f.toml:4:17: feed "bbc": total_timeout = "11m" is above the most of "10m"; write at most "10m""#],
    );
    bad_feed(
        r#"connect_timeout = "0s""#,
        &[r#"f.toml:4:19: feed "bbc": connect_timeout = "0s" is below the least of "50ms"; write at least "50ms""#],
    );
    bad_feed(
        r#"read_timeout = "99999999999999999999d""#,
        &[
            r#"f.toml:4:16: feed "bbc": read_timeout = "99999999999999999999d" is above the most of "5m"; write at most "5m""#,
        ],
    );
    bad_feed(
        r#"body_bytes_max = "1GiB""#,
        &[r#"f.toml:4:18: feed "bbc": body_bytes_max = "1GiB" is above the most of "128MiB"; write at most "128MiB""#],
    );
    bad_feed(
        "articles_max = 0",
        &[r#"f.toml:4:16: feed "bbc": articles_max = 0 is below the least of 1; write at least 1"#],
    );
    bad_feed(
        "articles_max = -3",
        &[r#"f.toml:4:16: feed "bbc": articles_max = -3 is below the least of 1; write at least 1"#],
    );
}

#[test]
fn values_of_the_wrong_kind_are_shown_with_how_to_write_them() {
    bad_feed(
        "interval = 15",
        &[
            r#"f.toml:4:12: feed "bbc": interval = 15 is a whole number, not a duration; write it like "15m", in quotes and with its unit"#,
        ],
    );
    bad_feed(
        r#"interval = "15 minutes""#,
        &[
            r#"f.toml:4:12: feed "bbc": interval = "15 minutes" is not a duration; write one whole number and one of ms, s, m, h, d, like "15m""#,
        ],
    );
    bad_feed(
        r#"body_bytes_max = "8MB""#,
        &[
            r#"f.toml:4:18: feed "bbc": body_bytes_max = "8MB" is not a size; write one whole number and one of B, KiB, MiB, GiB, like "8MiB""#,
        ],
    );
    bad_feed(
        r#"enabled = "yes""#,
        &[
            r#"f.toml:4:11: feed "bbc": enabled = "yes" is text, not a truth value; write it like true or false, without quotes"#,
        ],
    );
    bad_feed(
        "labels = { country = 44 }",
        &[r#"f.toml:4:22: feed "bbc": labels.country = 44 is a whole number, not text; write it like "world""#],
    );
    bad_feed(
        "labels = 'x'",
        &[r#"f.toml:4:10: feed "bbc": labels = "x" is text, not a table; write it like { category = "world" }"#],
    );
}

#[test]
fn every_key_of_the_wrong_kind_is_one_mistake_at_its_value() {
    let sections = [
        ("[daemon]\n", "[daemon]", suggest::Section::Daemon),
        ("[defaults]\n", "[defaults]", suggest::Section::Defaults),
        ("[[feed]]\nurl = 'https://example.org/'\n", "feed 1", suggest::Section::Feed),
    ];
    for (head, subject, section) in sections {
        for key in section.keys().into_iter().filter(|key| *key != "url") {
            for value in ["1979-05-27", "1.5", "[[]]"] {
                let text = format!("{head}{key} = {value}\n");
                let mistakes = parse(&text, "f.toml").expect_err(&text);
                let found = mistakes.iter().next().unwrap();
                assert_eq!((mistakes.count(), found.subject.as_str(), found.key.as_str()), (1, subject, key), "{text}");
                let place = found.place.unwrap();
                assert_eq!(place.line, head.lines().count() + 1, "{text}");
                assert!(place.column >= key.len() + 4, "{text}");
            }
        }
    }
}

#[test]
fn relations_name_both_values_and_where_the_other_stands() {
    bad_feed(
        "interval = '1h'\ninterval_max = '30m'",
        &[
            r#"f.toml:4:12: feed "bbc": interval = "1h" is above interval_max = "30m" (f.toml:5); write at most "30m", or raise interval_max"#,
        ],
    );
    bad_feed(
        "interval = '10m'\ninterval_min = '20m'",
        &[
            r#"f.toml:5:16: feed "bbc": interval_min = "20m" is above interval = "10m" (f.toml:4); write at most "10m", or raise interval"#,
        ],
    );
    bad_feed(
        "connect_timeout = '20s'\nread_timeout = '15s'\ntotal_timeout = '10s'",
        &[
            r#"f.toml:4:19: feed "bbc": connect_timeout = "20s" is above total_timeout = "10s" (f.toml:6); write at most "10s", or raise total_timeout"#,
            r#"f.toml:5:16: feed "bbc": read_timeout = "15s" is above total_timeout = "10s" (f.toml:6); write at most "10s", or raise total_timeout"#,
        ],
    );
}

#[test]
fn a_relation_within_the_defaults_is_reported_once_and_one_with_a_feed_at_the_feed() {
    let feeds = "[[feed]]\nurl = 'http://a.example/'\n[[feed]]\nurl = 'http://b.example/'\n";
    bad(
        &format!("[defaults]\ninterval = '2h'\ninterval_max = '1h'\n{feeds}"),
        &[
            r#"f.toml:2:12: [defaults]: interval = "2h" is above interval_max = "1h" (f.toml:3); write at most "1h", or raise interval_max"#,
        ],
    );
    bad(
        &format!("[defaults]\ninterval_min = '1h'\n{feeds}interval = '10m'"),
        &[
            r#"f.toml:7:12: feed 2: interval = "10m" is below interval_min = "1h" (f.toml:2); write at least "1h", or lower interval_min"#,
        ],
    );
    bad(
        &format!("[defaults]\nallow_private = true\ninterval = '5s'\n{feeds}allow_private = false"),
        &[
            r#"f.toml:8:17: feed 2: allow_private = false leaves interval = "5s" (f.toml:3) below the least of 1m; write at least interval = "1m" here"#,
        ],
    );
}

#[test]
fn what_is_built_in_gives_way_to_what_is_written() {
    let minutes = |feed: &Feed| [feed.interval_min, feed.interval, feed.interval_max].map(|d| d.as_secs() / 60);
    assert_eq!(minutes(&good_feed("")), [5, 15, 1440]);
    assert_eq!(minutes(&good_feed("interval = '1m'")), [1, 1, 1440]);
    assert_eq!(minutes(&good_feed("interval = '2d'")), [5, 2880, 2880]);
    assert_eq!(minutes(&good_feed("interval_min = '2h'")), [120, 120, 1440]);
    assert_eq!(minutes(&good_feed("interval_max = '10m'")), [5, 10, 10]);
    assert_eq!(minutes(&good_feed("interval_max = '2m'")), [2, 2, 2]);
    assert_eq!(minutes(&good_feed("interval_min = '3d'")), [4320, 4320, 4320]);
    let seconds = |feed: &Feed| [feed.connect_timeout, feed.read_timeout, feed.total_timeout].map(|d| d.as_secs());
    assert_eq!(seconds(&good_feed("")), [5, 10, 30]);
    assert_eq!(seconds(&good_feed("total_timeout = '3s'")), [3, 3, 3]);
    assert_eq!(seconds(&good_feed("read_timeout = '1m'")), [5, 60, 60]);
    assert_eq!(good_feed("interval = '1s'\nallow_private = true").interval.as_secs(), 1);
}

#[test]
fn unknown_keys_say_what_may_have_been_meant_and_never_their_value() {
    bad(
        "intervall = '5m'\nlisten = 'x'\nname = 'x'\n[[feeds]]\nurl = 'http://example.org/'\n[daemon]\ninclude = []\nlisten_on = 'x'",
        &[
            r#"f.toml:1:1: unknown key "intervall"; the keys known here are include, daemon, defaults, feed"#,
            r#"f.toml:2:1: unknown key "listen"; move it under [daemon]"#,
            r#"f.toml:3:1: unknown key "name"; it is a feed's own; move it under its [[feed]]"#,
            r#"f.toml:4:3: unknown key "feeds"; did you mean feed?"#,
            r#"f.toml:7:1: [daemon]: unknown key "include"; move it to the top of the file, above the first table"#,
            r#"f.toml:8:1: [daemon]: unknown key "listen_on"; did you mean listen?"#,
        ],
    );
    bad_feed(
        "intervall = '5m'\npassword = 'hush'\n\"\\u001b[2J\" = 1",
        &[
            r#"f.toml:4:1: feed "bbc": unknown key "intervall"; did you mean interval?"#,
            r#"f.toml:5:1: feed "bbc": unknown key "password"; put it into a file, and name that in password_file"#,
            r#"f.toml:6:1: feed "bbc": unknown key "\u{1b}[2J"; the keys known here are name, url, labels, enabled, interval, interval_min, interval_max, connect_timeout, read_timeout, total_timeout, body_bytes_max, articles_max, articles_initial_max, allow_private, allow_downgrade, username, password_file, bearer_file, headers, ca_file, proxy, updates"#,
        ],
    );
    bad(
        "[defaults]\nurl = 'http://example.org/'",
        &[r#"f.toml:2:1: [defaults]: unknown key "url"; it is a feed's own; move it under its [[feed]]"#],
    );
}

#[test]
fn urls_are_http_with_a_host_and_without_credentials() {
    let url = |value: &str, expected: &str| {
        bad(&format!("[[feed]]\nurl = {value}"), &[&format!("f.toml:2:7: feed 1: url {expected}")])
    };
    let like = r#"write it whole, like "https://example.org/feed.xml""#;
    url("'ftp://example.org/'", r#"= "ftp://example.org/" has the scheme "ftp"; write one of http or https"#);
    url("'example.org/feed'", &format!(r#"= "example.org/feed" is not a URL (relative URL without a base); {like}"#));
    url("'http://'", &format!(r#"= "http://" is not a URL (empty host); {like}"#));
    url("'file:///etc/passwd'", &format!(r#"= "file:///etc/passwd" has no host; {like}"#));
    url(
        "' http://example.org/'",
        &format!(r#"= " http://example.org/" holds white space or a control character; {like}"#),
    );
    url(
        "'https://u:hush@example.org/'",
        r#"= "https://***@example.org/" holds credentials, which would end up in logs; write the name into username, and the password into a file named in password_file"#,
    );
    url("['http://example.org/']", r#"is a list, not text; write it like "https://example.org/feed.xml""#);
    bad(
        "[[feed]]\nname = 'x'",
        &[r#"f.toml:1:1: feed "x": url is missing; write url = "https://...", where the feed is"#],
    );
    assert_eq!(good("[[feed]]\nurl = 'http://EXAMPLE.org#top'").feeds[0].url.as_str(), "http://example.org/");
}

#[test]
fn names_and_urls_are_unique() {
    bad(
        "[[feed]]\nname = 'a'\nurl = 'http://a.example/'\n[[feed]]\nname = 'a'\nurl = 'HTTP://A.example:80#x'",
        &[
            r#"f.toml:5:8: feed "a": name = "a" is taken by the feed at f.toml:2; give one of the two another name"#,
            r#"f.toml:6:7: feed "a": url = "http://a.example/" is that of the feed at f.toml:3; keep one of the two"#,
        ],
    );
    bad(
        "[[feed]]\nurl = 'http://a.example/x'\n[[feed]]\nurl = 'https://a.example/x'\n[[feed]]\nurl = 'http://a.example/x'",
        &[
            r#"f.toml:4:7: feed 2: url makes the name "a.example-x", which is taken by the feed at f.toml:2; give this feed a name of its own with name = "...""#,
            r#"f.toml:6:7: feed 3: url = "http://a.example/x" is that of the feed at f.toml:2; keep one of the two"#,
        ],
    );
    bad(
        "[[feed]]\nname = 'a/b'\nurl = 'http://a.example/'",
        &[r#"f.toml:2:8: feed "a/b": name = "a/b" holds the character '/'; write a short word, like "bbc-world""#],
    );
}

#[test]
fn headers_are_refused_by_name_and_their_values_never_shown() {
    bad_feed(
        "[feed.headers]\nHost = 'hush'\n'X Key' = 'hush'\nX-One = \"hush\\r\\nX-Two: hush\"\nX-Num = 4711\nx-a = 'hush'\nX-A = 'hush'\nX-E = ''",
        &[
            r#"f.toml:5:8: feed "bbc": headers.Host cannot be set; leave it out: it follows from the URL"#,
            r#"f.toml:6:11: feed "bbc": headers."X Key" is not the name of a header; write letters, digits and hyphens"#,
            r#"f.toml:7:9: feed "bbc": headers.X-One has a value with a character that a header cannot hold; write visible ASCII on one line"#,
            r#"f.toml:8:9: feed "bbc": headers.X-Num is a whole number, not text; write it like "...""#,
            r#"f.toml:9:7: feed "bbc": headers.x-a is written twice, for the case of letters does not count; keep one of them"#,
            r#"f.toml:11:7: feed "bbc": headers.X-E has a value that is empty, or begins or ends with a space; write it without"#,
        ],
    );
    bad_feed(
        "headers = 'hush'",
        &[r#"f.toml:4:11: feed "bbc": headers is text, not a table; write it like { X-Key = "..." }"#],
    );
}

#[test]
fn secrets_are_in_no_debug_output_and_in_no_mistake() {
    let text = "[[feed]]\nurl = 'http://example.org/'\nheaders = { X-Key = 'hush' }\n";
    let config = good(text);
    assert_eq!(config.feeds[0].headers[0].1.as_str(), "hush");
    assert!(!format!("{config:?} {config:#?}").contains("hush"));
    for broken in [
        "[[feed]]\nheaders = { X-Key = 'hush }",
        "[[feed]]\nheaders = { X-Key = \"hush }",
        "[[feed]]\nheaders = { X-Key = hush }",
        "[[feed]]\nheaders = { X-Key = 'hush', X-Key = 'hush' }",
        "[[feed]]\nheaders = { X-Key = 'hush'",
        "[[feed]]\nheaders = ['hush']",
        "[[feed]]\nheader = { X-Key = 'hush' }",
        "[[feed]]\nheaders = { X-Key = ['hush'] }",
        "[[feed]]\nheaders = { X-Key = 'hush\u{7f}' }",
        "[[feed]]\nbearer = 'hush'",
        "token = 'hush'",
        "[[feed]]\nusername = 'u:hush'",
        "[[feed]]\nproxy = 'http://u:hush@proxy/'",
        "[[feed]]\nurl = 'gopher://u:hush@h/'",
        "[[feed]]\nurl = 'http://u:hu@hush/@h:99999/'",
    ] {
        let mistakes = parse(broken, "f.toml").expect_err(broken);
        assert!(!format!("{mistakes} {mistakes:?}").contains("hush"), "{broken}\n{mistakes:?}");
    }
}

#[test]
fn credentials_of_one_kind_at_a_time() {
    bad_feed(
        "password_file = 'p'",
        &[
            r#"f.toml:4:17: feed "bbc": password_file is of no use without a username; write username = "..." beside it"#,
        ],
    );
    bad_feed(
        "username = 'u'\nbearer_file = 'b'",
        &[
            r#"f.toml:5:15: feed "bbc": bearer_file cannot stand beside username; keep the one that the server asks for"#,
        ],
    );
    bad_feed(
        "username = 'u'\nheaders = { authorization = 'hush' }",
        &[
            r#"f.toml:4:12: feed "bbc": username cannot stand beside an Authorization header, for it becomes one; keep one of the two"#,
        ],
    );
    bad_feed(
        "username = 'u:hush'",
        &[
            r#"f.toml:4:12: feed "bbc": username = "u:..." holds a colon, which would end it; put the password into a file and name it in password_file"#,
        ],
    );
    let text =
        "[defaults]\nusername = 'u'\npassword_file = 'p'\n[[feed]]\nurl = 'http://a.example/'\nbearer_file = 'b'\n";
    let feed = &good(text).feeds[0];
    assert_eq!((&feed.username, &feed.password_file, &feed.bearer_file), (&None, &None, &Some(PathBuf::from("b"))));
    let text = "[defaults]\nbearer_file = 'b'\n[[feed]]\nurl = 'http://a.example/'\nusername = 'u'\n";
    let feed = &good(text).feeds[0];
    assert_eq!((feed.username.as_deref(), &feed.bearer_file), (Some("u"), &None));
}

#[test]
fn paths_start_at_the_folder_of_their_file_and_expand_nothing_else() {
    let config = parse("[daemon]\ndb = 'x/rssd.db'\ntoken_file = '/run/token'", "/etc/rssd/feeds.toml").unwrap();
    assert_eq!(config.daemon.db.as_deref(), Some("/etc/rssd/x/rssd.db".as_ref()));
    assert_eq!(config.daemon.token_file.as_deref(), Some("/run/token".as_ref()));
    bad(
        "[daemon]\ndb = '~/rssd.db'\ntoken_file = '$CREDENTIALS_DIRECTORY/token'",
        &[
            r#"f.toml:2:6: [daemon]: db = "~/rssd.db" begins with what only a shell would replace; write the whole path; only a leading $CREDENTIALS_DIRECTORY/ is replaced"#,
            r#"f.toml:3:14: [daemon]: token_file = "$CREDENTIALS_DIRECTORY/token" names a variable that is not set; start rssd from a unit with LoadCredential=, or write the path of the file"#,
        ],
    );
}

#[test]
fn the_daemon_has_addresses_cores_and_a_contact() {
    let daemon = good(
        "[daemon]\nlisten = '[::1]:0'\ncores = '0-1,3'\nretention = 'forever'\ncontact = 'mailto:a@b.example'\ndns = ['9.9.9.9', '127.0.0.1:5353', '::1']",
    )
    .daemon;
    assert_eq!(daemon.listen, Some("[::1]:0".parse().unwrap()));
    assert_eq!(daemon.cores, Some(Cores::List(vec![0, 1, 3])));
    assert_eq!(daemon.retention, Some(None));
    assert_eq!(daemon.dns, ["9.9.9.9:53", "127.0.0.1:5353", "[::1]:53"].map(|a| a.parse().unwrap()));
    assert_eq!(good("[daemon]\ncores = 3\nretention = '90d'").daemon.cores, Some(Cores::Count(3)));
    bad(
        "[daemon]\nlisten = 'localhost:8080'\ncores = 0\nretention = '3w'\ncontact = 'me (at) home'\ndns = ['dns.example']",
        &[
            r#"f.toml:2:10: [daemon]: listen = "localhost:8080" is not an address with a port; write one like "127.0.0.1:8080" or "[::1]:8080"; names are not looked up here"#,
            r#"f.toml:3:9: [daemon]: cores = 0 is below the least of 1; write at least 1"#,
            r#"f.toml:4:13: [daemon]: retention = "3w" is not a duration; write one like "90d", or "forever""#,
            r#"f.toml:5:11: [daemon]: contact = "me (at) home" holds a character that the User-Agent cannot; write visible ASCII without parentheses and backslashes"#,
            r#"f.toml:6:8: [daemon]: dns = "dns.example" is not the address of a name server; write one like "9.9.9.9" or "127.0.0.1:5353""#,
        ],
    );
}

#[test]
fn beyond_loopback_stands_a_token_or_the_word_public() {
    let refused = r#"f.toml:2:10: [daemon]: listen = "0.0.0.0:80" is beyond loopback, where everybody could ask without a token; name a token_file, write public = true, or listen on 127.0.0.1"#;
    bad("[daemon]\nlisten = '0.0.0.0:80'", &[refused]);
    bad("[daemon]\nlisten = '0.0.0.0:80'\npublic = false", &[refused]);
    // A token that is written and wrong is one mistake, and not also a missing one.
    bad(
        "[daemon]\nlisten = '0.0.0.0:80'\ntoken_file = ''",
        &[r#"f.toml:3:14: [daemon]: token_file = "" is empty; write the path of a file, or leave the key out"#],
    );
    for loopback in ["127.0.0.1:80", "127.3.2.1:80", "[::1]:80", "[::ffff:127.0.0.1]:80"] {
        good(&format!("[daemon]\nlisten = '{loopback}'"));
    }
    for leave in ["public = true", "token_file = '/run/token'"] {
        good(&format!("[daemon]\nlisten = '0.0.0.0:80'\n{leave}"));
    }
}

#[test]
fn labels_and_headers_are_merged_and_the_feed_wins() {
    let text = "[defaults]\nlabels = { a = '1', b = '1' }\nheaders = { X-A = '1', X-B = '1' }\n\
                [[feed]]\nurl = 'http://a.example/'\nlabels.b = '2'\nheaders.x-b = '2'\n[[feed]]\nurl = 'http://b.example/'";
    let config = good(text);
    let labels = |feed: &Feed| feed.labels.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>().join(" ");
    let headers =
        |feed: &Feed| feed.headers.iter().map(|(k, v)| format!("{k}={}", v.as_str())).collect::<Vec<_>>().join(" ");
    assert_eq!((labels(&config.feeds[0]).as_str(), headers(&config.feeds[0]).as_str()), ("a=1 b=2", "x-b=2 X-A=1"));
    assert_eq!((labels(&config.feeds[1]).as_str(), headers(&config.feeds[1]).as_str()), ("a=1 b=1", "X-A=1 X-B=1"));
    bad_feed(
        "labels = { 'a:b' = 'x', c = \"\\u202e\" }",
        &[
            r#"f.toml:4:20: feed "bbc": labels."a:b" = "x" has a key that holds the character ':'; write it with letters, digits and hyphens"#,
            r#"f.toml:4:29: feed "bbc": labels.c = "\u{202e}" is longer than 256 bytes, or holds an invisible character; write a short word"#,
        ],
    );
}

#[test]
fn several_syntax_mistakes_come_in_one_run_and_the_rest_is_checked_too() {
    bad(
        "[[feed]]\nurl = 'http://a.example/'\ninterval = 15m\nupdates = True\n\n[[feed]]\nurl 'http://b.example/'\n\n\
         [[feed]]\nurl = 'http://c.example/'\nurl = 'http://d.example/'\ninterval = '1s'\n",
        &[
            r#"f.toml:3:12: this is not TOML: string values must be quoted; write text, durations and sizes in quotes, like "15m""#,
            r#"f.toml:4:11: this is not TOML: invalid boolean, expected `true`; write true or false, without quotes"#,
            r#"f.toml:7:5: this is not TOML: key with no value, expected `=`; write key = value"#,
            r#"f.toml:11:1: key "url" is written twice in one table; keep one of them"#,
            r#"f.toml:12:12: feed 3: interval = "1s" is below the least of 1m; write at least "1m", or allow_private = true for a feed on your own network"#,
        ],
    );
    // What was recovered of a broken line is a guess, of which nothing more is said.
    bad_feed(
        "articles_max = 20k\ninterval = 5x",
        &[
            r#"f.toml:4:16: this is not TOML: string values must be quoted; write text, durations and sizes in quotes, like "15m""#,
            r#"f.toml:5:12: this is not TOML: string values must be quoted; write text, durations and sizes in quotes, like "15m""#,
        ],
    );
    bad(
        "[feed]\nurl = 'http://a.example/'",
        &[
            "f.toml:1:1: feed is a table, not a list of tables; write [[feed]] above each of them, with two pairs of brackets",
        ],
    );
    bad("feed = [1]", &["f.toml:1:9: feed 1: is not a table; write [[feed]] above its keys"]);
}

#[test]
fn columns_count_characters_and_lines_may_end_as_on_windows() {
    bad(
        "feed = [{ name = '日本', x = 1, url = 'http://a.example/' }]",
        &[
            r#"f.toml:1:24: feed "日本": unknown key "x"; the keys known here are name, url, labels, enabled, interval, interval_min, interval_max, connect_timeout, read_timeout, total_timeout, body_bytes_max, articles_max, articles_initial_max, allow_private, allow_downgrade, username, password_file, bearer_file, headers, ca_file, proxy, updates"#,
        ],
    );
    bad(
        "\u{feff}[daemon]\r\n\r\nlisten = 'x'\r\n",
        &[
            r#"f.toml:3:10: [daemon]: listen = "x" is not an address with a port; write one like "127.0.0.1:8080" or "[::1]:8080"; names are not looked up here"#,
        ],
    );
}

#[test]
fn further_names_and_streams_of_the_daemon() {
    let daemon = good("[daemon]\nhosts = ['RSSD.example.org', 'b\u{fc}cher.example']\nstreams_max = 20_000").daemon;
    assert_eq!(daemon.hosts, ["rssd.example.org", "xn--bcher-kva.example"]);
    assert_eq!(daemon.streams_max, Some(20_000));
    assert_eq!((good("").daemon.hosts.len(), good("").daemon.streams_max), (0, None));

    const REMEDY: &str = "write the name alone, like \"rssd.example.org\": no scheme, no port, no `*`";
    for wrong in ["https://rssd.example.org", "rssd.example.org:443", "rssd.example.org/", "*.example.org", "", "a b"] {
        let said = format!("f.toml:2:10: [daemon]: hosts = {wrong:?} is not the name of a host; {REMEDY}");
        bad(&format!("[daemon]\nhosts = ['{wrong}']"), &[&said]);
    }
    bad(
        "[daemon]\nhosts = ['192.0.2.1', 5]\nstreams_max = 0",
        &[
            r#"f.toml:2:10: [daemon]: hosts = "192.0.2.1" is an address, by which everybody may ask anyway; leave it out"#,
            r#"f.toml:2:23: [daemon]: hosts = 5 is a whole number, not text; write it like "rssd.example.org""#,
            "f.toml:3:15: [daemon]: streams_max = 0 is below the least of 1; write at least 1",
        ],
    );
    bad(
        "[daemon]\nstreams_max = 100001",
        &["f.toml:2:15: [daemon]: streams_max = 100001 is above the most of 100000; write at most 100000"],
    );
}
