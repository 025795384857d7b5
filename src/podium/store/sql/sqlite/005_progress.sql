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
