-- The whole store in six tables.
--
-- A run is one row of `runs`; what it saw is its rows of `history`; what it has not seen yet is in `inbox`.
-- `engines` are the processes that may write. `blobs` holds big payloads: a payload column is either the
-- bytes themselves or the integer key of a blob. Times are UTC seconds.
--
-- Rows refer to a run by `key`, a small integer, not by its 18-character id. Measured: with 100 runs that
-- each add a row per commit, an index on (text id, seq) or a table clustered by it writes 2 to 5 times as
-- much, because every run's end sits on a page of its own.

PRAGMA application_id = 0x506f6469;  -- "Podi": tells our files from other people's

CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value ANY NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO meta VALUES ('store', lower(hex(randomblob(8)))), ('created', unixepoch('subsec'));

-- What changes comes first and what may be long comes last, so that a look at a run reads one page.
CREATE TABLE runs (
    key            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    state          TEXT NOT NULL,
    token          INTEGER NOT NULL,
    owner          TEXT,               -- engine; null: nobody drives it
    due            REAL,               -- when an unowned run wants attention; null: only a message wakes it
    lost           INTEGER NOT NULL,
    created        REAL NOT NULL,
    started        REAL,
    ended          REAL,
    function       TEXT NOT NULL,
    digest         BLOB NOT NULL,      -- of the arguments
    fingerprint    TEXT NOT NULL,
    starter        TEXT NOT NULL,      -- script
    starter_engine TEXT,               -- engine that script had; without a row of its own it is dead
    parent         TEXT NOT NULL,
    tags           TEXT NOT NULL,
    args           ANY NOT NULL CHECK (typeof(args) IN ('blob', 'integer')),
    payload        ANY NOT NULL CHECK (typeof(payload) IN ('blob', 'integer'))
) STRICT;

-- These partial indexes name states, so they must follow TRANSITIONS in podium.model; a test holds them together.
CREATE INDEX runs_claimable ON runs (function, due)
    WHERE owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting');
CREATE INDEX runs_owned ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_newest ON runs (created);
CREATE INDEX runs_attachable ON runs (function, digest, starter, starter_engine)
    WHERE starter <> '' AND starter_engine IS NOT NULL AND state IN ('queued', 'running', 'waiting', 'parked');

-- Append only. The length of a history is its greatest seq; no counter elsewhere can disagree with it, and
-- adding an entry does not rewrite the run's row.
CREATE TABLE history (
    run     INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    at      REAL NOT NULL,
    step    TEXT NOT NULL,             -- of a message: its id
    digest  BLOB NOT NULL,
    payload ANY NOT NULL CHECK (typeof(payload) IN ('blob', 'integer')),  -- copies share the blob
    began   REAL NOT NULL,
    attempt INTEGER NOT NULL,
    due     REAL,
    UNIQUE (run, seq)
) STRICT;

-- A message enters a history once, whatever its sender repeats.
CREATE UNIQUE INDEX history_messages ON history (run, step) WHERE kind = 'message';

CREATE TABLE inbox (
    run     INTEGER NOT NULL,
    id      TEXT NOT NULL,
    kind    TEXT NOT NULL,
    at      REAL NOT NULL,
    payload ANY NOT NULL CHECK (typeof(payload) IN ('blob', 'integer')),
    PRIMARY KEY (run, id)
) STRICT, WITHOUT ROWID;

CREATE TABLE blobs (
    key  INTEGER PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;

-- A blob goes with the only row that refers to it.
CREATE TRIGGER inbox_blob AFTER DELETE ON inbox WHEN typeof(OLD.payload) = 'integer'
BEGIN
    DELETE FROM blobs WHERE key = OLD.payload;
END;
CREATE TRIGGER runs_blob AFTER UPDATE OF payload ON runs WHEN typeof(OLD.payload) = 'integer'
BEGIN
    DELETE FROM blobs WHERE key = OLD.payload;
END;

CREATE TABLE engines (
    id      TEXT PRIMARY KEY,
    beat    INTEGER NOT NULL,
    host    TEXT NOT NULL,
    pid     INTEGER NOT NULL,
    started REAL NOT NULL,
    info    TEXT NOT NULL,
    port    INTEGER NOT NULL           -- loopback port that a datagram wakes; 0: it polls
) STRICT, WITHOUT ROWID;

-- A run as a reader sees it, in the order of podium.model.RunRow.
CREATE VIEW run_rows AS
SELECT id, function, state, token, owner, created, started, ended, due, args, payload, digest, lost,
       coalesce((SELECT max(seq) FROM history WHERE run = runs.key), 0) AS entries,
       fingerprint, starter, parent, tags,
       (SELECT count(*) FROM inbox WHERE run = runs.key) AS inbox,
       key
FROM runs;
