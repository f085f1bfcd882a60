-- The keys of an encrypted store: one, or two during a rotation. A plain store has none.
CREATE TABLE cipher (
  number BIGINT PRIMARY KEY,
  -- The secret of the store, encrypted with the key. Decrypting it checks a key.
  secret BYTEA NOT NULL
);

-- The encrypted name. `name` is a keyed checksum of it then. A session without a name has an empty one.
ALTER TABLE session ADD COLUMN title BYTEA;
-- The number of the key that the row is encrypted with; NULL in a plain store.
ALTER TABLE session ADD COLUMN cipher BIGINT;
ALTER TABLE event ADD COLUMN cipher BIGINT;
ALTER TABLE blob ADD COLUMN cipher BIGINT;
CREATE INDEX session_cipher ON session (cipher) WHERE cipher IS NOT NULL;
CREATE INDEX event_cipher ON event (cipher) WHERE cipher IS NOT NULL;
CREATE INDEX blob_cipher ON blob (cipher) WHERE cipher IS NOT NULL;
