-- Finds the names with a prefix. The index of the unique column has the order of the database's collation, which may
-- ignore punctuation.
CREATE INDEX session_name ON session (name COLLATE "C");
