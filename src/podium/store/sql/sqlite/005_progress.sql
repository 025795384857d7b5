-- What the last attempt at a step has said of its progress, for the next one. A row for each such step, written
-- over and over, and gone when the step has its outcome: the history does not grow by it.

CREATE TABLE progress (
    run     INTEGER NOT NULL,
    step    TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    at      REAL NOT NULL,
    payload BLOB NOT NULL,             -- as the codec wrote it
    PRIMARY KEY (run, step)
) STRICT, WITHOUT ROWID;

-- What runs emit, in numbered streams, and what they publish: one row for each name, written over and over. Both
-- go when the run goes; the history does not grow by them.

CREATE TABLE streams (
    run        INTEGER NOT NULL,
    name       TEXT NOT NULL,
    n          INTEGER NOT NULL,       -- counts from 1 in each stream of a run, without a gap
    generation INTEGER NOT NULL,
    step       TEXT NOT NULL,          -- '' for the workflow's body
    attempt    INTEGER NOT NULL,       -- 0 for the body
    turn       INTEGER NOT NULL,       -- of the body: the entry that it was told last; 0 of a task
    ordinal    INTEGER NOT NULL,       -- counts from 1 in that turn or attempt
    at         REAL NOT NULL,
    payload    BLOB NOT NULL,          -- as the codec wrote it
    UNIQUE (run, name, n)
) STRICT;

-- What is emitted again, by a replay or by a commit that is made again, is there already.
CREATE UNIQUE INDEX streams_once ON streams (run, generation, step, attempt, turn, ordinal);

CREATE TABLE published (
    run     INTEGER NOT NULL,
    name    TEXT NOT NULL,
    payload BLOB NOT NULL,             -- as the codec wrote it
    at      REAL NOT NULL,
    step    TEXT NOT NULL,
    attempt INTEGER NOT NULL,
    turn    INTEGER NOT NULL,          -- the run's last entry then: what is of an earlier turn replaces nothing
    PRIMARY KEY (run, name)
) STRICT, WITHOUT ROWID;

-- Changes that somebody asked for: over HTTP put here before they are made, else with the change itself. Rows are
-- only added; `outcome` is set once.

CREATE TABLE audit (
    n       INTEGER PRIMARY KEY AUTOINCREMENT,
    at      REAL NOT NULL,
    by      TEXT NOT NULL,
    role    TEXT NOT NULL,
    verb    TEXT NOT NULL,
    target  TEXT NOT NULL,
    said    TEXT NOT NULL,
    address TEXT NOT NULL,
    outcome TEXT NOT NULL DEFAULT '',
    run     TEXT NOT NULL DEFAULT ''   -- the id of the one run that it is about
) STRICT;
CREATE INDEX audit_of_run ON audit (run, n) WHERE run <> '';

-- Points of series that bodies and tasks have measured. They stay when their run is pruned, so they name it by its
-- id; what follows the time tells a point that is written again from another one.

CREATE TABLE measures (
    series     TEXT NOT NULL,
    at         REAL NOT NULL,
    value      REAL NOT NULL,
    tags       TEXT NOT NULL,          -- JSON without spaces, sorted
    step       TEXT NOT NULL,
    attempt    INTEGER NOT NULL,
    ordinal    INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    run        TEXT NOT NULL,
    PRIMARY KEY (series, at, run, step, attempt, ordinal, generation)
) STRICT, WITHOUT ROWID;

-- Which values of the depot, files named by their content, the rows of a run name, and in which generation of
-- it: these files stay. A file that is not named here goes when it has lain for a while.

CREATE TABLE value_names (
    run        INTEGER NOT NULL,
    generation INTEGER NOT NULL,
    name       TEXT NOT NULL CHECK (length(name) = 64),
    PRIMARY KEY (run, generation, name)
) STRICT, WITHOUT ROWID;

CREATE INDEX value_names_by_name ON value_names (name);

-- Results that may stand for other calls: their names say for which.
CREATE INDEX history_cached ON history (name) WHERE kind = 'result' AND name <> '';

-- What a person wants of an engine: '' to work, 'pause' to take nothing new, 'drain' to end then.
ALTER TABLE engines ADD COLUMN asked TEXT NOT NULL DEFAULT '';

-- What queues allow: `concurrency` and `rate` hold, and are an operator's where `set_by` says whose; what code
-- declares stands beside them. A slot is held by owning a run, so nothing here counts them.

CREATE TABLE queues (
    name                 TEXT PRIMARY KEY,
    concurrency          INTEGER,      -- NULL: any number of runs at once
    rate                 TEXT NOT NULL, -- '100/m'; '': any number
    per                  TEXT NOT NULL, -- the parameter whose values have the limits each; '': the whole queue
    declared             INTEGER NOT NULL,
    declared_concurrency INTEGER,
    declared_rate        TEXT NOT NULL,
    declared_by          TEXT NOT NULL,
    declared_at          REAL NOT NULL,
    set_by               TEXT,         -- NULL: what the code says holds
    set_at               REAL NOT NULL,
    paused               INTEGER NOT NULL,
    next                 REAL NOT NULL  -- nothing that the rate of the whole queue counts begins before
) STRICT, WITHOUT ROWID;

-- The lines of keys in queues, once they were served: a lane without a row has never been, or long ago.

CREATE TABLE lanes (
    queue  TEXT NOT NULL,
    key    TEXT NOT NULL,
    served REAL NOT NULL,
    next   REAL NOT NULL,              -- nothing that counts begins before
    PRIMARY KEY (queue, key)
) STRICT, WITHOUT ROWID;

-- When runs were freed of an owner that was gone, for those who look at them: the runs count it in `lost` alone.

CREATE TABLE losses (
    run    INTEGER NOT NULL,
    token  INTEGER NOT NULL,           -- of the run, when it had that owner
    at     REAL NOT NULL,
    engine TEXT NOT NULL,
    PRIMARY KEY (run, token)
) STRICT, WITHOUT ROWID;
