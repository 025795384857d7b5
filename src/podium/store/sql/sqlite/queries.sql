-- Every statement of the SQLite backend. A block runs from its `-- name:` line to the next one.

-- == writing: all inside one BEGIN IMMEDIATE ===========================================================

-- name: engine_lives
-- Whoever writes as an engine must still have its row.
SELECT 1 FROM engines WHERE id = ?;

-- name: runs
-- The rows that a round of Writes is judged by, in the order of `podium.store.sets.RunState`; the write lock of
-- the transaction keeps them so until the commit. All in one statement, which costs a third of one each.
SELECT runs.id, state, token, owner,
       max(base, coalesce((SELECT max(seq) FROM history WHERE run = runs.key), 0),
           coalesce((SELECT max(seq) FROM recent_history WHERE run = runs.key), 0)),
       messages, unread, coalesce(started, created), started IS NOT NULL, queue, lane, rank,
       runs.key, iif(typeof(payload) = 'text', payload, NULL)
FROM json_each(?) AS wanted CROSS JOIN runs ON runs.id = wanted.value;

-- name: add_entry
INSERT INTO history (run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: add_recent_entry
INSERT INTO recent_history (run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: move_recent_entries
-- Sorted by run: so each run's go to one place.
INSERT INTO history (run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy)
SELECT run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy
FROM recent_history ORDER BY run, seq;

-- name: clear_recent_entries
DELETE FROM recent_history;

-- name: keep_progress
INSERT INTO progress (run, step, attempt, at, payload) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (run, step) DO UPDATE SET attempt = excluded.attempt, at = excluded.at, payload = excluded.payload;

-- name: forget_progress
DELETE FROM progress WHERE run = ? AND step = ?;

-- name: progress
SELECT step, attempt, at, payload FROM progress WHERE run = (SELECT key FROM runs WHERE id = ?) ORDER BY step;

-- name: add_measure
INSERT INTO measures (series, at, value, tags, step, attempt, ordinal, generation, run)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING;

-- name: series
-- One step through the index for each name, not through its points, then the ends of each.
WITH RECURSIVE names (name) AS (
    SELECT min(series) FROM measures
    UNION ALL
    SELECT (SELECT min(series) FROM measures WHERE series > name) FROM names WHERE name IS NOT NULL
)
SELECT name, (SELECT count(*) FROM measures WHERE series = name),
    (SELECT at FROM measures WHERE series = name ORDER BY at LIMIT 1),
    (SELECT at FROM measures WHERE series = name ORDER BY at DESC LIMIT 1),
    (SELECT value FROM measures WHERE series = name ORDER BY at DESC LIMIT 1)
FROM names WHERE name IS NOT NULL ORDER BY name;

-- name: measures
SELECT series, at, value, tags, step, attempt, ordinal, generation, run FROM measures
WHERE series = :series AND at >= :since AND at < :until
    AND NOT EXISTS (SELECT 1 FROM json_each(:tags) AS wanted WHERE instr(tags, wanted.value) = 0)
ORDER BY at DESC, run DESC, step DESC, attempt DESC, ordinal DESC, generation DESC LIMIT :limit;

-- name: measure_bins
SELECT :since + :width * CAST((at - :since) / :width AS INTEGER) AS begin, count(*), sum(value), min(value), max(value)
FROM measures WHERE series = :series AND at >= :since AND at < :until
    AND NOT EXISTS (SELECT 1 FROM json_each(:tags) AS wanted WHERE instr(tags, wanted.value) = 0)
GROUP BY begin ORDER BY begin;

-- name: old_series
-- As in `series`.
WITH RECURSIVE names (name) AS (
    SELECT min(series) FROM measures
    UNION ALL
    SELECT (SELECT min(series) FROM measures WHERE series > name) FROM names WHERE name IS NOT NULL
)
SELECT name FROM names WHERE name IS NOT NULL AND EXISTS (SELECT 1 FROM measures WHERE series = name AND at < ?);

-- name: forget_measures
DELETE FROM measures WHERE (series, at, run, step, attempt, ordinal, generation) IN (
    SELECT series, at, run, step, attempt, ordinal, generation FROM measures WHERE series = ? AND at < ? LIMIT ?
);

-- name: add_line
-- Numbered as it is inserted: the lines of a whole batch then need no look at their runs before.
INSERT INTO logs (run, n, step, attempt, at, level, text)
VALUES (?1, (SELECT coalesce(max(n), 0) + 1 FROM logs WHERE run = ?1), ?2, ?3, ?4, ?5, ?6);

-- name: add_chunk
-- Numbered as it is inserted, as lines are; one that is there already is left out, and takes no number.
INSERT INTO streams (run, name, n, generation, step, attempt, turn, ordinal, at, payload)
VALUES (?1, ?2, (SELECT coalesce(max(n), 0) + 1 FROM streams WHERE run = ?1 AND name = ?2),
        (SELECT generation FROM runs WHERE key = ?1), ?5, ?6, ?7, ?8, ?4, ?3)
ON CONFLICT (run, generation, step, attempt, turn, ordinal) DO NOTHING;

-- name: publish
INSERT INTO published (run, name, payload, at, step, attempt, turn) VALUES (?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (run, name) DO UPDATE
SET payload = excluded.payload, at = excluded.at, step = excluded.step, attempt = excluded.attempt,
    turn = excluded.turn
WHERE excluded.turn >= published.turn;

-- name: messages
-- Those of these runs with these ids, taken or not, and the blobs that go with them.
SELECT runs.id, inbox.id, n, kind, taken, iif(typeof(inbox.payload) = 'text', inbox.payload, NULL)
FROM json_each(?) AS wanted CROSS JOIN runs ON runs.id = wanted.value ->> 0
CROSS JOIN inbox ON inbox.run = runs.key AND inbox.id = wanted.value ->> 1;

-- name: take
UPDATE inbox SET taken = ?, payload = x'' WHERE run = ? AND n = ?;

-- name: count_messages
UPDATE runs SET messages = ?, unread = ? WHERE key = ?;

-- name: move
-- Every state a Write can reach is without an owner. No look at another table in here: it would cost three times
-- as much, because SQLite then finds the rows first and changes them in a second pass.
UPDATE runs
SET state = ?1, owner = NULL, payload = ?2, due = ?3, lost = iif(?4, 0, lost),
    fingerprint = coalesce(?5, fingerprint), ended = ?6, rank = ?8
WHERE key = ?7;

-- name: last_times
-- When the last entries of runs were made.
SELECT runs.id, max(coalesce((SELECT at FROM history WHERE run = runs.key ORDER BY seq DESC LIMIT 1), 0.0),
                    coalesce((SELECT at FROM recent_history WHERE run = runs.key ORDER BY seq DESC LIMIT 1), 0.0))
FROM json_each(?) AS wanted CROSS JOIN runs ON runs.id = wanted.value;

-- name: rename
UPDATE runs SET function = ?, starter = coalesce(nullif(?, ''), starter) WHERE key = ?;

-- name: calls
SELECT runs.id, function, digest, project FROM json_each(?) AS wanted CROSS JOIN runs ON runs.id = wanted.value;

-- name: attachable
-- Whether another engine than this one started an unfinished run of the same call and script, dead or not:
-- two looks into the index, a tenth of what `orphans` costs, and mostly the answer is no.
SELECT EXISTS (
        SELECT 1 FROM runs
        WHERE function = :function AND digest = :digest AND starter = :starter AND starter <> ''
          AND starter_engine < :engine AND state IN ('queued', 'running', 'waiting', 'parked'))
    OR EXISTS (
        SELECT 1 FROM runs
        WHERE function = :function AND digest = :digest AND starter = :starter AND starter <> ''
          AND starter_engine > :engine AND state IN ('queued', 'running', 'waiting', 'parked'));

-- name: orphans
-- The oldest unfinished runs of the same call and script whose engine is gone. A hundred thousand runs of one
-- call may lie there, few engines started them: so it goes from engine to engine through the index, and looks
-- at the first runs of each that is gone.
WITH RECURSIVE starters (engine) AS (
    SELECT min(starter_engine) FROM runs
    WHERE function = :function AND digest = :digest AND starter = :starter AND starter <> ''
      AND starter_engine IS NOT NULL AND state IN ('queued', 'running', 'waiting', 'parked')
    UNION ALL
    SELECT (
        SELECT min(starter_engine) FROM runs
        WHERE function = :function AND digest = :digest AND starter = :starter AND starter <> ''
          AND starter_engine > starters.engine AND state IN ('queued', 'running', 'waiting', 'parked'))
    FROM starters WHERE engine IS NOT NULL)
SELECT id FROM starters JOIN runs ON key IN (
    SELECT key FROM runs
    WHERE function = :function AND digest = :digest AND starter = :starter AND starter <> ''
      AND starter_engine = starters.engine AND state IN ('queued', 'running', 'waiting', 'parked')
    ORDER BY key LIMIT :limit)
WHERE engine NOT IN (SELECT id FROM engines)
ORDER BY key LIMIT :limit;

-- name: attach
-- Becoming the starter is what makes it ours: the next one who looks finds a live engine.
UPDATE runs SET starter_engine = ?, attached_by = ? WHERE key = ?;

-- name: attach_family
-- What it had started, and nobody has: who drives it drives them.
UPDATE runs SET starter_engine = ?
WHERE root = ? AND root <> id AND owner IS NULL AND ended IS NULL
  AND starter_engine NOT IN (SELECT id FROM engines);

-- name: unique_holder
-- The unfinished run that holds a name.
SELECT id FROM runs
WHERE project = ? AND unique_name = ? AND unique_name <> '' AND state IN ('queued', 'running', 'waiting', 'parked');

-- name: last_key
SELECT coalesce(max(key), 0) FROM runs;

-- name: add_run
-- In the order of `podium.store.columns.run_row`.
INSERT INTO runs (key, id, state, token, owner, due, messages, unread, created, began, started, ended, function,
                  digest, fingerprint, project, queue, lane, rank, starter, starter_engine, unique_name, origin,
                  parent, root, seed, copied, context, tags, args, payload, generation, base, lost, attached_by)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, '');

-- name: add_tag
INSERT INTO run_tags (tag, run) VALUES (?, ?);

-- name: copy_history
INSERT INTO history (run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy)
SELECT :key, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy
FROM entries
WHERE run = (SELECT key FROM runs WHERE id = :source) AND seq <= :last
  AND seq > (SELECT base FROM runs WHERE key = :key)
ORDER BY seq;

-- name: unheard
-- What was sent to a run because it waits for it, and it has not taken.
SELECT id, n, kind, iif(typeof(payload) = 'text', payload, NULL) FROM inbox
WHERE run = ? AND taken IS NULL AND kind IN ('outcome', 'answer');

-- name: any_waits
SELECT 1 FROM waits LIMIT 1;

-- name: any_open_waits
SELECT 1 FROM waits INDEXED BY waits_open WHERE taken IS NULL LIMIT 1;

-- name: waits
-- Of these runs for these steps, and below for these targets; in the order of `podium.store.sets.WaitState`.
SELECT runs.id, step, kind, target, taken, "by", waits.digest, cancels, waits.due
FROM json_each(?) AS wanted CROSS JOIN runs ON runs.id = wanted.value ->> 0
CROSS JOIN waits ON waits.run = runs.key AND step = wanted.value ->> 1;

-- name: waiting_for
SELECT runs.id, step, kind, target, taken, "by", waits.digest, cancels, waits.due
FROM json_each(?2) AS wanted CROSS JOIN waits ON target = wanted.value AND kind = ?1
CROSS JOIN runs ON runs.key = waits.run;

-- name: given
-- What was answered to these questions and callbacks, the first answer first: from the inbox where it lies, or from
-- the history that has taken it, which is read once for each run.
WITH asked AS MATERIALIZED (
    SELECT waits.run, runs.id, base, step, target, waits.taken AS at, waits.digest, "by"
    FROM json_each(?) AS wanted CROSS JOIN waits ON target = wanted.value AND kind = 'answer' AND taken IS NOT NULL
    CROSS JOIN runs ON runs.key = waits.run)
SELECT target, asked.at, asked.digest, payload, state, "by", asked.id
FROM asked CROSS JOIN inbox INDEXED BY inbox_unread
    ON inbox.run = asked.run AND inbox.taken IS NULL AND inbox.kind = 'answer' AND inbox.name = asked.step
UNION ALL
SELECT target, asked.at, asked.digest, payload, substr(name, 8, instr(name, ':') - 8), "by", asked.id
FROM (SELECT DISTINCT run, base FROM asked) AS past
CROSS JOIN entries ON entries.run = past.run AND entries.seq > past.base AND name >= 'answer/' AND name < 'answer0'
CROSS JOIN asked ON asked.run = past.run AND asked.step = substr(name, instr(name, ':') + 1)
ORDER BY 2, 7;

-- name: children
-- What these runs wait for, and is to stop with them.
SELECT runs.id, step, kind, target, taken, "by", waits.digest, cancels, waits.due
FROM json_each(?) AS wanted CROSS JOIN runs ON runs.id = wanted.value
CROSS JOIN waits ON waits.run = runs.key AND cancels AND taken IS NULL;

-- name: ends
-- How runs have ended, those that have.
SELECT runs.id, payload, ended FROM json_each(?) AS wanted CROSS JOIN runs ON runs.id = wanted.value
WHERE ended IS NOT NULL;

-- name: add_wait
INSERT INTO waits (run, step, target, kind, prompt, schema, "to", due, cancels, about, taken, "by", digest)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: answer_wait
UPDATE waits SET taken = ?, "by" = ?, digest = ? WHERE run = ? AND step = ?;

-- name: unread_signals
SELECT count(*) FROM inbox WHERE run = ? AND taken IS NULL AND kind = 'signal';

-- name: add_message
INSERT INTO inbox (run, n, id, kind, name, state, sender, digest, at, taken, payload)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?);

-- name: tell
-- A run that nobody drives has got a message.
UPDATE runs SET due = ?, rank = ? WHERE key = ?;

-- name: put_back
-- A parked run was asked to stop. Why it was parked stays.
UPDATE runs SET state = 'waiting', lost = 0 WHERE key = ?;

-- name: last_cancel
SELECT coalesce(max(n), 0) FROM inbox WHERE run = ? AND taken IS NULL AND kind = 'cancel';

-- name: expire
DELETE FROM inbox WHERE (run, n) IN (SELECT run, n FROM inbox WHERE taken IS NOT NULL AND taken < ? LIMIT ?);

-- name: any_expired
SELECT 1 FROM inbox WHERE taken IS NOT NULL AND taken < ? LIMIT 1;

-- name: add_blob
INSERT INTO blobs (name, data) VALUES (?, ?) ON CONFLICT DO NOTHING;

-- name: free_blob
-- A row has let go of a blob: it goes if no other names it.
DELETE FROM blobs
WHERE name = ?1
  AND NOT EXISTS (SELECT 1 FROM history WHERE payload = ?1 AND typeof(payload) = 'text')
  AND NOT EXISTS (SELECT 1 FROM runs WHERE payload = ?1 AND typeof(payload) = 'text')
  AND NOT EXISTS (SELECT 1 FROM runs WHERE args = ?1 AND typeof(args) = 'text')
  AND NOT EXISTS (SELECT 1 FROM inbox WHERE payload = ?1 AND typeof(payload) = 'text');

-- name: name_value
INSERT INTO value_names (run, generation, name) SELECT key, generation, ?2 FROM runs WHERE key = ?1
ON CONFLICT DO NOTHING;

-- name: named_values
SELECT DISTINCT value FROM json_each(?) JOIN value_names ON value_names.name = value;

-- name: all_named_values
SELECT DISTINCT name FROM value_names;

-- name: copy_value_names
INSERT INTO value_names (run, generation, name)
SELECT ?1, 0, name FROM value_names WHERE run = (SELECT key FROM runs WHERE id = ?2)
ON CONFLICT DO NOTHING;

-- name: forget_value_names
DELETE FROM value_names WHERE run = ?;

-- name: forget_former_value_names
DELETE FROM value_names WHERE run = ?1 AND generation < (SELECT generation FROM runs WHERE key = ?1);

-- name: needed_by
-- An unfinished run that rests on this one: a copy of it, one that waits for it, one that started it, or a copy
-- of that, whose children copy this one; so do those of a retry's retry, by the plan that it has taken over. They
-- are known by their ids, P~2 and so on (: follows the digits).
SELECT other.id FROM runs AS this JOIN runs AS other ON other.origin = this.id AND other.origin <> ''
WHERE this.key = ?1 AND other.state IN ('queued', 'running', 'waiting', 'parked')
UNION ALL
SELECT other.id FROM runs AS this JOIN waits ON waits.target = this.id JOIN runs AS other ON other.key = waits.run
WHERE this.key = ?1 AND waits.kind = 'outcome' AND waits.taken IS NULL AND other.state IN ('queued', 'running', 'waiting', 'parked')
UNION ALL
SELECT other.id FROM runs AS this JOIN runs AS other ON other.id IN (this.parent, this.root) AND other.key <> this.key
WHERE this.key = ?1 AND other.state IN ('queued', 'running', 'waiting', 'parked')
UNION ALL
SELECT other.id FROM runs AS this JOIN runs AS other
  ON other.origin IN (this.parent, this.root) AND other.origin <> ''
WHERE this.key = ?1 AND this.parent <> '' AND other.state IN ('queued', 'running', 'waiting', 'parked')
UNION ALL
SELECT other.id FROM runs AS this JOIN runs AS other
  ON other.id > substr(this.parent, 1, instr(this.parent || '~', '~') - 1) || '~'
    AND other.id < substr(this.parent, 1, instr(this.parent || '~', '~') - 1) || '~:'
  OR other.id > substr(this.root, 1, instr(this.root || '~', '~') - 1) || '~'
    AND other.id < substr(this.root, 1, instr(this.root || '~', '~') - 1) || '~:'
WHERE this.key = ?1 AND this.parent <> '' AND other.state IN ('queued', 'running', 'waiting', 'parked')
LIMIT 1;

-- name: blobs_of_run
SELECT payload FROM history WHERE run = ?1 AND typeof(payload) = 'text'
UNION SELECT payload FROM inbox WHERE run = ?1 AND typeof(payload) = 'text'
UNION SELECT payload FROM runs WHERE key = ?1 AND typeof(payload) = 'text'
UNION SELECT args FROM runs WHERE key = ?1 AND typeof(args) = 'text';

-- name: forget_history
DELETE FROM history WHERE run = ?;

-- name: forget_recent_history
DELETE FROM recent_history WHERE run = ?;

-- name: begin_anew
UPDATE runs
SET generation = generation + 1, base = ?2, began = coalesce(?3, began), args = ?4, copied = 0
WHERE key = ?1;

-- name: former_blobs
-- What may be named by nobody when the generation before the one that ends is forgotten.
SELECT payload FROM history
WHERE run = ?1 AND typeof(payload) = 'text' AND seq <= (SELECT base FROM runs WHERE key = ?1)
UNION SELECT args FROM runs WHERE key = ?1 AND typeof(args) = 'text';

-- name: forget_former_history
DELETE FROM history WHERE run = ?1 AND seq <= (SELECT base FROM runs WHERE key = ?1);

-- name: forget_former_recent_history
DELETE FROM recent_history WHERE run = ?1 AND seq <= (SELECT base FROM runs WHERE key = ?1);

-- name: forget_former_logs
-- The last line stays in any case, because its number is how many there were.
DELETE FROM logs
WHERE run = ?1 AND at < (SELECT began FROM runs WHERE key = ?1) AND n < (SELECT max(n) FROM logs WHERE run = ?1);

-- name: forget_logs
DELETE FROM logs WHERE run = ?;

-- name: forget_steps_progress
DELETE FROM progress WHERE run = ?;

-- name: forget_streams
DELETE FROM streams WHERE run = ?;

-- name: forget_values
DELETE FROM published WHERE run = ?;

-- name: forget_losses
DELETE FROM losses WHERE run = ?;

-- name: forget_former_streams
-- The last chunk of each stream stays in any case, because its number is how many there were.
DELETE FROM streams
WHERE run = ?1 AND generation < (SELECT generation FROM runs WHERE key = ?1)
  AND n < (SELECT max(later.n) FROM streams AS later WHERE later.run = ?1 AND later.name = streams.name);

-- name: forget_inbox
DELETE FROM inbox WHERE run = ?;

-- name: end_waits
-- What was answered stays with the run: who asks the same later, as a fork does, is answered with that.
DELETE FROM waits WHERE run = ? AND (taken IS NULL OR kind <> 'answer' OR digest = ?);

-- name: forget_waits
DELETE FROM waits WHERE run = ?;

-- name: forget_tags
DELETE FROM run_tags WHERE run = ?;

-- name: forget_run
DELETE FROM runs WHERE key = ?;

-- name: ports
-- Who else wants to be woken.
SELECT port FROM engines WHERE port <> 0 AND id IS NOT ?;

-- == owning ============================================================================================

-- name: functions_in_line
-- (project, function) of which something waits to be claimed, in these projects, at most `many`. Each step of the
-- walk is one index look-up, so a process with a thousand functions pays for those that are in use.
WITH RECURSIVE line (project, function) AS (
    SELECT value, (
        SELECT min(function) FROM runs
        WHERE project = value AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL)
    FROM json_each(:projects)
    UNION ALL
    SELECT project, (
        SELECT min(function) FROM runs
        WHERE project = line.project AND function > line.function
          AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL)
    FROM line WHERE function IS NOT NULL)
SELECT project, function FROM line WHERE function IS NOT NULL LIMIT :many;

-- name: functions_among
-- The functions of those of the named runs that wait to be claimed.
SELECT DISTINCT runs.function
FROM json_each(:runs) AS named CROSS JOIN runs ON runs.id = named.value
WHERE runs.owner IS NULL AND runs.state IN ('queued', 'waiting');

-- name: takable
-- The codes (function, fingerprint) of due runs that this engine may take, as JSON: its own, those without a
-- fingerprint, and such as no other engine offers; `other` marks these last. Each step of the walk is one
-- index look-up, and a function has few fingerprints in line at a time.
WITH RECURSIVE wanted (function, own, project) AS (
    SELECT value ->> 0, value ->> 1, value ->> 2 FROM json_each(:wanted)),
codes (function, own, project, fingerprint) AS (
    SELECT function, own, project, (
        SELECT min(fingerprint) FROM runs
        WHERE project = wanted.project AND function = wanted.function
          AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL)
    FROM wanted
    UNION ALL
    SELECT function, own, project, (
        SELECT min(fingerprint) FROM runs
        WHERE project = codes.project AND function = codes.function AND fingerprint > codes.fingerprint
          AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL)
    FROM codes WHERE fingerprint IS NOT NULL)
SELECT json_group_array(json_array(function, fingerprint, fingerprint NOT IN (own, ''), project))
FROM codes
WHERE fingerprint IS NOT NULL AND (fingerprint IN (own, '') OR NOT EXISTS (
    SELECT 1 FROM offers
    WHERE function = codes.function AND fingerprint = codes.fingerprint AND engine <> :engine));

-- name: claimable
-- Unowned runs of `takable` codes that are due: the engine's own code first, then the oldest. Reads at most
-- `limit` index rows per code, however many wait behind them or belong to others.
SELECT runs.key, runs.function, runs.fingerprint
FROM json_each(:takable) AS wanted
JOIN runs ON runs.key IN (
    SELECT key FROM runs
    WHERE project = wanted.value ->> 3 AND function = wanted.value ->> 0 AND fingerprint = wanted.value ->> 1
      AND queue = '' AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL AND due <= :now
    ORDER BY due LIMIT :limit)
ORDER BY wanted.value ->> 2, runs.due, runs.key LIMIT :limit;

-- name: claimable_among
-- As `claimable`, of the named runs alone, of whatever project: who names a run means it. One look-up for each, and one
-- among the functions: as a table of its own they get an index, and else are gone through for each run. A run may be
-- named twice, and is claimed once.
WITH wanted (function, own) AS MATERIALIZED (SELECT key, value FROM json_each(:functions))
SELECT runs.key, runs.function, runs.fingerprint
FROM (SELECT DISTINCT value FROM json_each(:runs)) AS named CROSS JOIN runs ON runs.id = named.value
JOIN wanted ON wanted.function = runs.function
WHERE runs.queue = '' AND runs.owner IS NULL AND runs.state IN ('queued', 'waiting') AND runs.due <= :now
  AND (runs.fingerprint IN (wanted.own, '') OR NOT EXISTS (
      SELECT 1 FROM offers
      WHERE function = runs.function AND fingerprint = runs.fingerprint AND engine <> :engine))
ORDER BY runs.due, runs.key LIMIT :limit;

-- name: queues_in_line
-- (queue, code) of which something lies in line, of the `takable` codes. Each step is one index look-up.
WITH RECURSIVE found (code, queue) AS (
    SELECT wanted.value, (
        SELECT min(queue) FROM runs INDEXED BY runs_in_line
        WHERE project = wanted.value ->> 3 AND function = wanted.value ->> 0 AND fingerprint = wanted.value ->> 1
          AND queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting'))
    FROM json_each(:takable) AS wanted
    UNION ALL
    SELECT code, (
        SELECT min(queue) FROM runs INDEXED BY runs_in_line
        WHERE project = code ->> 3 AND function = code ->> 0 AND fingerprint = code ->> 1 AND queue > found.queue
          AND queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting'))
    FROM found WHERE queue IS NOT NULL)
SELECT queue, code FROM found WHERE queue IS NOT NULL;

-- name: lanes_in_line
-- (queue, lane, code) of which something lies in line, of these queues and codes.
WITH RECURSIVE found (queue, code, lane) AS (
    SELECT wanted.value ->> 0, wanted.value ->> 1, (
        SELECT min(lane) FROM runs INDEXED BY runs_in_line
        WHERE project = wanted.value ->> 1 ->> 3 AND function = wanted.value ->> 1 ->> 0
          AND fingerprint = wanted.value ->> 1 ->> 1 AND queue = wanted.value ->> 0
          AND queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting'))
    FROM json_each(:queues) AS wanted
    UNION ALL
    SELECT queue, code, (
        SELECT min(lane) FROM runs INDEXED BY runs_in_line
        WHERE project = code ->> 3 AND function = code ->> 0 AND fingerprint = code ->> 1
          AND queue = found.queue AND lane > found.lane
          AND queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting'))
    FROM found WHERE lane IS NOT NULL)
SELECT queue, lane, code FROM found WHERE lane IS NOT NULL;

-- name: queue_rows
SELECT * FROM queues WHERE name IN (SELECT value FROM json_each(?));

-- name: all_queues
SELECT * FROM queues ORDER BY name;

-- name: lane_rows
SELECT lanes.* FROM json_each(?) AS wanted
CROSS JOIN lanes ON lanes.queue = wanted.value ->> 0 AND lanes.key = wanted.value ->> 1;

-- name: slots_held
-- Who owns runs of these queues.
SELECT queue, lane, count(*) FROM runs INDEXED BY runs_in_slots
WHERE queue IN (SELECT value FROM json_each(?)) AND queue <> '' AND owner IS NOT NULL GROUP BY queue, lane;

-- name: offered_in_lanes
-- Of each (queue, lane, code) the first runs that are due, of those that come back and of those that have not begun.
SELECT runs.key, function, fingerprint, queue, lane, state, rank
FROM json_each(:lanes) AS wanted JOIN runs ON runs.key IN (
    SELECT * FROM (
        SELECT key FROM runs INDEXED BY runs_in_line
        WHERE project = wanted.value ->> 2 ->> 3 AND function = wanted.value ->> 2 ->> 0
          AND fingerprint = wanted.value ->> 2 ->> 1 AND queue = wanted.value ->> 0 AND lane = wanted.value ->> 1
          AND queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting') AND state = 'waiting'
          AND rank <= :now AND due <= :now
        ORDER BY rank LIMIT :quota)
    UNION ALL
    SELECT * FROM (
        SELECT key FROM runs INDEXED BY runs_in_line
        WHERE project = wanted.value ->> 2 ->> 3 AND function = wanted.value ->> 2 ->> 0
          AND fingerprint = wanted.value ->> 2 ->> 1 AND queue = wanted.value ->> 0 AND lane = wanted.value ->> 1
          AND queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting') AND state = 'queued'
          AND due <= :now
        ORDER BY rank LIMIT :quota));

-- name: offered_past_limits
-- Those that were asked to stop: they are claimed however full their queues are.
SELECT runs.key, function, fingerprint, queue, lane, state, rank
FROM json_each(:queues) AS wanted CROSS JOIN runs INDEXED BY runs_past_limits
ON project = wanted.value ->> 1 ->> 3 AND function = wanted.value ->> 1 ->> 0
   AND fingerprint = wanted.value ->> 1 ->> 1 AND queue = wanted.value ->> 0
WHERE queue <> '' AND rank < 0 AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting')
  AND due <= :now
LIMIT :limit;

-- name: next_in_queues
-- When the next run of these queues and codes is due that is not yet.
SELECT min((
    SELECT due FROM runs
    WHERE project = wanted.value ->> 1 ->> 3 AND function = wanted.value ->> 1 ->> 0
      AND fingerprint = wanted.value ->> 1 ->> 1 AND queue = wanted.value ->> 0
      AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL AND due > :now
    ORDER BY due LIMIT 1))
FROM json_each(:queues) AS wanted;

-- name: offered_among
-- As `claimable_among`, of those that are in a queue.
WITH wanted (function, own) AS MATERIALIZED (SELECT key, value FROM json_each(:functions))
SELECT runs.key, runs.function, runs.fingerprint, queue, lane, state, rank
FROM (SELECT DISTINCT value FROM json_each(:runs)) AS named CROSS JOIN runs ON runs.id = named.value
JOIN wanted ON wanted.function = runs.function
WHERE runs.queue <> '' AND runs.owner IS NULL AND runs.state IN ('queued', 'waiting') AND runs.due <= :now
  AND (runs.fingerprint IN (wanted.own, '') OR NOT EXISTS (
      SELECT 1 FROM offers
      WHERE function = runs.function AND fingerprint = runs.fingerprint AND engine <> :engine));

-- name: serve_lane
INSERT INTO lanes (queue, key, served, next) VALUES (?, ?, ?, ?)
ON CONFLICT (queue, key) DO UPDATE SET served = excluded.served, next = excluded.next;

-- name: pace_queue
UPDATE queues SET next = ? WHERE name = ?;

-- name: hold_lane
INSERT INTO lanes (queue, key, served, next) VALUES (?, ?, 0.0, ?)
ON CONFLICT (queue, key) DO UPDATE SET next = max(next, excluded.next);

-- name: put_queue
-- All but `next`, which is the claims'.
INSERT INTO queues (name, concurrency, rate, per, declared, declared_concurrency, declared_rate, declared_by,
                    declared_at, set_by, set_at, paused, next)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0.0)
ON CONFLICT (name) DO UPDATE SET
    concurrency = excluded.concurrency, rate = excluded.rate, per = excluded.per, declared = excluded.declared,
    declared_concurrency = excluded.declared_concurrency, declared_rate = excluded.declared_rate,
    declared_by = excluded.declared_by, declared_at = excluded.declared_at, set_by = excluded.set_by,
    set_at = excluded.set_at, paused = excluded.paused;

-- name: old_lanes
SELECT 1 FROM lanes WHERE served < ?1 AND next < ?1 LIMIT 1;

-- name: forget_lanes
-- Of those that were served long ago and are held by nothing: one without a row is as one that never was.
DELETE FROM lanes WHERE served < ?1 AND next < ?1;

-- name: depths
-- How much lies in each line, and until when it is held. Counts rows of indexes alone, but for when the oldest was due.
SELECT line.*, coalesce(lanes.next, 0.0),
       coalesce((SELECT id FROM runs INDEXED BY runs_of_queues
                 WHERE queue = line.queue AND lane = line.lane AND state = 'waiting' AND due = lanes.next
                   AND queue <> '' AND state IN ('queued', 'waiting', 'running') LIMIT 1), '')
FROM (SELECT queue, lane,
             count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'waiting'),
             count(*) FILTER (WHERE state = 'running'), min(iif(state = 'queued', due, NULL))
      FROM runs INDEXED BY runs_of_queues
      WHERE queue <> '' AND state IN ('queued', 'waiting', 'running') GROUP BY queue, lane) AS line
LEFT JOIN lanes ON lanes.queue = line.queue AND lanes.key = line.lane
ORDER BY line.queue, line.lane;

-- name: claim
-- Whoever drives the run decides which code it is of from now on. Its script may take it for one that it left
-- behind only if the process that started it is gone, and had an engine by which that can be told. In the
-- order of HEAD in `rows.py`.
UPDATE runs
SET owner = ?1, token = token + 1, state = 'running', due = NULL, fingerprint = ?4,
    started = coalesce(started, max(?2, created)), began = coalesce(began, started, max(?2, created))
WHERE key = ?3
RETURNING id, function, token, args, digest, created, started, lost,
          max(base, coalesce((SELECT max(seq) FROM history WHERE run = runs.key), 0),
              coalesce((SELECT max(seq) FROM recent_history WHERE run = runs.key), 0)),
          iif(starter_engine IS NULL OR EXISTS (SELECT 1 FROM engines WHERE id = starter_engine), '', starter),
          starter_engine IS ?1, project, origin, parent, root, seed, began, copied, generation, base, context,
          queue, lane, messages;

-- name: park_damaged
-- A run just claimed whose row cannot be read.
UPDATE runs SET owner = NULL, state = 'parked', payload = ?2 WHERE key = ?1;

-- name: next_due
-- One index look-up per code.
SELECT min((
    SELECT due FROM runs
    WHERE project = wanted.value ->> 3 AND function = wanted.value ->> 0 AND fingerprint = wanted.value ->> 1
      AND queue = '' AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL
    ORDER BY due LIMIT 1))
FROM json_each(:takable) AS wanted;

-- name: next_due_among
-- What is due in a queue has been looked at.
WITH wanted (function, own) AS MATERIALIZED (SELECT key, value FROM json_each(:functions))
SELECT min(runs.due)
FROM json_each(:runs) AS named CROSS JOIN runs ON runs.id = named.value
JOIN wanted ON wanted.function = runs.function
WHERE (runs.queue = '' OR runs.due > :now) AND runs.owner IS NULL AND runs.state IN ('queued', 'waiting')
  AND (runs.fingerprint IN (wanted.own, '') OR NOT EXISTS (
      SELECT 1 FROM offers
      WHERE function = runs.function AND fingerprint = runs.fingerprint AND engine <> :engine));

-- name: offers_of
SELECT function, fingerprint FROM offers WHERE engine = ?;

-- name: forget_offers
DELETE FROM offers WHERE engine = ?;

-- name: offer
INSERT INTO offers (engine, function, fingerprint) VALUES (?, ?, ?);

-- name: collect
-- By an index of owned runs that have any: an engine may own ten thousand. What was seen is passed over by the index of
-- what is unread, payloads and all: ten thousand signals may lie there until a body asks for them.
WITH seen (run, n) AS MATERIALIZED (SELECT key, value FROM json_each(?2))
SELECT inbox.id, runs.id, inbox.kind, inbox.at, inbox.payload, inbox.name, inbox.digest, inbox.state,
       inbox.sender, inbox.n
FROM runs INDEXED BY runs_with_mail LEFT JOIN seen ON seen.run = runs.id
CROSS JOIN inbox INDEXED BY inbox_unread
    ON inbox.run = runs.key AND inbox.n > coalesce(seen.n, 0) AND inbox.taken IS NULL
WHERE runs.owner = ?1 AND runs.owner IS NOT NULL AND runs.unread > 0
ORDER BY inbox.run, inbox.n;

-- name: announce
INSERT INTO engines (id, beat, host, pid, started, info, port) VALUES (?, ?, ?, ?, ?, ?, ?);

-- name: heartbeat
UPDATE engines SET beat = beat + 1, info = coalesce(?2, info) WHERE id = ?1;

-- name: ask_engine
UPDATE engines SET asked = ?2 WHERE id = ?1;

-- name: beats
SELECT id, beat, host, pid, asked FROM engines ORDER BY started, id;

-- name: engines
SELECT id, beat, host, pid, started, info,
       (SELECT json_group_object(function, fingerprint) FROM offers WHERE engine = engines.id)
FROM engines ORDER BY started, id;

-- name: is_silent
-- Whether an engine still has its row, with the beat that it had when somebody looked.
SELECT 1 FROM engines WHERE id = ? AND beat = ?;

-- name: condemn
-- By the beat that was seen: an engine that came back since is not dead.
DELETE FROM engines WHERE id = ? AND beat = ?;

-- name: forget_engine
DELETE FROM engines WHERE id = ?;

-- name: any_orphan
-- From owner to owner through the index: an engine may own ten thousand runs, and this is asked often.
WITH RECURSIVE owners (engine) AS (
    SELECT min(owner) FROM runs WHERE owner IS NOT NULL
    UNION ALL
    SELECT (SELECT min(owner) FROM runs WHERE owner > owners.engine) FROM owners WHERE engine IS NOT NULL)
SELECT 1 FROM owners WHERE engine IS NOT NULL AND engine NOT IN (SELECT id FROM engines) LIMIT 1;

-- name: record_losses
INSERT OR IGNORE INTO losses (run, token, at, engine)
SELECT key, token, ?, owner FROM runs WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM engines);

-- name: release_orphans
-- Due since ever, not since now: a clock that is set back afterwards must not make it wait.
UPDATE runs
SET owner = NULL, token = token + 1, lost = lost + 1, due = 0.0, rank = iif(queue = '' OR rank < 0.0, rank, 0.0),
    state = CASE state WHEN 'running' THEN 'waiting' ELSE state END
WHERE owner IS NOT NULL AND owner NOT IN (SELECT id FROM engines);

-- name: hand_back
UPDATE runs
SET owner = NULL, token = token + 1, due = 0.0, rank = iif(queue = '' OR rank < 0.0, rank, 0.0),
    state = CASE state WHEN 'running' THEN 'waiting' ELSE state END
WHERE owner = ?1;

-- == reading ===========================================================================================

-- name: history
SELECT seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy
FROM entries WHERE run = (SELECT key FROM runs WHERE id = ?) AND seq > ? ORDER BY seq LIMIT ?;

-- name: logs
SELECT step, attempt, at, level, text, n
FROM logs WHERE run = (SELECT key FROM runs WHERE id = ?) AND n > ? ORDER BY n LIMIT ?;

-- name: logs_of_step
SELECT step, attempt, at, level, text, n
FROM logs WHERE run = (SELECT key FROM runs WHERE id = ?) AND n > ? AND step = ? ORDER BY n LIMIT ?;

-- name: chunks
SELECT name, payload, at, step, attempt, turn, ordinal, n
FROM streams WHERE run = (SELECT key FROM runs WHERE id = ?) AND name = ? AND n > ? ORDER BY n LIMIT ?;

-- name: streams
-- One look-up for each name, however many chunks there are.
WITH RECURSIVE names (run, name) AS (
    SELECT key, (SELECT min(name) FROM streams WHERE run = key) FROM runs WHERE id = ?
    UNION ALL
    SELECT run, (SELECT min(name) FROM streams WHERE run = names.run AND name > names.name) FROM names
    WHERE name IS NOT NULL)
SELECT name, (SELECT max(n) FROM streams WHERE run = names.run AND name = names.name)
FROM names WHERE name IS NOT NULL;

-- name: values
SELECT name, payload, at, step, attempt, turn
FROM published WHERE run = (SELECT key FROM runs WHERE id = ?) ORDER BY name;

-- name: losses
SELECT at, engine FROM losses WHERE run = (SELECT key FROM runs WHERE id = ?) ORDER BY token DESC LIMIT ?;

-- name: inbox
SELECT id, kind, at, payload, name, digest, state, sender, n FROM inbox
WHERE run = (SELECT key FROM runs WHERE id = ?) AND taken IS NULL ORDER BY n;

-- name: cached
SELECT runs.id, history.seq, at, history.payload, name FROM history JOIN runs ON runs.key = history.run
WHERE kind = 'result' AND name <> '' AND name >= ?1 AND name < ?1 || '!'
ORDER BY at DESC, history.seq DESC LIMIT 1;

-- name: waits_of_run
SELECT runs.id, step, target, kind, prompt, schema, "to", waits.due, taken, "by", waits.digest, about, cancels
FROM runs CROSS JOIN waits ON waits.run = runs.key WHERE runs.id = ? ORDER BY step LIMIT ?;

-- name: open_waits_of_run
SELECT runs.id, step, target, kind, prompt, schema, "to", waits.due, taken, "by", waits.digest, about, cancels
FROM runs CROSS JOIN waits ON waits.run = runs.key AND taken IS NULL
WHERE runs.id = ?1 AND (?2 IN ('', kind) OR ?2 = 'question' AND prompt <> '') ORDER BY step LIMIT ?3;

-- name: waits_for_target
SELECT runs.id, step, target, kind, prompt, schema, "to", waits.due, taken, "by", waits.digest, about, cancels
FROM waits CROSS JOIN runs ON runs.key = waits.run WHERE target = ? ORDER BY waits.run, step LIMIT ?;

-- name: open_waits
SELECT runs.id, step, target, kind, prompt, schema, "to", waits.due, taken, "by", waits.digest, about, cancels
FROM waits CROSS JOIN runs ON runs.key = waits.run
WHERE taken IS NULL AND (?1 IN ('', kind) OR ?1 = 'question' AND prompt <> '')
ORDER BY waits.run, step LIMIT ?2;

-- name: blob
SELECT data FROM blobs WHERE name = ?;

-- name: load
-- Here and below: the columns are the fields of podium.model.RunRow.
SELECT {columns} FROM run_rows WHERE id = ?;

-- name: load_many
SELECT {columns} FROM run_rows WHERE id IN (SELECT value FROM json_each(?));

-- name: statuses
SELECT runs.id, state, owner, created,
       iif(state IN ('queued', 'running', 'waiting'), x'', payload)
FROM json_each(?) AS wanted CROSS JOIN runs ON runs.id = wanted.value;

-- name: attached
SELECT attached_by, runs.id FROM json_each(?) AS wanted
CROSS JOIN runs ON attached_by = wanted.value AND attached_by <> '';

-- name: entries_at
SELECT runs.id, seq, kind, at, step, entries.digest, entries.payload, entries.began, attempt, entries.due, module,
       name, policy
FROM json_each(?) AS wanted CROSS JOIN runs ON runs.id = wanted.value ->> 0
CROSS JOIN entries ON entries.run = runs.key AND seq = wanted.value ->> 1;

-- name: place
-- A run's place in the order of `find`, for paging.
SELECT created, key FROM runs WHERE id = ?;

-- name: find
-- Walks the index of creation times, newest first, until it has enough; or from the keys of few runs, see
-- `ids_with_prefix`, `tagged`. What a piece of text must be in is a look at each row on the way: half a second
-- for a million runs, so what must answer soon looks behind no `horizon`.
SELECT {columns} FROM run_rows
WHERE {narrowed} (created, key) < (:created, :key) AND created >= :created_from
  AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))
  AND (:function IS NULL OR function = :function)
  AND (:functions IS NULL OR function IN (SELECT value FROM json_each(:functions)))
  AND (:roots IS NULL OR root <> id AND root IN (SELECT value FROM json_each(:roots)))
  AND (:suffix IS NULL OR substr(id, -length(:suffix)) = :suffix)
  AND (:any_has IS NULL OR instr(id, :any_has) OR instr(function, :any_has) OR instr(tags, :any_has))
  AND (:started_from IS NULL OR started >= :started_from AND started < :started_until)
  AND (:ended_from IS NULL OR ended >= :ended_from AND ended < :ended_until)
{order} LIMIT :limit;

-- name: tally
SELECT state, function, count(*) FROM ({found}) GROUP BY state, function;

-- name: horizon
SELECT id, created FROM runs INDEXED BY runs_newest
WHERE created = (SELECT created FROM runs INDEXED BY runs_newest WHERE (created, key) < (?, ?)
                 ORDER BY created DESC, key DESC LIMIT 1 OFFSET ?)
ORDER BY key LIMIT 1;

-- name: functions
-- One step through the index for each name; a count stops at ?1.
WITH RECURSIVE names (name) AS (
    SELECT min(function) FROM runs
    UNION ALL
    SELECT (SELECT min(function) FROM runs WHERE function > name) FROM names WHERE name IS NOT NULL)
SELECT name, (SELECT count(*) FROM (SELECT 1 FROM runs INDEXED BY runs_of_function WHERE function = name LIMIT ?1))
FROM names WHERE name IS NOT NULL;

-- name: ids_with_prefix
-- For `find`: few runs share a prefix that somebody typed.
key IN (SELECT key FROM runs WHERE id >= :prefix AND id < :prefix || char(0x10ffff)) AND

-- name: noticed
-- For `find`: few runs are in the states that somebody asks for; `count_noticed` has looked.
key IN (SELECT key FROM runs INDEXED BY runs_noticed
        WHERE state <> 'succeeded' AND state IN (SELECT value FROM json_each(:states))
          AND (:ended_from IS NULL OR ended >= :ended_from AND ended < :ended_until)) AND

-- name: count_noticed
SELECT count(*) FROM (
    SELECT 1 FROM runs INDEXED BY runs_noticed
    WHERE state <> 'succeeded' AND state IN (SELECT value FROM json_each(:states))
      AND (:ended_from IS NULL OR ended >= :ended_from AND ended < :ended_until) LIMIT :few + 1);

-- name: ended_within
-- For `find`: few runs have ended within a span; `count_ended_within` has looked.
key IN (SELECT key FROM runs INDEXED BY runs_ended
        WHERE ended IS NOT NULL AND ended >= :ended_from AND ended < :ended_until
          AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states)))) AND

-- name: count_ended_within
SELECT count(*) FROM (
    SELECT 1 FROM runs INDEXED BY runs_ended
    WHERE ended IS NOT NULL AND ended >= :ended_from AND ended < :ended_until
      AND (:states IS NULL OR state IN (SELECT value FROM json_each(:states))) LIMIT :few + 1);

-- name: in_family
-- For `find`: what runs have started, at whatever depth; where those in the states asked for are not fewer.
key IN (SELECT key FROM runs INDEXED BY runs_of_root
        WHERE root <> id AND root IN (SELECT value FROM json_each(:roots))) AND

-- name: of_function
-- For `find`: before the rest, so that the index of functions is walked, newest first.
function = :function AND

-- name: standing
-- Two indexes answer it alone: no row is read.
SELECT state, count(*) FROM runs INDEXED BY runs_noticed
WHERE state <> 'succeeded' AND state IN ('queued', 'running', 'waiting', 'parked') GROUP BY state;

-- name: ended_since
SELECT state, count(*) FROM runs INDEXED BY runs_ended
WHERE ended IS NOT NULL AND ended >= ? GROUP BY state;

-- name: noticed_states
SELECT state, count(*) FROM runs INDEXED BY runs_noticed WHERE state <> 'succeeded' GROUP BY state;

-- name: all_runs
SELECT count(*) FROM runs;

-- name: left_by
key IN (SELECT key FROM runs INDEXED BY runs_attachable
        WHERE function = :function AND starter = :left_by AND starter <> '' AND starter_engine IS NOT NULL
          AND state IN ('queued', 'running', 'waiting', 'parked')) AND

-- name: unowned
key IN (SELECT key FROM runs INDEXED BY runs_claimable
        WHERE owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting')) AND

-- name: tagged
-- For `find`: few runs have the tag; `count_tagged` has looked.
key IN (SELECT run FROM run_tags WHERE tag = :tag) AND

-- name: count_tagged
SELECT count(*) FROM (SELECT 1 FROM run_tags WHERE tag = :tag LIMIT :few + 1);

-- name: has_tag
-- For `find`: many runs have the tag, so the newest are met on the way.
EXISTS (SELECT 1 FROM run_tags WHERE tag = :tag AND run = run_rows.key) AND

-- == upgrading =========================================================================================

-- name: steps_before_004
SELECT run, step FROM history WHERE kind <> 'message' AND step LIKE '%:%' ORDER BY run, seq;

-- == copies ============================================================================================

-- name: copy_into
VACUUM INTO ?;

-- name: compact
VACUUM;

-- name: forget_engines
-- Of a copy: whoever drives the original does not drive this one, so its runs are free at once.
DELETE FROM engines;

-- name: forget_home
-- Of a copy that is known to be whole.
DELETE FROM meta WHERE name = 'home';

-- name: home
-- The inode of the file that the store was opened as last.
SELECT value FROM meta WHERE name = 'home';

-- name: set_home
INSERT INTO meta VALUES ('home', ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: count_runs
SELECT count(*) FROM runs;

-- == who changed what ===================================================================================

-- name: audit
INSERT INTO audit (at, by, role, verb, target, said, address, outcome, run) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) RETURNING n;

-- name: audit_outcome
UPDATE audit SET outcome = ? WHERE n = ? AND outcome = '';

-- name: audited
SELECT at, by, role, verb, target, said, address, outcome, n, run FROM audit
WHERE ?1 IS NULL OR n < ?1 ORDER BY n DESC LIMIT ?2;

-- name: audited_of_run
SELECT at, by, role, verb, target, said, address, outcome, n, run FROM audit
WHERE run = ?1 AND run <> '' AND (?2 IS NULL OR n < ?2) ORDER BY n DESC LIMIT ?3;

-- == moving to another place =============================================================================

-- name: noted
SELECT value FROM meta WHERE name = ?;

-- name: note
INSERT INTO meta VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: forget_fence
DELETE FROM meta WHERE name = 'fence';

-- name: any_engine
SELECT 1 FROM engines LIMIT 1;

-- name: tables
SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite\_%' ESCAPE '\';

-- name: columns_of
SELECT name FROM pragma_table_info(?) ORDER BY cid;

-- name: build_fence
-- The message is the fence, as it stands in `meta`: whoever is refused can say where the store is.
CREATE TRIGGER IF NOT EXISTS fence_{table}_{action} BEFORE {action} ON {table}
BEGIN
    SELECT RAISE(ABORT, (SELECT value FROM meta WHERE name = 'fence'));
END;

-- name: tear_fence
DROP TRIGGER IF EXISTS fence_{table}_{action};

-- name: any_row
SELECT 1 FROM {table} LIMIT 1;

-- name: count_of
SELECT count(*) FROM {table};

-- name: empty
DELETE FROM {table};

-- name: put
INSERT INTO {table} ({columns}) VALUES ({marks});

-- name: page_of
SELECT {columns} FROM {table} {place} ORDER BY {key} LIMIT {limit};
