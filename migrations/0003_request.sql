-- Why: how a feed is asked depends on what was seen over days: where its permanent redirects lead, and since when it
-- answers nothing but 304. Both are to survive restarts, or a daemon that is restarted daily would never learn.

-- Where the last polls were led by permanent redirects alone; effective_url moves there once it has proved itself.
ALTER TABLE feed ADD COLUMN moved_to TEXT;
-- Polls in a row that were led there.
ALTER TABLE feed ADD COLUMN moved_count INTEGER NOT NULL DEFAULT 0;
-- Since when; NULL beside a moved_to is a target that was found to be another feed.
ALTER TABLE feed ADD COLUMN moved_since INTEGER;
-- Hashes of some titles of the last whole document: what a redirect's target is compared with.
ALTER TABLE feed ADD COLUMN likeness BLOB;
-- When the document was another one than before, last.
ALTER TABLE feed ADD COLUMN changed_at INTEGER;
-- How long it took to become another one, usually; NULL until it has done so once.
ALTER TABLE feed ADD COLUMN changed_gap_ms INTEGER;
-- When the feed was last asked without validators because its 304s looked frozen.
ALTER TABLE feed ADD COLUMN doubted_at INTEGER;
