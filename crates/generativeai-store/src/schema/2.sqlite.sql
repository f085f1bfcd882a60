-- The keys of an encrypted store: one, or two while it is changed. A plain store has none.
CREATE TABLE cipher (
  number INTEGER PRIMARY KEY,
  -- The secret of the store, encrypted with the key: tells whether a key is right.
  secret BLOB NOT NULL
);

-- In an encrypted store `name` has a checksum of the name, and this the name itself; that there is none, too.
ALTER TABLE session ADD COLUMN title BLOB;
-- The number of the key; nothing where nothing is encrypted.
ALTER TABLE session ADD COLUMN cipher INTEGER;
ALTER TABLE event ADD COLUMN cipher INTEGER;
ALTER TABLE blob ADD COLUMN cipher INTEGER;
CREATE INDEX session_cipher ON session (cipher) WHERE cipher IS NOT NULL;
CREATE INDEX event_cipher ON event (cipher) WHERE cipher IS NOT NULL;
CREATE INDEX blob_cipher ON blob (cipher) WHERE cipher IS NOT NULL;
