-- Why: full-text search must not cost ingestion anything. So no trigger fills the index: the writer does, after the
-- commit, when no poll waits, in small chunks, and notes here how far it has come.
--
-- contentless: what is indexed is the text without its tags, which is stored nowhere, so there is no content for an
-- external-content table to agree with, and a copy of all text would double the database. contentless_delete: a row
-- goes without anybody having to know what was in it.
--
-- The rowid is the article's seq: newest first is then the index's own order, and a page of a search for a common word
-- reads a page's worth of it.
--
-- remove_diacritics 2: "cafe" finds "café", however it was composed.
CREATE VIRTUAL TABLE article_text USING fts5 (
    title, summary, content,
    content = '', contentless_delete = 1, tokenize = 'unicode61 remove_diacritics 2'
);

CREATE TABLE search (
    one         INTEGER PRIMARY KEY CHECK (one = 1),
    -- Articles up to this seq can be found.
    seq_indexed INTEGER NOT NULL
) STRICT;

INSERT INTO search (one, seq_indexed) VALUES (1, 0);

-- An article that is gone is not found any more, ...
CREATE TRIGGER article_text_forgets_removed AFTER DELETE ON article
BEGIN
    DELETE FROM article_text WHERE rowid = OLD.seq;
END;

-- ... and one that changed is found by its new text alone, once its new seq has been reached.
CREATE TRIGGER article_text_forgets_changed AFTER UPDATE OF seq ON article WHEN NEW.seq <> OLD.seq
BEGIN
    DELETE FROM article_text WHERE rowid = OLD.seq;
END;
