-- Why: a feed comes back when the rules of the schedule say so, and whoever asks why is told which rules spoke. What they
-- go by besides the last answer, the publisher's hints and how often the feed brings something, has to hold over answers
-- without a document and over restarts.

-- Why next_poll_at is what it is: [{"rule","asked_s","won","until"?,"note"?}]. NULL is not known.
ALTER TABLE feed ADD COLUMN schedule TEXT;
-- What the last document said about when it changes: {"ttl_s"?,"update_period_s"?,"skip_hours"?,"skip_days"?}.
ALTER TABLE feed ADD COLUMN hints TEXT;
-- How often the feed brings something: {"since","last_arrival","arrivals","gap_ms"}.
ALTER TABLE feed ADD COLUMN cadence TEXT;
-- Polls in a row, up to the last one, that were answered with 410.
ALTER TABLE feed ADD COLUMN gone_count INTEGER NOT NULL DEFAULT 0;
-- Of which settings in feeds.toml the feed was given up, as a fingerprint of them. With any other settings it is asked
-- again. NULL is not given up.
ALTER TABLE feed ADD COLUMN given_up_for TEXT;
