-- Why: an article that its publisher changes is stored and delivered again, guids that mean nothing are seen through, and
-- what is older than `retention` goes without coming back.

-- What is remembered of an article's versions. Beside `article` and not in it: each poll asks for it once for each entry
-- of its document, and a column behind `content` would be read through all of that.
CREATE TABLE article_version (
    article_id INTEGER PRIMARY KEY REFERENCES article (id) ON DELETE CASCADE,
    -- Of the version that is stored. An article without a row here is from before there were hashes.
    hash       BLOB    NOT NULL CHECK (length(hash) = 16),
    -- Of the few versions before it, the last one first.
    formers    BLOB    NOT NULL DEFAULT x'',
    -- Since when the document shows one of these again, and not the stored one.
    back_since INTEGER
) STRICT;

-- Everything up to it may have been removed by retention: whoever has not had it yet has missed something.
ALTER TABLE meta ADD COLUMN seq_pruned INTEGER NOT NULL DEFAULT 0;

-- What the feed's articles are told apart by.
ALTER TABLE feed ADD COLUMN key_by TEXT NOT NULL DEFAULT 'guid' CHECK (key_by IN ('guid', 'link'));
-- When its document was last read, and not only found unchanged. NULL is never.
ALTER TABLE feed ADD COLUMN read_at INTEGER;

-- When a document was last seen to list it. NULL is not since it was removed.
ALTER TABLE tombstone ADD COLUMN listed_at INTEGER;

-- Tracking parameters are no part of a link's key any more. Most of those keys have nothing else behind the question mark.
UPDATE OR IGNORE article SET key = substr(key, 1, instr(key, '?') - 1)
WHERE key >= 'link:' AND key < 'link;'
  AND substr(key, instr(key, '?'), 5) = '?utm_' AND instr(key, '#') = 0
  AND length(key) - length(replace(key, '&', '')) = (length(key) - length(replace(key, '&utm_', ''))) / 5;
