-- What runs say. Append only; a run's lines go when the run goes.
--
-- A rowid table with a unique key for the same reason as `history`: runs that take turns write less that way.

CREATE TABLE logs (
    run     INTEGER NOT NULL,
    n       INTEGER NOT NULL,          -- counts from 1 in each run, without a gap
    step    TEXT NOT NULL,             -- '' for the workflow's body
    attempt INTEGER NOT NULL,
    at      REAL NOT NULL,
    level   INTEGER NOT NULL,
    text    TEXT NOT NULL,
    UNIQUE (run, n)
) STRICT;

-- One step's lines, in order, however much the rest of the run has said.
CREATE INDEX logs_of_step ON logs (run, step, n);

DROP VIEW run_rows;
CREATE VIEW run_rows AS
SELECT id, function, state, token, owner, created, started, ended, due, args, payload, digest, lost,
       coalesce((SELECT max(seq) FROM history WHERE run = runs.key), 0) AS entries,
       fingerprint, starter, parent, tags,
       (SELECT count(*) FROM inbox WHERE run = runs.key) AS inbox,
       coalesce((SELECT max(n) FROM logs WHERE run = runs.key), 0) AS logs,
       key
FROM runs;
