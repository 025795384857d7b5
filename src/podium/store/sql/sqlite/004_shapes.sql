-- The shapes that everything later stands on: names in columns, numbered inboxes, waits, blobs by content.
--
-- Tables are made anew rather than added to, so that a store that was upgraded is in every respect like a new
-- one. What SQL cannot say (splitting names, hashing) are functions of `podium.store.sqlite.upgrade`.

DROP VIEW run_rows;
DROP TRIGGER inbox_blob;
DROP TRIGGER runs_blob;

-- Big payloads, named by the SHA-256 of what they hold, shared by all rows that hold the same. A payload
-- column is either the bytes themselves or, as text, the name of a blob. A blob goes when no row names it.
ALTER TABLE blobs RENAME TO old_blobs;
CREATE TABLE blobs (
    name TEXT PRIMARY KEY,
    data BLOB NOT NULL
) STRICT;
CREATE TABLE blob_names (key INTEGER PRIMARY KEY, name TEXT);
INSERT INTO blob_names SELECT key, blob_name(data) FROM old_blobs;
INSERT OR IGNORE INTO blobs SELECT blob_names.name, data FROM old_blobs JOIN blob_names USING (key);
INSERT OR IGNORE INTO blobs  -- a retry's first byte becomes a column
SELECT blob_name(substr(data, 2)), substr(data, 2) FROM old_blobs
WHERE key IN (SELECT payload FROM history WHERE kind = 'retry' AND typeof(payload) = 'integer');

ALTER TABLE history RENAME TO old_history;
DROP INDEX history_messages;
CREATE TABLE history (
    run     INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    at      REAL NOT NULL,
    step    TEXT NOT NULL,             -- of a message: its id
    digest  BLOB NOT NULL,
    payload ANY NOT NULL CHECK (typeof(payload) = 'blob' OR length(payload) = 64),
    began   REAL NOT NULL,
    attempt INTEGER NOT NULL,
    due     REAL,
    module  TEXT NOT NULL,             -- of the step's function
    name    TEXT NOT NULL,             -- of a message: kind:name
    policy  INTEGER,                   -- of a retry
    UNIQUE (run, seq)
) STRICT;

INSERT INTO history
SELECT run, seq,
       CASE WHEN kind <> 'start' THEN kind
            WHEN step <> '' THEN CASE hex(payload) WHEN '31' THEN 'start_alone' WHEN '30' THEN 'handed_back' ELSE 'start' END
            ELSE CASE hex(payload) WHEN '31' THEN 'turn_began' WHEN '30' THEN 'forgiven' ELSE 'turn_survived' END
       END,
       at,
       iif(kind = 'message', step, step_identity(run, step)),
       digest,
       CASE WHEN kind = 'start' THEN x''
            WHEN typeof(payload) = 'integer' THEN CASE kind
                WHEN 'retry' THEN (SELECT blob_name(substr(data, 2)) FROM old_blobs WHERE key = payload)
                ELSE (SELECT name FROM blob_names WHERE key = payload) END
            WHEN kind = 'retry' THEN substr(payload, 2)
            ELSE payload END,
       began, attempt, due,
       iif(kind = 'message', '', step_module(step)),
       iif(kind = 'message', 'cancel:', ''),  -- there was no other kind
       CASE WHEN kind <> 'retry' THEN NULL
            WHEN typeof(payload) = 'integer' THEN (SELECT first_byte(data) FROM old_blobs WHERE key = payload)
            ELSE first_byte(payload) END
FROM old_history ORDER BY rowid;

-- Entries of many long histories that were written together, until a later commit moves them on: in `history`
-- each of them would write a page of its own, because every run's end stands elsewhere in the index.
CREATE TABLE recent_history (
    run     INTEGER NOT NULL,
    seq     INTEGER NOT NULL,
    kind    TEXT NOT NULL,
    at      REAL NOT NULL,
    step    TEXT NOT NULL,
    digest  BLOB NOT NULL,
    payload BLOB NOT NULL,             -- the bytes themselves: what names a blob is not put here
    began   REAL NOT NULL,
    attempt INTEGER NOT NULL,
    due     REAL,
    module  TEXT NOT NULL,
    name    TEXT NOT NULL,
    policy  INTEGER,
    UNIQUE (run, seq)
) STRICT;

-- The history as a reader sees it.
CREATE VIEW entries AS
SELECT run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy FROM history
UNION ALL
SELECT run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy FROM recent_history;

-- What may be long comes last, so that a look at a run reads one page.
ALTER TABLE runs RENAME TO old_runs;
DROP INDEX runs_claimable;
DROP INDEX runs_owned;
DROP INDEX runs_newest;
DROP INDEX runs_attachable;
CREATE TABLE runs (
    key            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL UNIQUE,
    state          TEXT NOT NULL,
    token          INTEGER NOT NULL,
    owner          TEXT,               -- engine; null: nobody drives it
    due            REAL,               -- when an unowned run wants attention; null: only a message wakes it
    lost           INTEGER NOT NULL,
    generation     INTEGER NOT NULL,   -- rounds that it has begun anew
    base           INTEGER NOT NULL,   -- entries that belong to earlier rounds
    messages       INTEGER NOT NULL,   -- numbers that its inbox has given
    unread         INTEGER NOT NULL,   -- messages in it that nobody has taken
    created        REAL NOT NULL,
    began          REAL,               -- where its clock begins: at its first claim, or its origin's
    started        REAL,
    ended          REAL,
    function       TEXT NOT NULL,
    digest         BLOB NOT NULL,      -- of the arguments it was started with
    fingerprint    TEXT NOT NULL,
    project        TEXT NOT NULL,
    queue          TEXT NOT NULL,
    lane           TEXT NOT NULL,
    rank           REAL,
    starter        TEXT NOT NULL,      -- script
    starter_engine TEXT,               -- engine that script had; without a row of its own it is dead
    attached_by    TEXT NOT NULL,      -- id of the start that attached to it last: it may be sent again
    unique_name    TEXT NOT NULL,
    origin         TEXT NOT NULL,      -- the run that it retries, or was forked from
    parent         TEXT NOT NULL,      -- the run that started it
    root           TEXT NOT NULL,      -- the top of its family
    seed           TEXT NOT NULL,      -- what its ids, chance and keys derive from
    copied         INTEGER NOT NULL,   -- entries that came from its origin
    context        TEXT NOT NULL,      -- JSON, or ''
    tags           TEXT NOT NULL,      -- JSON; found by `run_tags`
    args           ANY NOT NULL CHECK (typeof(args) = 'blob' OR length(args) = 64),
    payload        ANY NOT NULL CHECK (typeof(payload) = 'blob' OR length(payload) = 64)
) STRICT;

INSERT INTO runs
SELECT key, id, state, token, owner, due, lost, 0, 0, 0, 0, created, started, started, ended,
       function, digest, fingerprint, '', '', '', NULL, starter, starter_engine, '', '',
       parent,  -- so far the run that a retry came from
       '', id, id,
       CASE WHEN parent = '' THEN 0 ELSE coalesce((
           SELECT max(copy.seq) FROM old_history AS copy JOIN old_history AS first
           ON first.run = (SELECT key FROM old_runs AS origin WHERE origin.id = old_runs.parent)
              AND first.seq = copy.seq
           WHERE copy.run = old_runs.key
             AND first.at = copy.at AND first.kind = copy.kind AND first.step = copy.step), 0) END,
       iif(state = 'succeeded', '', headers_of_0_1(function)), tags_as_json(tags),
       iif(typeof(args) = 'integer', (SELECT name FROM blob_names WHERE blob_names.key = args), args),
       iif(typeof(payload) = 'integer', (SELECT name FROM blob_names WHERE blob_names.key = payload), payload)
FROM old_runs;

-- These partial indexes name states, so they must follow TRANSITIONS in podium.model; a test holds them together.
CREATE INDEX runs_claimable ON runs (project, function, fingerprint, queue, due)
    WHERE owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting');
-- What lies in the lanes of queues: what comes back by when it is due, what has not begun by its rank.
CREATE INDEX runs_in_line ON runs (project, function, fingerprint, queue, lane, state, rank, due)
    WHERE queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting');
-- Those that were asked to stop.
CREATE INDEX runs_past_limits ON runs (project, function, fingerprint, queue, due)
    WHERE queue <> '' AND rank < 0 AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting');
-- The slots of queues that are held.
CREATE INDEX runs_in_slots ON runs (queue, lane) WHERE queue <> '' AND owner IS NOT NULL;
-- What is in them at all, for those who look.
CREATE INDEX runs_of_queues ON runs (queue, lane, state, due)
    WHERE queue <> '' AND state IN ('queued', 'waiting', 'running');
CREATE INDEX runs_owned ON runs (owner) WHERE owner IS NOT NULL;
CREATE INDEX runs_with_mail ON runs (owner) WHERE owner IS NOT NULL AND unread > 0;
CREATE INDEX runs_newest ON runs (created);
CREATE INDEX runs_ended ON runs (ended, state) WHERE ended IS NOT NULL;
CREATE INDEX runs_noticed ON runs (state, ended) WHERE state <> 'succeeded';
CREATE INDEX runs_of_function ON runs (function, created);
CREATE INDEX runs_attachable ON runs (function, digest, starter, starter_engine)
    WHERE starter <> '' AND starter_engine IS NOT NULL AND state IN ('queued', 'running', 'waiting', 'parked');
CREATE INDEX runs_attached ON runs (attached_by) WHERE attached_by <> '';
CREATE UNIQUE INDEX runs_unique ON runs (project, unique_name)
    WHERE unique_name <> '' AND state IN ('queued', 'running', 'waiting', 'parked');
CREATE INDEX runs_of_parent ON runs (parent) WHERE parent <> '';
CREATE INDEX runs_of_origin ON runs (origin) WHERE origin <> '';
CREATE INDEX runs_of_root ON runs (root) WHERE root <> id;

CREATE TABLE run_tags (
    tag TEXT NOT NULL,
    run INTEGER NOT NULL,
    PRIMARY KEY (tag, run)
) STRICT, WITHOUT ROWID;
INSERT OR IGNORE INTO run_tags SELECT value, runs.key FROM runs, json_each(tags) WHERE tags <> '[]';

-- A taken message stays for a while without its payload, so that a repeat of it is known.
ALTER TABLE inbox RENAME TO old_inbox;
CREATE TABLE inbox (
    run     INTEGER NOT NULL,
    n       INTEGER NOT NULL,          -- counts from 1 in each run
    id      TEXT NOT NULL,
    kind    TEXT NOT NULL,             -- cancel, signal, outcome, answer
    name    TEXT NOT NULL,
    state   TEXT NOT NULL,             -- of an outcome or an answer
    sender  TEXT NOT NULL,
    digest  BLOB NOT NULL,
    at      REAL NOT NULL,
    taken   REAL,
    payload ANY NOT NULL CHECK (typeof(payload) = 'blob' OR length(payload) = 64),
    PRIMARY KEY (run, n)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX inbox_ids ON inbox (run, id);
CREATE INDEX inbox_unread ON inbox (run, n) WHERE taken IS NULL;
CREATE INDEX inbox_taken ON inbox (taken) WHERE taken IS NOT NULL;

INSERT INTO inbox
SELECT run, row_number() OVER (PARTITION BY run ORDER BY taken IS NULL, at, id),
       id, kind, '', '', '', x'', at, taken, payload
FROM (
    SELECT run, step AS id, 'cancel' AS kind, at, at AS taken, x'' AS payload FROM old_history
    WHERE kind = 'message' AND run IN (SELECT key FROM old_runs WHERE ended IS NULL)
    UNION ALL
    SELECT run, id, kind, at, NULL,
           iif(typeof(payload) = 'integer', (SELECT name FROM blob_names WHERE key = payload), payload)
    FROM old_inbox);
UPDATE runs
SET messages = (SELECT count(*) FROM inbox WHERE run = key),
    unread = (SELECT count(*) FROM inbox WHERE run = key AND taken IS NULL),
    -- A claim looks at due times alone: a message that comes sets one, so those that are here do.
    due = iif(owner IS NULL AND state IN ('queued', 'waiting')
              AND EXISTS (SELECT 1 FROM inbox WHERE run = key AND taken IS NULL), 0.0, due)
WHERE key IN (SELECT run FROM inbox);

-- What runs wait for from outside. A row that was answered stays until its run ends.
CREATE TABLE waits (
    run     INTEGER NOT NULL,
    step    TEXT NOT NULL,
    target  TEXT NOT NULL,             -- a run's id, a question's or a callback's
    kind    TEXT NOT NULL,             -- of the message that answers it: outcome (of a run), answer
    prompt  TEXT NOT NULL,
    schema  TEXT NOT NULL,
    "to"    TEXT NOT NULL,
    due     REAL,
    taken   REAL,                      -- when it was answered
    "by"    TEXT NOT NULL,             -- whoever answered
    digest  BLOB NOT NULL,             -- of the answer
    cancels INTEGER NOT NULL,          -- whether the target, a run, is to stop when this one ends
    about   BLOB NOT NULL,             -- of a question: the value that is shown with it, as the codec wrote it
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;
CREATE INDEX waits_for ON waits (target);
CREATE INDEX waits_open ON waits (run, step) WHERE taken IS NULL;

UPDATE logs SET step = step_identity(run, step) WHERE step LIKE '%:%';

-- Which rows name a blob.
CREATE INDEX runs_args_blobs ON runs (args) WHERE typeof(args) = 'text';
CREATE INDEX runs_payload_blobs ON runs (payload) WHERE typeof(payload) = 'text';
CREATE INDEX history_blobs ON history (payload) WHERE typeof(payload) = 'text';
CREATE INDEX inbox_blobs ON inbox (payload) WHERE typeof(payload) = 'text';

DROP TABLE old_inbox;
DROP TABLE old_history;
DROP TABLE old_runs;
DROP TABLE old_blobs;
DROP TABLE blob_names;

-- A run as a reader sees it: a column for each field of podium.model.RunRow, and its key.
CREATE VIEW run_rows AS
SELECT key, id, function, state, token, owner, created, started, ended, due, args, payload, digest, lost,
       max(base, coalesce((SELECT max(seq) FROM history WHERE run = runs.key), 0),
           coalesce((SELECT max(seq) FROM recent_history WHERE run = runs.key), 0)) AS entries,
       fingerprint, starter, tags, unread AS inbox,
       coalesce((SELECT max(n) FROM logs WHERE run = runs.key), 0) AS logs,
       project, unique_name, origin, parent, root, seed, began, copied, generation, base, context,
       queue, lane, rank, messages, starter_engine, attached_by
FROM runs;
