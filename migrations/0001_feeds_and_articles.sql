-- Why: the first schema. Everything that a poll decides is stored in the transaction that stores its articles, so
-- that no kill and no power cut can leave validators behind whose articles are missing.
--
-- Times are INTEGER milliseconds since 1970, UTC. Lists and labels are JSON. Absent is NULL, never an empty string.

-- "rssd" in ASCII: a database of another program is refused and not migrated.
PRAGMA application_id = 0x72737364;

CREATE TABLE meta (
    one      INTEGER PRIMARY KEY CHECK (one = 1),
    -- Made once and named by stream cursors: a seq means nothing in another database.
    epoch    TEXT    NOT NULL,
    -- The last seq given out. It outlives the rows, so that a number is never given out twice.
    seq_last INTEGER NOT NULL
) STRICT;

INSERT INTO meta (one, epoch, seq_last) VALUES (1, lower(hex(randomblob(8))), 0);

CREATE TABLE feed (
    id               INTEGER PRIMARY KEY,
    -- The key of a feed's state: the URL may change under it.
    name             TEXT    NOT NULL UNIQUE,
    url              TEXT    NOT NULL,
    -- Where permanent redirects led; NULL is url itself.
    effective_url    TEXT,
    title            TEXT,
    site_url         TEXT,
    language         TEXT,
    labels           TEXT    NOT NULL DEFAULT '{}',
    -- Header values byte for byte: TEXT where they are UTF-8, BLOB where not. ANY keeps which.
    etag             ANY,
    last_modified    ANY,
    -- Which URL and credentials the validators belong to.
    validators_for   TEXT,
    body_hash        BLOB    CHECK (body_hash IS NULL OR length(body_hash) = 32),
    next_poll_at     INTEGER,
    last_polled_at   INTEGER,
    last_ok_at       INTEGER,
    failing_since    INTEGER,
    failure_count    INTEGER NOT NULL DEFAULT 0,
    last_error       TEXT,
    last_error_class TEXT,
    gone_at          INTEGER,
    poll_count       INTEGER NOT NULL DEFAULT 0,
    -- Articles of this feed that are stored now.
    article_count    INTEGER NOT NULL DEFAULT 0,
    -- Since when the feed is not in feeds.toml: its state and articles wait for its return. NULL is subscribed.
    left_at          INTEGER
) STRICT;

CREATE TABLE article (
    -- AUTOINCREMENT: a row that retention removed never lends its id to another article.
    id           INTEGER PRIMARY KEY AUTOINCREMENT,
    -- The place in commit order, taken anew when the article changes; what a cursor names.
    seq          INTEGER NOT NULL UNIQUE,
    feed_id      INTEGER NOT NULL REFERENCES feed (id),
    key          TEXT    NOT NULL,
    guid         TEXT,
    url          TEXT,
    title        TEXT,
    authors      TEXT    NOT NULL DEFAULT '[]',
    summary      TEXT,
    content      TEXT,
    image_url    TEXT,
    enclosures   TEXT    NOT NULL DEFAULT '[]',
    categories   TEXT    NOT NULL DEFAULT '[]',
    language     TEXT,
    published_at INTEGER,
    updated_at   INTEGER,
    fetched_at   INTEGER NOT NULL,
    revision     INTEGER NOT NULL DEFAULT 0,
    UNIQUE (feed_id, key)
) STRICT;

-- Newest first of one feed; of all feeds it is the index behind UNIQUE (seq).
CREATE INDEX article_by_feed ON article (feed_id, seq);

-- The last polls of each feed, as a ring: a poll overwrites the one that is due to go, so nothing has to be searched
-- for and removed. Newest first is ORDER BY poll DESC, which a step of the clock cannot upset.
CREATE TABLE fetch_log (
    feed_id       INTEGER NOT NULL REFERENCES feed (id),
    slot          INTEGER NOT NULL,
    -- The feed's n-th poll.
    poll          INTEGER NOT NULL,
    started_at    INTEGER NOT NULL,
    -- Phases that were not reached, or not needed, are NULL.
    resolve_ms    INTEGER,
    connect_ms    INTEGER,
    tls_ms        INTEGER,
    first_byte_ms INTEGER,
    body_ms       INTEGER,
    parse_ms      INTEGER,
    total_ms      INTEGER NOT NULL,
    status        INTEGER,
    outcome       TEXT    NOT NULL,
    body_bytes    INTEGER,
    new_count     INTEGER NOT NULL,
    error         TEXT,
    PRIMARY KEY (feed_id, slot)
) STRICT, WITHOUT ROWID;

-- Keys of articles that retention removed while their feed still lists them: without them they would come back as new.
CREATE TABLE tombstone (
    feed_id    INTEGER NOT NULL REFERENCES feed (id),
    key        TEXT    NOT NULL,
    removed_at INTEGER NOT NULL,
    PRIMARY KEY (feed_id, key)
) STRICT, WITHOUT ROWID;
