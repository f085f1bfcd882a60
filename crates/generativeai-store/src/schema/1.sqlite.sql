CREATE TABLE session (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  -- Random. A retry finds the session by it if the reply to the first commit was lost.
  token BLOB NOT NULL UNIQUE,
  name TEXT UNIQUE,
  -- The number of events, including those shared with its ancestors.
  length INTEGER NOT NULL,
  parent INTEGER REFERENCES session (id),
  -- The last event that it shares with its parent.
  parent_seq INTEGER NOT NULL DEFAULT 0,
  -- Checksum of token, length, parent and parent_seq.
  sum BLOB NOT NULL,
  -- 1 if it was deleted and is kept because forks share its events.
  deleted INTEGER NOT NULL DEFAULT 0,
  -- Increases with every write to any session: the order of last use.
  touched INTEGER NOT NULL,
  -- Seconds since 1970, to be shown. The order does not depend on them.
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
