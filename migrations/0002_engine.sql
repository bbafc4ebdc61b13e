-- What the engine learnt to remember.

-- An update that did not arrive is still to do. Rows of before told it by an empty payload_hash, which still counts,
-- because no decision has that fingerprint.
ALTER TABLE effects ADD COLUMN stale BOOLEAN NOT NULL DEFAULT FALSE;

-- What is forgotten after a while is looked for by its age.
CREATE INDEX token_events_by_age ON token_events (at);
CREATE INDEX token_reads_by_age ON token_reads (minute);
