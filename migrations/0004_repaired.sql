-- Why: the operator of a feed that had to be repaired wants to know what was wrong with it, and readers of an article
-- where it is discussed.

-- What was repaired in the last document that was read, a JSON list of words: "bare ampersand x3". Empty is healthy.
ALTER TABLE feed ADD COLUMN repaired TEXT NOT NULL DEFAULT '[]';

ALTER TABLE article ADD COLUMN comments_url TEXT;
