CREATE TABLE session (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Drawn by chance by whoever made it, who finds it again if the answer was lost.
  token BLOB NOT NULL UNIQUE,
  name TEXT UNIQUE,
  -- How many events there are on its path, those of its parents up to the fork included.
  length INTEGER NOT NULL,
  parent INTEGER REFERENCES session (id),
  -- The last event it shares with its parent.
  parent_seq INTEGER NOT NULL DEFAULT 0,
  -- Tells whether this row is as it was written: its place, length and parent.
  sum BLOB NOT NULL,
  -- Deleted, and kept because forks stand on it.
  deleted INTEGER NOT NULL DEFAULT 0,
  -- Counts up with every write to any session: the order of last use.
  touched INTEGER NOT NULL,
  -- Seconds since 1970, to be shown; nothing is decided by them.
  created_at INTEGER NOT NULL,
  changed_at INTEGER NOT NULL
);
CREATE INDEX session_touched ON session (touched);
CREATE INDEX session_parent ON session (parent);

CREATE TABLE event (
  session_id INTEGER NOT NULL REFERENCES session (id),
  seq INTEGER NOT NULL,
  id BLOB NOT NULL,
  body BLOB NOT NULL,
  sum BLOB NOT NULL,
  PRIMARY KEY (session_id, seq)
) WITHOUT ROWID;

CREATE TABLE blob (
  hash TEXT PRIMARY KEY,
  data BLOB NOT NULL
);

CREATE TABLE media (
  session_id INTEGER NOT NULL REFERENCES session (id),
  seq INTEGER NOT NULL,
  hash TEXT NOT NULL REFERENCES blob (hash),
  PRIMARY KEY (session_id, seq, hash)
) WITHOUT ROWID;
CREATE INDEX media_hash ON media (hash);

CREATE TABLE said (
  id INTEGER PRIMARY KEY,
  session_id INTEGER NOT NULL REFERENCES session (id),
  seq INTEGER NOT NULL,
  text TEXT NOT NULL
);
CREATE INDEX said_session ON said (session_id, seq);
CREATE VIRTUAL TABLE said_words USING fts5 (text, content = 'said', content_rowid = 'id');
CREATE TRIGGER said_added AFTER INSERT ON said BEGIN
  INSERT INTO said_words (rowid, text) VALUES (new.id, new.text);
END;
CREATE TRIGGER said_deleted AFTER DELETE ON said BEGIN
  INSERT INTO said_words (said_words, rowid, text) VALUES ('delete', old.id, old.text);
END;
