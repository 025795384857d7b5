-- Every statement of the PostgreSQL backend. A block runs from its `-- name:` line to the next one.
--
-- Behind a pooler nothing is prepared; in a session of our own what commits, claims and beats is. Sets come in as arrays. Each statement of a
-- transaction sees what was committed before it began (READ COMMITTED), so one that reads after another has
-- locked sees the truth. A row by its key stands in a LATERAL with a LIMIT, out of which no planner takes it to join
-- all of one side with all of the other.

-- == a commit: locks, then looks ========================================================================

-- name: begin
BEGIN;

-- name: commit
COMMIT;

-- name: rollback
ROLLBACK;

-- name: turn
-- An engine's commits take turns: one whose connection broke may still be running, and must be over before
-- anybody decides what became of it. Whoever stands still in the middle must not hold rows for ever.
SELECT set_config('lock_timeout', %(patience)b, true),
       set_config('idle_in_transaction_session_timeout', %(idle)b, true),
       CASE WHEN current_setting('synchronous_commit') IN ('off', 'local')
            THEN set_config('synchronous_commit', 'on', true) END,
       pg_advisory_xact_lock(hashtextextended(%(turn)b, 7));

-- name: set_session
-- The same for all transactions of a session of our own, which then only takes the turn.
SELECT set_config('lock_timeout', %(patience)b, false),
       set_config('idle_in_transaction_session_timeout', %(idle)b, false),
       set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
                                             ELSE current_setting('synchronous_commit') END, false);

-- name: take_turn
SELECT pg_advisory_xact_lock(hashtextextended(%(turn)b, 7));

-- name: engine_lives
-- Whoever writes as an engine must still have its row, until the commit.
SELECT 1 FROM podium.engines WHERE id = %(engine)b FOR KEY SHARE;

-- name: lock_runs
-- The fence is a lock. In the order of ids, so that no two commits wait for each other.
SELECT id FROM podium.runs WHERE id = ANY (%(runs)b::text[]) ORDER BY id FOR NO KEY UPDATE;

-- name: lock_recorded
-- The last two in one, of the short way, where lines come before entries.
SELECT FROM podium.engines, podium.runs WHERE engines.id = %(engine)b AND runs.id = ANY (%(run)b::text[])
ORDER BY runs.id FOR KEY SHARE OF engines FOR NO KEY UPDATE OF runs;

-- name: lock_wanted
SELECT id FROM podium.runs WHERE key IN ({wanted}) ORDER BY id FOR NO KEY UPDATE;

-- name: runs
-- The rows that a round of Writes is judged by, in the order of `podium.store.sets.RunState`.
SELECT id, state, token, owner, greatest(base, (SELECT max(seq) FROM podium.history WHERE run = runs.key)),
       messages, unread, coalesce(started, created), started IS NOT NULL, queue, lane, rank, key
FROM podium.runs WHERE id = ANY (%(runs)b::text[]);

-- name: wanted_runs
SELECT id, state, token, owner, greatest(base, (SELECT max(seq) FROM podium.history WHERE run = runs.key)),
       messages, unread, coalesce(started, created), started IS NOT NULL, queue, lane, rank, key
FROM podium.runs WHERE key IN ({wanted});

-- name: wanted_by_id
-- The pieces of {wanted}: keys of runs that a batch concerns, see `podium.store.sets.Needs`.
SELECT key FROM podium.runs WHERE id = ANY (%(runs)b::text[])

-- name: is_holder
-- A piece, {is_holder} of what follows: the unfinished runs that hold names.
FROM podium.runs
JOIN unnest(%(projects)b::text[], %(names)b::text[]) AS wanted (project, unique_name) USING (project, unique_name)
WHERE unique_name <> '' AND state IN ('queued', 'running', 'waiting', 'parked')

-- name: is_orphan
-- A piece, {is_orphan}: unfinished runs of the same call and script whose engine is gone.
FROM unnest(%(functions)b::text[], %(digests)b::bytea[], %(starters)b::text[], %(limits)b::int8[])
     AS wanted (function, digest, starter, most)
CROSS JOIN LATERAL (
    SELECT id, key FROM podium.runs
    WHERE runs.function = wanted.function AND runs.digest = wanted.digest AND runs.starter = wanted.starter
      AND starter <> '' AND starter_engine IS NOT NULL AND state IN ('queued', 'running', 'waiting', 'parked')
      AND NOT EXISTS (SELECT 1 FROM podium.engines WHERE engines.id = starter_engine)
    ORDER BY key LIMIT wanted.most) AS line

-- name: wanted_by_name
SELECT key {is_holder}

-- name: wanted_orphans
SELECT line.key {is_orphan}

-- name: wanted_waiting
-- Who waits for runs that may end, for what is answered, or for what one more run begins to wait for.
SELECT run FROM podium.waits WHERE target = ANY (%(targets)b::text[])

-- name: wanted_children
SELECT child.key FROM podium.runs AS parent JOIN podium.waits ON waits.run = parent.key
JOIN podium.runs AS child ON child.id = waits.target
WHERE parent.id = ANY (%(ending)b::text[]) AND cancels AND taken IS NULL

-- name: new_keys
SELECT nextval(pg_get_serial_sequence('podium.runs', 'key')) FROM generate_series(1, %(count)b);

-- name: holders
SELECT project, unique_name, id {is_holder};

-- name: orphans
-- The oldest first.
SELECT wanted.function, wanted.digest, wanted.starter, line.id {is_orphan} ORDER BY line.key;

-- name: calls
SELECT id, function, digest, project FROM podium.runs WHERE id = ANY (%(calls)b::text[]);

-- name: messages
-- Those of these runs with these ids, taken or not.
SELECT runs.id, inbox.id, n, kind, taken
FROM unnest(%(message_runs)b::text[], %(message_ids)b::text[]) AS wanted (run, id)
JOIN podium.runs ON runs.id = wanted.run
CROSS JOIN LATERAL (SELECT * FROM podium.inbox WHERE inbox.run = runs.key AND inbox.id = wanted.id LIMIT 1) AS inbox;

-- name: unread_signals
SELECT runs.id, (SELECT count(*) FROM podium.inbox WHERE run = runs.key AND taken IS NULL AND kind = 'signal')
FROM podium.runs WHERE id = ANY (%(signalled)b::text[]) AND unread > %(signals_few)b;

-- name: waits
-- Of these runs for these steps, and below for these targets; in the order of `podium.store.sets.WaitState`.
SELECT runs.id, waits.step, kind, target, taken, "by", waits.digest, cancels, waits.due
FROM unnest(%(wait_runs)b::text[], %(wait_steps)b::text[]) AS wanted (run, step)
JOIN podium.runs ON runs.id = wanted.run
CROSS JOIN LATERAL (SELECT * FROM podium.waits WHERE waits.run = runs.key AND waits.step = wanted.step LIMIT 1) AS waits;

-- name: waiting_for
SELECT runs.id, step, kind, target, taken, "by", waits.digest, cancels, waits.due
FROM podium.waits JOIN podium.runs ON runs.key = waits.run
WHERE (target = ANY (%(ending)b::text[]) AND kind = 'outcome')
   OR (target = ANY (%(answered)b::text[]) AND kind = 'answer');

-- name: given
-- What was answered to these questions and callbacks, the first answer first: from the inbox where it lies, or from
-- the history that has taken it, which is read once for each run.
WITH asked AS MATERIALIZED (
    SELECT waits.run, runs.id, base, step, target, waits.taken AS at, waits.digest, "by"
    FROM podium.waits JOIN podium.runs ON runs.key = waits.run
    WHERE target = ANY (%(asked_before)b::text[]) AND kind = 'answer' AND taken IS NOT NULL)
SELECT target, asked.at, asked.digest, payload, state, "by", asked.id
FROM asked JOIN podium.inbox ON inbox.run = asked.run AND inbox.taken IS NULL AND inbox.kind = 'answer'
    AND inbox.name = asked.step
UNION ALL
SELECT target, asked.at, asked.digest, payload, substr(name, 8, strpos(name, ':') - 8), "by", asked.id
FROM (SELECT DISTINCT run, base FROM asked) AS past
JOIN podium.history ON history.run = past.run AND history.seq > past.base AND name >= 'answer/' AND name < 'answer0'
JOIN asked ON asked.run = past.run AND asked.step = substr(name, strpos(name, ':') + 1)
ORDER BY 2, 7;

-- name: children
-- What these runs wait for, and is to stop with them.
SELECT runs.id, step, kind, target, taken, "by", waits.digest, cancels, waits.due
FROM podium.runs JOIN podium.waits ON waits.run = runs.key
WHERE runs.id = ANY (%(ending)b::text[]) AND cancels AND taken IS NULL;

-- name: unheard
-- What was sent to runs because they wait for it, and they have not taken.
SELECT runs.id, inbox.id, n, kind FROM podium.runs JOIN podium.inbox ON inbox.run = runs.key
WHERE runs.id = ANY (%(ending)b::text[]) AND unread > 0 AND taken IS NULL AND kind IN ('outcome', 'answer')
ORDER BY runs.key, n;

-- name: asked
-- The last cancels that lie in inboxes.
SELECT runs.id, max(n) FROM podium.runs JOIN podium.inbox ON inbox.run = runs.key
WHERE runs.id = ANY (%(parking)b::text[]) AND unread > 0 AND taken IS NULL AND kind = 'cancel' GROUP BY runs.id;

-- name: ends
-- How runs have ended, those that have.
SELECT id, payload, ended FROM podium.runs WHERE id = ANY (%(ends)b::text[]) AND ended IS NOT NULL;

-- name: last_times
-- When the last entries of runs were made.
SELECT id, coalesce((SELECT at FROM podium.history WHERE run = runs.key ORDER BY seq DESC LIMIT 1), 0)
FROM podium.runs WHERE id = ANY (%(last_times)b::text[]);

-- name: needed_by
-- Unfinished runs that rest on these: copies of them, such as wait for them, or started them, and copies of these,
-- whose children copy them; so do those of a retry's retry, by the plan that it has taken over. They are known by
-- their ids, P~2 and so on (: follows the digits).
SELECT this.id, other.id FROM podium.runs AS this
JOIN podium.runs AS other ON other.origin = this.id AND other.origin <> ''
WHERE this.id = ANY (%(forgotten)b::text[]) AND other.state IN ('queued', 'running', 'waiting', 'parked')
UNION ALL
SELECT this.id, other.id FROM podium.runs AS this
JOIN podium.waits ON waits.target = this.id JOIN podium.runs AS other ON other.key = waits.run
WHERE this.id = ANY (%(forgotten)b::text[]) AND waits.kind = 'outcome' AND waits.taken IS NULL
  AND other.state IN ('queued', 'running', 'waiting', 'parked')
UNION ALL
SELECT this.id, other.id FROM podium.runs AS this
JOIN podium.runs AS other ON other.id IN (this.parent, this.root) AND other.key <> this.key
WHERE this.id = ANY (%(forgotten)b::text[]) AND other.state IN ('queued', 'running', 'waiting', 'parked')
UNION ALL
SELECT this.id, other.id FROM podium.runs AS this
JOIN podium.runs AS other ON other.origin IN (this.parent, this.root) AND other.origin <> ''
WHERE this.id = ANY (%(forgotten)b::text[]) AND this.parent <> ''
  AND other.state IN ('queued', 'running', 'waiting', 'parked')
UNION ALL
SELECT this.id, other.id FROM podium.runs AS this
JOIN podium.runs AS other
  ON other.id > split_part(this.parent, '~', 1) || '~' AND other.id < split_part(this.parent, '~', 1) || '~:'
  OR other.id > split_part(this.root, '~', 1) || '~' AND other.id < split_part(this.root, '~', 1) || '~:'
WHERE this.id = ANY (%(forgotten)b::text[]) AND this.parent <> ''
  AND other.state IN ('queued', 'running', 'waiting', 'parked');

-- == a commit: changes ==================================================================================

-- name: record
-- The short way: entries of Writes whose fences hold, in one statement. It takes the turn, then locks the engine's
-- row, then those of the runs in the order of their ids, each of which hangs on the one before it. The rows are judged
-- as the locks found them; the history is seen as it was when the statement began, and what an earlier commit of this
-- engine has added since meets the primary key. How many entries a run had is asked once for each run, by an index.
-- A run is looked up by its id and nothing else: the index of what the engine owns looks as good, and is read whole
-- each time. Entries name their run by its place in the list. All of them go in, or none: a division by zero undoes
-- the transaction, and the long way says which does not.
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended(%(turn)b::text, 7))),
lives AS MATERIALIZED (SELECT id FROM turn, podium.engines WHERE id = %(engine)b::text FOR KEY SHARE OF engines),
locked AS MATERIALIZED (
    SELECT place, key FROM lives
    CROSS JOIN unnest(%(run)b::text[], %(token)b::int8[], %(states)b::text[], %(first)b::int8[]) WITH ORDINALITY
         AS guard (run, token, states, first, place)
    CROSS JOIN LATERAL (
        SELECT key, token, state, owner, base FROM podium.runs
        WHERE runs.id = guard.run AND lives.id <> '' LIMIT 1 FOR NO KEY UPDATE) AS runs
    WHERE runs.token = guard.token AND runs.state = ANY (string_to_array(guard.states, ' '))
      AND runs.owner = %(engine)b::text
      AND guard.first IN (0, greatest(base, (SELECT max(seq) FROM podium.history WHERE run = runs.key)) + 1)),
found AS MATERIALIZED (
    SELECT array_agg(key ORDER BY place) AS keys FROM locked HAVING count(*) = cardinality(%(run)b::text[])),
added AS (
    INSERT INTO podium.history (run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy)
    SELECT keys[place], seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy
    FROM found CROSS JOIN unnest(
        %(place)b::int8[], %(seq)b::int8[], %(kind)b::text[], %(at)b::float8[], %(step)b::text[],
        %(digest)b::bytea[], %(payload)b::bytea[], %(began)b::float8[], %(attempt)b::int8[], %(due)b::float8[],
        %(module)b::text[], %(name)b::text[], %(policy)b::int8[])
         AS new (place, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy)
    RETURNING 1)
SELECT 1 / (count(*) = %(count)b AND EXISTS (SELECT 1 FROM found))::int FROM added;

-- name: end
-- After `record`, which has locked these runs and judged their fences: what has come to them until then is seen here.
-- Of those that nobody waits for, that wait for nothing, hold no slot and have an empty inbox there is nothing more.
WITH moved AS (
    UPDATE podium.runs
    SET state = new.state, owner = NULL, payload = new.payload, due = NULL,
        fingerprint = coalesce(new.fingerprint, runs.fingerprint),
        ended = greatest(new.at, coalesce(started, created), coalesce(
            new.last, (SELECT at FROM podium.history WHERE run = runs.key ORDER BY seq DESC LIMIT 1)))
    FROM unnest(%(run)b::text[], %(state)b::text[], %(payload)b::bytea[], %(fingerprint)b::text[], %(at)b::float8[],
                %(last)b::float8[]) AS new (run, state, payload, fingerprint, at, last)
    WHERE runs.id = new.run AND queue = '' AND unread = 0
      AND NOT EXISTS (SELECT 1 FROM podium.waits WHERE target = new.run)
      AND NOT EXISTS (SELECT 1 FROM podium.waits WHERE run = runs.key)
    RETURNING 1)
SELECT 1 / (count(*) = %(count)b)::int FROM moved;

-- name: start
-- Of owned runs whose ids are fresh, where no orphan of the same call is left behind.
WITH lives AS MATERIALIZED (SELECT id FROM podium.engines WHERE id = %(engine)b::text FOR KEY SHARE),
left_behind AS MATERIALIZED (
    SELECT FROM unnest(%(orphan_function)b::text[], %(orphan_digest)b::bytea[], %(orphan_starter)b::text[])
         AS wanted (function, digest, starter)
    CROSS JOIN LATERAL (
        SELECT FROM podium.runs
        WHERE runs.function = wanted.function AND runs.digest = wanted.digest AND runs.starter = wanted.starter
          AND starter <> '' AND starter_engine <> %(engine)b::text
          AND state IN ('queued', 'running', 'waiting', 'parked')
          AND NOT EXISTS (SELECT 1 FROM podium.engines WHERE engines.id = starter_engine)
        LIMIT 1) AS orphan),
added AS (
    INSERT INTO podium.runs (
        id, state, token, owner, due, lost, generation, base, messages, unread, created, began, started, ended,
        function, digest, fingerprint, project, queue, lane, rank, starter, starter_engine, attached_by, unique_name,
        origin, parent, root, seed, copied, context, tags, args, payload)
    SELECT new.id, state, token, owner, due, 0, generation, base, messages, unread, created, began, started, ended,
           function, digest, fingerprint, project, queue, lane, rank, starter, starter_engine, '', unique_name,
           origin, parent, root, seed, copied, context, tags, args, payload
    FROM lives CROSS JOIN unnest(
        %(id)b::text[], %(state)b::text[], %(token)b::int8[], %(owner)b::text[], %(due)b::float8[],
        %(messages)b::int8[], %(unread)b::int8[], %(created)b::float8[], %(began)b::float8[], %(started)b::float8[],
        %(ended)b::float8[], %(function)b::text[], %(digest)b::bytea[], %(fingerprint)b::text[], %(project)b::text[],
        %(queue)b::text[], %(lane)b::text[], %(rank)b::float8[], %(starter)b::text[], %(starter_engine)b::text[],
        %(unique_name)b::text[], %(origin)b::text[], %(parent)b::text[], %(root)b::text[], %(seed)b::text[],
        %(copied)b::int8[], %(context)b::text[], %(tags)b::text[], %(args)b::bytea[], %(payload)b::bytea[],
        %(generation)b::int8[], %(base)b::int8[]) WITH ORDINALITY
         AS new (id, state, token, owner, due, messages, unread, created, began, started, ended, function, digest,
                 fingerprint, project, queue, lane, rank, starter, starter_engine, unique_name, origin, parent, root,
                 seed, copied, context, tags, args, payload, generation, base, place)
    WHERE NOT EXISTS (SELECT FROM left_behind)
    ORDER BY place
    RETURNING 1)
SELECT 1 / (count(*) = %(count)b)::int FROM added;

-- name: record_one
-- The same of one entry.
WITH turn AS MATERIALIZED (SELECT pg_advisory_xact_lock(hashtextextended(%(turn)b::text, 7))),
lives AS MATERIALIZED (SELECT id FROM turn, podium.engines WHERE id = %(engine)b::text FOR KEY SHARE OF engines),
locked AS MATERIALIZED (
    SELECT runs.* FROM lives CROSS JOIN LATERAL (
        SELECT key, token, state, owner, base FROM podium.runs
        WHERE id = %(run)b::text AND lives.id <> '' LIMIT 1 FOR NO KEY UPDATE) AS runs),
added AS (
    INSERT INTO podium.history (run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy)
    SELECT key, %(seq)b::int8, %(kind)b::text, %(at)b::float8, %(step)b::text, %(digest)b::bytea, %(payload)b::bytea,
           %(began)b::float8, %(attempt)b::int8, %(due)b::float8, %(module)b::text, %(name)b::text, %(policy)b::int8
    FROM locked
    WHERE token = %(token)b::int8 AND state = ANY (string_to_array(%(states)b::text, ' ')) AND owner = %(engine)b::text
      AND %(first)b::int8 = greatest(base, (SELECT max(seq) FROM podium.history WHERE run = key)) + 1
    RETURNING 1)
SELECT 1 / count(*) FROM added;

-- name: record_lines
-- Before `record`: the guard is of the run as the Write found it. `first` 0: there are no entries. The last line of a
-- run is asked for once, for the same reason as its entries there.
WITH added AS (
INSERT INTO podium.logs (run, n, step, attempt, at, level, text)
SELECT run, max(last) OVER (PARTITION BY run) + nth, step, attempt, at, level, text
FROM (
    SELECT numbered.*, CASE WHEN nth = 1 THEN coalesce((SELECT max(n) FROM podium.logs WHERE logs.run = numbered.run), 0) END
           AS last
    FROM (
        SELECT runs.key AS run, row_number() OVER (PARTITION BY runs.key ORDER BY place) AS nth,
               step, attempt, at, level, text
        FROM unnest(%(run)b::text[], %(token)b::int8[], %(states)b::text[], %(first)b::int8[], %(step)b::text[],
                    %(attempt)b::int8[], %(at)b::float8[], %(level)b::int8[], %(text)b::bytea[]) WITH ORDINALITY
             AS new (run, token, states, first, step, attempt, at, level, text, place)
        CROSS JOIN LATERAL (
            SELECT key, token, state, owner, base FROM podium.runs WHERE id = new.run LIMIT 1) AS runs
        WHERE runs.token = new.token AND runs.state = ANY (string_to_array(new.states, ' '))
          AND runs.owner = %(engine)b AND EXISTS (SELECT 1 FROM podium.engines WHERE id = %(engine)b)
          AND new.first IN (0, greatest(base, (SELECT max(seq) FROM podium.history WHERE run = runs.key)) + 1)
    ) AS numbered) AS lines
RETURNING 1)
SELECT 1 / (count(*) = %(count)b)::int FROM added;

-- name: add_entries
INSERT INTO podium.history (run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy)
SELECT * FROM unnest(
    %(run)b::int8[], %(seq)b::int8[], %(kind)b::text[], %(at)b::float8[], %(step)b::text[], %(digest)b::bytea[],
    %(payload)b::bytea[], %(began)b::float8[], %(attempt)b::int8[], %(due)b::float8[], %(module)b::text[],
    %(name)b::text[], %(policy)b::int8[]);

-- name: add_lines
-- Numbered on from the last line of their run, in the order in which they are given. That one is asked for once for
-- each run: for each line the index would lead past all that this statement has added so far.
INSERT INTO podium.logs (run, n, step, attempt, at, level, text)
SELECT run, max(last) OVER (PARTITION BY run) + nth, step, attempt, at, level, text
FROM (
    SELECT numbered.*, CASE WHEN nth = 1 THEN coalesce((SELECT max(n) FROM podium.logs WHERE logs.run = numbered.run), 0) END
           AS last
    FROM (
        SELECT new.*, row_number() OVER (PARTITION BY run ORDER BY place) AS nth
        FROM unnest(%(run)b::int8[], %(step)b::text[], %(attempt)b::int8[], %(at)b::float8[], %(level)b::int8[],
                    %(text)b::bytea[]) WITH ORDINALITY AS new (run, step, attempt, at, level, text, place)
    ) AS numbered) AS lines;

-- name: keep_progress
INSERT INTO podium.progress (run, step, attempt, at, payload)
SELECT * FROM unnest(%(run)b::int8[], %(step)b::text[], %(attempt)b::int8[], %(at)b::float8[], %(payload)b::bytea[])
ON CONFLICT (run, step) DO UPDATE SET attempt = excluded.attempt, at = excluded.at, payload = excluded.payload;

-- name: forget_progress
DELETE FROM podium.progress AS old USING unnest(%(run)b::int8[], %(step)b::text[]) AS over (run, step)
WHERE old.run = over.run AND old.step = over.step;

-- name: add_measures
INSERT INTO podium.measures (series, at, value, tags, step, attempt, ordinal, generation, run)
SELECT * FROM unnest(
    %(series)b::text[], %(at)b::float8[], %(value)b::float8[], %(tags)b::text[], %(step)b::text[],
    %(attempt)b::int8[], %(ordinal)b::int8[], %(generation)b::int8[], %(run)b::text[])
ON CONFLICT DO NOTHING;

-- name: add_chunks
-- Numbered on from the last of their stream, as lines are, but for those that are there.
INSERT INTO podium.streams (run, name, n, generation, step, attempt, turn, ordinal, at, payload)
SELECT run, name, max(last) OVER (PARTITION BY run, name) + nth, generation, step, attempt, turn, ordinal, at, payload
FROM (
    SELECT numbered.*, CASE WHEN nth = 1 THEN coalesce((
               SELECT max(n) FROM podium.streams AS before
               WHERE before.run = numbered.run AND before.name = numbered.name), 0) END AS last
    FROM (
        SELECT new.*, row_number() OVER (PARTITION BY run, name ORDER BY place) AS nth
        FROM (
            SELECT said.*, (SELECT generation FROM podium.runs WHERE key = said.run) AS generation
            FROM unnest(%(run)b::int8[], %(name)b::text[], %(payload)b::bytea[], %(at)b::float8[], %(step)b::text[],
                        %(attempt)b::int8[], %(turn)b::int8[], %(ordinal)b::int8[])
                 WITH ORDINALITY AS said (run, name, payload, at, step, attempt, turn, ordinal, place)) AS new
        WHERE NOT EXISTS (
            SELECT 1 FROM podium.streams AS there
            WHERE there.run = new.run AND there.generation = new.generation AND there.step = new.step
              AND there.attempt = new.attempt AND there.turn = new.turn AND there.ordinal = new.ordinal)
    ) AS numbered) AS chunks;

-- name: publish
INSERT INTO podium.published (run, name, payload, at, step, attempt, turn)
SELECT * FROM unnest(%(run)b::int8[], %(name)b::text[], %(payload)b::bytea[], %(at)b::float8[], %(step)b::text[],
                     %(attempt)b::int8[], %(turn)b::int8[])
ON CONFLICT (run, name) DO UPDATE
SET payload = excluded.payload, at = excluded.at, step = excluded.step, attempt = excluded.attempt,
    turn = excluded.turn
WHERE excluded.turn >= published.turn;

-- name: name_values
INSERT INTO podium.value_names (run, generation, name)
SELECT key, generation, name FROM unnest(%(run)b::int8[], %(name)b::text[]) AS new (run, name)
JOIN podium.runs ON key = new.run
ON CONFLICT DO NOTHING;

-- name: copy_value_names
INSERT INTO podium.value_names (run, generation, name)
SELECT DISTINCT %(key)b::int8, 0, name FROM podium.value_names
WHERE run = (SELECT key FROM podium.runs WHERE id = %(source)b)
ON CONFLICT DO NOTHING;

-- name: forget_value_names
DELETE FROM podium.value_names WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_former_value_names
DELETE FROM podium.value_names
WHERE run = %(key)b AND generation < (SELECT generation FROM podium.runs WHERE key = %(key)b);

-- name: lock_value_names
-- Who names a value now has done so before, or waits until it is gone.
LOCK TABLE podium.value_names IN SHARE ROW EXCLUSIVE MODE;

-- name: named_values
SELECT DISTINCT name FROM podium.value_names WHERE name = ANY (%(names)b::text[]);

-- name: move
UPDATE podium.runs
SET state = moved.state, owner = NULL, payload = moved.payload, due = moved.due,
    lost = CASE WHEN moved.forgiven THEN 0 ELSE lost END,
    fingerprint = coalesce(moved.fingerprint, runs.fingerprint), ended = moved.ended, rank = moved.rank
FROM unnest(%(state)b::text[], %(payload)b::bytea[], %(due)b::float8[], %(forgiven)b::bool[],
            %(fingerprint)b::text[], %(ended)b::float8[], %(key)b::int8[], %(rank)b::float8[])
     AS moved (state, payload, due, forgiven, fingerprint, ended, key, rank)
WHERE runs.key = moved.key;

-- name: add_runs
INSERT INTO podium.runs (
    key, id, state, token, owner, due, lost, generation, base, messages, unread, created, began, started, ended,
    function, digest, fingerprint, project, queue, lane, rank, starter, starter_engine, attached_by, unique_name,
    origin, parent, root, seed, copied, context, tags, args, payload)
SELECT key, id, state, token, owner, due, 0, generation, base, messages, unread, created, began, started, ended,
       function, digest, fingerprint, project, queue, lane, rank, starter, starter_engine, '', unique_name,
       origin, parent, root, seed, copied, context, tags, args, payload
FROM unnest(
    %(key)b::int8[], %(id)b::text[], %(state)b::text[], %(token)b::int8[], %(owner)b::text[], %(due)b::float8[],
    %(messages)b::int8[], %(unread)b::int8[], %(created)b::float8[], %(began)b::float8[], %(started)b::float8[],
    %(ended)b::float8[], %(function)b::text[], %(digest)b::bytea[], %(fingerprint)b::text[], %(project)b::text[],
    %(queue)b::text[], %(lane)b::text[], %(rank)b::float8[], %(starter)b::text[], %(starter_engine)b::text[],
    %(unique_name)b::text[], %(origin)b::text[], %(parent)b::text[], %(root)b::text[], %(seed)b::text[],
    %(copied)b::int8[], %(context)b::text[], %(tags)b::text[], %(args)b::bytea[], %(payload)b::bytea[],
    %(generation)b::int8[], %(base)b::int8[])
    AS new (key, id, state, token, owner, due, messages, unread, created, began, started, ended, function, digest,
            fingerprint, project, queue, lane, rank, starter, starter_engine, unique_name, origin, parent, root, seed,
            copied, context, tags, args, payload, generation, base)
ORDER BY id;

-- name: add_tags
INSERT INTO podium.run_tags (tag, run) SELECT * FROM unnest(%(tag)b::text[], %(run)b::int8[]);

-- name: copy_history
INSERT INTO podium.history (run, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy)
SELECT %(key)b, seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy
FROM podium.history
WHERE run = (SELECT key FROM podium.runs WHERE id = %(source)b) AND seq <= %(last)b
  AND seq > (SELECT base FROM podium.runs WHERE key = %(key)b);

-- name: add_messages
INSERT INTO podium.inbox (run, n, id, kind, name, state, sender, digest, at, taken, payload)
SELECT * FROM unnest(
    %(run)b::int8[], %(n)b::int8[], %(id)b::text[], %(kind)b::text[], %(name)b::text[], %(state)b::text[],
    %(sender)b::text[], %(digest)b::bytea[], %(at)b::float8[], %(taken)b::float8[], %(payload)b::bytea[]);

-- name: take
UPDATE podium.inbox SET taken = new.taken, payload = ''
FROM unnest(%(taken)b::float8[], %(run)b::int8[], %(n)b::int8[]) AS new (taken, run, n)
WHERE inbox.run = new.run AND inbox.n = new.n;

-- name: count_messages
UPDATE podium.runs SET messages = new.messages, unread = new.unread
FROM unnest(%(messages)b::int8[], %(unread)b::int8[], %(key)b::int8[]) AS new (messages, unread, key)
WHERE runs.key = new.key;

-- name: tell
-- Runs that nobody drives have got a message.
UPDATE podium.runs SET due = new.due, rank = new.rank
FROM unnest(%(due)b::float8[], %(rank)b::float8[], %(key)b::int8[]) AS new (due, rank, key)
WHERE runs.key = new.key;

-- name: put_back
-- Parked runs were asked to stop. Why they were parked stays.
UPDATE podium.runs SET state = 'waiting', lost = 0 WHERE key = ANY (%(key)b::int8[]);

-- name: rename
UPDATE podium.runs SET function = %(function)b, starter = coalesce(nullif(%(starter)b, ''), starter)
WHERE key = %(key)b;

-- name: attach
-- Becoming the starter is what makes it ours: the next one who looks finds a live engine.
UPDATE podium.runs SET starter_engine = %(engine)b, attached_by = %(start)b WHERE key = %(key)b;

-- name: attach_family
-- What it had started, and nobody has: who drives it drives them. Waits for no other commit: who changes one of
-- them has it.
UPDATE podium.runs SET starter_engine = %(engine)b
WHERE key IN (
    SELECT key FROM podium.runs
    WHERE root = %(root)b AND root <> id AND owner IS NULL AND ended IS NULL
      AND starter_engine NOT IN (SELECT id FROM podium.engines)
    FOR UPDATE SKIP LOCKED);

-- name: add_waits
INSERT INTO podium.waits (run, step, target, kind, prompt, schema, "to", due, cancels, about, taken, "by", digest)
SELECT * FROM unnest(
    %(run)b::int8[], %(step)b::text[], %(target)b::text[], %(kind)b::text[], %(prompt)b::text[], %(schema)b::text[],
    %(to)b::text[], %(due)b::float8[], %(cancels)b::bool[], %(about)b::bytea[], %(taken)b::float8[],
    %(by)b::text[], %(digest)b::bytea[]);

-- name: answer_waits
UPDATE podium.waits SET taken = new.taken, "by" = new."by", digest = new.digest
FROM unnest(%(taken)b::float8[], %(by)b::text[], %(digest)b::bytea[], %(run)b::int8[], %(step)b::text[])
     AS new (taken, "by", digest, run, step)
WHERE waits.run = new.run AND waits.step = new.step;

-- name: end_waits
-- What was answered stays with the run: who asks the same later, as a fork does, is answered with that.
DELETE FROM podium.waits
WHERE run = ANY (%(keys)b::int8[]) AND (taken IS NULL OR kind <> 'answer' OR digest = %(closed)b);

-- name: forget_waits
DELETE FROM podium.waits WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_steps_progress
DELETE FROM podium.progress WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_former_history
DELETE FROM podium.history WHERE run = %(key)b AND seq <= (SELECT base FROM podium.runs WHERE key = %(key)b);

-- name: forget_former_logs
-- The last line stays in any case, because its number is how many there were.
DELETE FROM podium.logs
WHERE run = %(key)b AND at < (SELECT began FROM podium.runs WHERE key = %(key)b)
  AND n < (SELECT max(n) FROM podium.logs WHERE run = %(key)b);

-- name: forget_streams
DELETE FROM podium.streams WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_values
DELETE FROM podium.published WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_losses
DELETE FROM podium.losses WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_former_streams
-- The last chunk of each stream stays in any case, because its number is how many there were.
DELETE FROM podium.streams AS old
WHERE run = %(key)b AND generation < (SELECT generation FROM podium.runs WHERE key = %(key)b)
  AND n < (SELECT max(n) FROM podium.streams AS later WHERE later.run = %(key)b AND later.name = old.name);

-- name: begin_anew
UPDATE podium.runs
SET generation = generation + 1, base = %(base)b, began = coalesce(%(at)b, began), args = %(args)b, copied = 0
WHERE key = %(key)b;

-- name: forget_history
DELETE FROM podium.history WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_logs
DELETE FROM podium.logs WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_inbox
DELETE FROM podium.inbox WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_tags
DELETE FROM podium.run_tags WHERE run = ANY (%(keys)b::int8[]);

-- name: forget_runs
DELETE FROM podium.runs WHERE key = ANY (%(keys)b::int8[]);

-- == owning =============================================================================================

-- name: takable
-- The codes (function, fingerprint) of due runs that this engine may take: its own, those without a
-- fingerprint, and such as no other engine offers; `other` marks these last. Each step of the walk is one
-- index look-up, and a function has few fingerprints in line at a time.
WITH RECURSIVE wanted (function, own, project) AS MATERIALIZED (
    SELECT * FROM unnest(%(functions)b::text[], %(codes)b::text[], %(projects)b::text[])),
walk (function, own, project, fingerprint) AS (
    SELECT function, own, project, (
        SELECT min(fingerprint) FROM podium.runs
        WHERE runs.project = wanted.project AND runs.function = wanted.function
          AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL)
    FROM wanted
    UNION ALL
    SELECT function, own, project, (
        SELECT min(runs.fingerprint) FROM podium.runs
        WHERE runs.project = walk.project AND runs.function = walk.function AND runs.fingerprint > walk.fingerprint
          AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL)
    FROM walk WHERE fingerprint IS NOT NULL),
takable (function, own, project, fingerprint, other) AS MATERIALIZED (
    SELECT function, own, project, fingerprint, fingerprint NOT IN (own, '')
    FROM walk
    WHERE fingerprint IS NOT NULL AND (fingerprint IN (own, '') OR NOT EXISTS (
        SELECT 1 FROM podium.offers
        WHERE offers.function = walk.function AND offers.fingerprint = walk.fingerprint
          AND engine <> %(engine)b)))

-- name: is_due
-- A piece, {is_due} of what follows. What may begin at once, or has been sent something, is due by the clock of another
-- process, which may be ahead of ours by some milliseconds (`soon`): else a claim that follows a notification finds
-- nothing yet.
(due <= %(soon)b AND (due <= %(now)b OR due = created OR unread > 0))

-- name: is_ours
-- A piece, {is_ours}: of the runs that are named, each found by its id alone, such as wait for code that this engine may
-- drive, with that code as `own`. It is looked up, in what is made once: to compare each run with each function took
-- seconds where a script with many of them waited for ten thousand runs.
FROM unnest(%(runs)b::text[]) AS named (id)
CROSS JOIN LATERAL (
    SELECT *, (SELECT jsonb_object(%(functions)b::text[], %(codes)b::text[])) ->> function AS own
    FROM podium.runs WHERE runs.id = named.id LIMIT 1) AS run
WHERE owner IS NULL AND state IN ('queued', 'waiting') AND own IS NOT NULL
  AND (fingerprint IN (own, '') OR NOT EXISTS (
      SELECT 1 FROM podium.offers
      WHERE offers.function = run.function AND offers.fingerprint = run.fingerprint AND engine <> %(engine)b))

-- name: claimable
-- After `takable`: the engine's own code first, then the oldest. What another engine claims at this moment is
-- stepped over.
, found AS MATERIALIZED (
    SELECT line.key, takable.fingerprint, own, other, line.due
    FROM takable CROSS JOIN LATERAL (
        SELECT key, runs.due FROM podium.runs
        WHERE runs.project = takable.project AND runs.function = takable.function
          AND runs.fingerprint = takable.fingerprint
          AND queue = '' AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL AND {is_due}
        ORDER BY runs.due, key LIMIT %(limit)b FOR NO KEY UPDATE SKIP LOCKED) AS line
    ORDER BY other, line.due, line.key LIMIT %(limit)b)

-- name: claimable_among
-- Of the named runs alone, of whatever project: who names a run means it.
WITH named_due AS MATERIALIZED (
    SELECT key, own {is_ours} AND queue = '' AND {is_due}
    ORDER BY due, key LIMIT %(limit)b),
found AS MATERIALIZED (
    SELECT line.key, fingerprint, own, false AS other, due
    FROM named_due CROSS JOIN LATERAL (
        SELECT key, fingerprint, due, owner, state FROM podium.runs WHERE runs.key = named_due.key
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS line
    WHERE owner IS NULL AND state IN ('queued', 'waiting') AND due <= %(soon)b)

-- name: look_around
-- After `takable`: (queue, code) of which something lies in line, each step one index look-up; and in a row without a
-- queue when the next run in none is due, as in `next_due`. One statement: planning it takes longer than the look.
, line (function, project, fingerprint, queue) AS (
    SELECT function, project, fingerprint, (
        SELECT min(queue) FROM podium.runs
        WHERE runs.project = takable.project AND runs.function = takable.function
          AND runs.fingerprint = takable.fingerprint
          AND queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting'))
    FROM takable
    UNION ALL
    SELECT function, project, fingerprint, (
        SELECT min(runs.queue) FROM podium.runs
        WHERE runs.project = line.project AND runs.function = line.function
          AND runs.fingerprint = line.fingerprint AND runs.queue > line.queue
          AND queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting'))
    FROM line WHERE queue IS NOT NULL)
SELECT queue, function, fingerprint, project, NULL::float8 FROM line WHERE queue IS NOT NULL
UNION ALL
SELECT NULL, NULL, NULL, NULL, min((
    SELECT runs.due FROM podium.runs
    WHERE runs.project = takable.project AND runs.function = takable.function
      AND runs.fingerprint = takable.fingerprint
      AND queue = '' AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL
    ORDER BY runs.due LIMIT 1))
FROM takable;

-- name: lock_queues
-- Claims of one queue take turns, or two of them would fill one slot. In the order of names.
SELECT 1 FROM podium.queues WHERE name = ANY (%(names)b::text[]) ORDER BY name FOR NO KEY UPDATE;

-- name: lanes_in_line
-- (queue, lane, code) of which something lies in line, of these queues and codes.
WITH RECURSIVE line (queue, function, fingerprint, project, lane) AS (
    SELECT wanted.*, (
        SELECT min(lane) FROM podium.runs
        WHERE runs.project = wanted.project AND runs.function = wanted.function
          AND runs.fingerprint = wanted.fingerprint AND runs.queue = wanted.queue
          AND runs.queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting'))
    FROM unnest(%(queues)b::text[], %(functions)b::text[], %(codes)b::text[], %(projects)b::text[])
         AS wanted (queue, function, fingerprint, project)
    UNION ALL
    SELECT queue, function, fingerprint, project, (
        SELECT min(runs.lane) FROM podium.runs
        WHERE runs.project = line.project AND runs.function = line.function
          AND runs.fingerprint = line.fingerprint AND runs.queue = line.queue AND runs.lane > line.lane
          AND runs.queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting'))
    FROM line WHERE lane IS NOT NULL)
SELECT queue, lane, function, fingerprint, project FROM line WHERE lane IS NOT NULL;

-- name: queue_rows
SELECT * FROM podium.queues WHERE name = ANY (%(names)b::text[]);

-- name: all_queues
SELECT * FROM podium.queues ORDER BY name;

-- name: lane_rows
SELECT * FROM podium.lanes WHERE queue = ANY (%(names)b::text[]);

-- name: slots_held
-- Who owns runs of these queues.
SELECT queue, lane, count(*) FROM podium.runs
WHERE queue = ANY (%(names)b::text[]) AND queue <> '' AND owner IS NOT NULL GROUP BY queue, lane;

-- name: offered_in_lanes
-- Of each (queue, lane, code) the first runs that are due, of those that come back and of those that have not begun. As
-- a stretch of `runs_in_line` and in its order: no other index has that. Asked for by equal columns, the planner took
-- another one for as good and sorted a lane of ten thousand to find its first.
SELECT line.key, wanted.function, wanted.fingerprint, wanted.queue, wanted.lane, line.state, line.rank
FROM unnest(%(queues)b::text[], %(lanes)b::text[], %(functions)b::text[], %(codes)b::text[], %(projects)b::text[])
     AS wanted (queue, lane, function, fingerprint, project)
CROSS JOIN LATERAL (
    (SELECT key, state, rank FROM podium.runs
     WHERE (runs.project, runs.function, runs.fingerprint, runs.queue, runs.lane, state, rank)
        >= (wanted.project, wanted.function, wanted.fingerprint, wanted.queue, wanted.lane, 'waiting', '-infinity'::float8)
       AND (runs.project, runs.function, runs.fingerprint, runs.queue, runs.lane, state, rank)
        <= (wanted.project, wanted.function, wanted.fingerprint, wanted.queue, wanted.lane, 'waiting', %(soon)b)
       AND runs.queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting') AND {is_due}
     ORDER BY runs.project, runs.function, runs.fingerprint, runs.queue, runs.lane, state, rank LIMIT %(quota)b)
    UNION ALL
    (SELECT key, state, rank FROM podium.runs
     WHERE (runs.project, runs.function, runs.fingerprint, runs.queue, runs.lane, state, rank)
        >= (wanted.project, wanted.function, wanted.fingerprint, wanted.queue, wanted.lane, 'queued', '-infinity'::float8)
       AND (runs.project, runs.function, runs.fingerprint, runs.queue, runs.lane, state, rank)
        <= (wanted.project, wanted.function, wanted.fingerprint, wanted.queue, wanted.lane, 'queued', 'infinity'::float8)
       AND runs.queue <> '' AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting') AND {is_due}
     ORDER BY runs.project, runs.function, runs.fingerprint, runs.queue, runs.lane, state, rank LIMIT %(quota)b)) AS line;

-- name: offered_past_limits
-- Those that were asked to stop: they are claimed however full their queues are.
SELECT runs.key, wanted.function, wanted.fingerprint, wanted.queue, lane, state, rank
FROM unnest(%(queues)b::text[], %(functions)b::text[], %(codes)b::text[], %(projects)b::text[])
     AS wanted (queue, function, fingerprint, project)
JOIN podium.runs ON runs.project = wanted.project AND runs.function = wanted.function
 AND runs.fingerprint = wanted.fingerprint AND runs.queue = wanted.queue
WHERE runs.queue <> '' AND rank < 0 AND owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting')
  AND {is_due}
LIMIT %(limit)b;

-- name: next_in_queues
-- When the next run of these queues and codes is due that is not yet.
SELECT min((
    SELECT due FROM podium.runs
    WHERE runs.project = wanted.project AND runs.function = wanted.function
      AND runs.fingerprint = wanted.fingerprint AND runs.queue = wanted.queue
      AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL AND due > %(now)b
    ORDER BY due LIMIT 1))
FROM unnest(%(queues)b::text[], %(functions)b::text[], %(codes)b::text[], %(projects)b::text[])
     AS wanted (queue, function, fingerprint, project);

-- name: offered_among
-- As `claimable_among`, of those that are in a queue.
SELECT key, function, fingerprint, queue, lane, state, rank {is_ours} AND queue <> '' AND {is_due};

-- name: admitted
-- The runs that a claim takes of queues; what another claim has locked meanwhile is stepped over. By their keys and
-- nothing else: by its estimates an index of all that wait may look as short.
WITH found AS MATERIALIZED (
    SELECT line.key, fingerprint, wanted.own, false AS other, due
    FROM unnest(%(keys)b::int8[], %(owns)b::text[]) AS wanted (key, own)
    CROSS JOIN LATERAL (
        SELECT key, fingerprint, due, owner, state FROM podium.runs WHERE runs.key = wanted.key
        LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS line
    WHERE owner IS NULL AND state IN ('queued', 'waiting'))

-- name: serve_lanes
INSERT INTO podium.lanes (queue, key, served, next)
SELECT * FROM unnest(%(queue)b::text[], %(key)b::text[], %(served)b::float8[], %(next)b::float8[])
ON CONFLICT (queue, key) DO UPDATE SET served = excluded.served, next = excluded.next;

-- name: pace_queues
UPDATE podium.queues SET next = new.next FROM unnest(%(next)b::float8[], %(name)b::text[]) AS new (next, name)
WHERE queues.name = new.name;

-- name: hold_lane
INSERT INTO podium.lanes (queue, key, served, next) VALUES (%(queue)b, %(lane)b, 0, %(until)b)
ON CONFLICT (queue, key) DO UPDATE SET next = greatest(lanes.next, excluded.next);

-- name: put_queue
-- All but `next`, which is the claims'.
INSERT INTO podium.queues (name, concurrency, rate, per, declared, declared_concurrency, declared_rate, declared_by,
                           declared_at, set_by, set_at, paused, next)
VALUES (%(name)b, %(concurrency)b, %(rate)b, %(per)b, %(declared)b, %(declared_concurrency)b, %(declared_rate)b,
        %(declared_by)b, %(declared_at)b, %(set_by)b, %(set_at)b, %(paused)b, 0)
ON CONFLICT (name) DO UPDATE SET
    concurrency = excluded.concurrency, rate = excluded.rate, per = excluded.per, declared = excluded.declared,
    declared_concurrency = excluded.declared_concurrency, declared_rate = excluded.declared_rate,
    declared_by = excluded.declared_by, declared_at = excluded.declared_at, set_by = excluded.set_by,
    set_at = excluded.set_at, paused = excluded.paused;

-- name: read_queues
-- Locked: two who change one queue must not each keep what it was before the other.
SELECT * FROM podium.queues WHERE name = ANY (%(changed_queues)b::text[]) ORDER BY name FOR NO KEY UPDATE;

-- name: forget_lanes
-- Of those that were served long ago and are held by nothing: one without a row is as one that never was.
DELETE FROM podium.lanes WHERE served < %(before)b AND next < %(before)b;

-- name: depths
SELECT line.*, coalesce(lanes.next, 0),
       coalesce((SELECT id FROM podium.runs
                 WHERE runs.queue = line.queue AND runs.lane = line.lane AND state = 'waiting' AND due = lanes.next
                   AND runs.queue <> '' LIMIT 1), '')
FROM (SELECT queue, lane,
             count(*) FILTER (WHERE state = 'queued'), count(*) FILTER (WHERE state = 'waiting'),
             count(*) FILTER (WHERE state = 'running'), min(due) FILTER (WHERE state = 'queued')
      FROM podium.runs
      WHERE queue <> '' AND state IN ('queued', 'waiting', 'running') GROUP BY queue, lane) AS line
LEFT JOIN podium.lanes ON lanes.queue = line.queue AND lanes.key = line.lane
ORDER BY line.queue, line.lane;

-- name: claim
-- After one of these two. Whoever drives the run decides which code it is of from now on. Its script may take it
-- for one that it left behind only if the process that started it is gone, and had an engine by which that can
-- be told. In the order of HEAD in `rows.py`, then the code that it was of, and by what it is sorted.
UPDATE podium.runs
SET owner = %(engine)b, token = token + 1, state = 'running', due = NULL, fingerprint = found.own,
    started = coalesce(started, greatest(%(now)b, created)),
    began = coalesce(began, started, greatest(%(now)b, created))
FROM found
WHERE runs.key = found.key AND EXISTS (SELECT 1 FROM podium.engines WHERE id = %(engine)b)
RETURNING id, function, token, args, digest, created, started, lost,
          greatest(base, (SELECT max(seq) FROM podium.history WHERE run = runs.key)),
          CASE WHEN starter_engine IS NULL OR EXISTS (SELECT 1 FROM podium.engines WHERE engines.id = starter_engine)
               THEN '' ELSE starter END,
          starter_engine IS NOT DISTINCT FROM %(engine)b, project, origin, parent, root, seed, began, copied,
          generation, base, context, queue, lane, messages, found.fingerprint, found.other, found.due, runs.key;

-- name: next_due
-- After `takable`: one index look-up per code.
SELECT min((
    SELECT runs.due FROM podium.runs
    WHERE runs.project = takable.project AND runs.function = takable.function
      AND runs.fingerprint = takable.fingerprint
      AND queue = '' AND owner IS NULL AND state IN ('queued', 'waiting') AND due IS NOT NULL
    ORDER BY runs.due LIMIT 1))
FROM takable;

-- name: next_due_among
SELECT min(due) {is_ours} AND (queue = '' OR due > %(now)b);

-- name: is_there
SELECT 1 FROM podium.engines WHERE id = %(engine)b;

-- name: offers_of
SELECT function, fingerprint FROM podium.offers WHERE engine = %(engine)b;

-- name: forget_offers
DELETE FROM podium.offers WHERE engine = %(engine)b;

-- name: offer
INSERT INTO podium.offers (engine, function, fingerprint)
SELECT engines.id, offered.* FROM podium.engines, unnest(%(functions)b::text[], %(codes)b::text[]) AS offered
WHERE engines.id = %(engine)b;

-- name: collect
SELECT inbox.id, runs.id, inbox.kind, inbox.at, inbox.payload, inbox.name, inbox.digest, inbox.state,
       inbox.sender, inbox.n
FROM podium.runs LEFT JOIN unnest(%(runs)b::text[], %(numbers)b::int8[]) AS seen (run, n) ON seen.run = runs.id
JOIN podium.inbox ON inbox.run = runs.key AND inbox.n > coalesce(seen.n, 0) AND inbox.taken IS NULL
WHERE runs.owner = %(engine)b AND runs.owner IS NOT NULL AND runs.unread > 0
ORDER BY inbox.run, inbox.n;

-- name: announce
INSERT INTO podium.engines (id, beat, host, pid, started, info)
VALUES (%(engine)b, %(beat)b, %(host)b, %(pid)b, %(started)b, %(info)b);

-- name: heartbeat
-- Not worth a sync: a beat that a crash of the server takes back is followed by the next one.
UPDATE podium.engines SET beat = beat + 1, info = coalesce(%(info)b, info)
WHERE id = %(engine)b AND set_config('synchronous_commit', 'off', true) IS NOT NULL
RETURNING beat;

-- name: ask_engine
UPDATE podium.engines SET asked = %(asked)b WHERE id = %(engine)b RETURNING 1;

-- name: beats
SELECT id, beat, host, pid, asked FROM podium.engines ORDER BY started, id;

-- name: engines
SELECT id, beat, host, pid, started, info,
       coalesce((SELECT json_object_agg(function, fingerprint) FROM podium.offers WHERE engine = engines.id),
                '{}'::json)::text
FROM podium.engines ORDER BY started, id;

-- name: any_silent
-- Whether one of these engines still has its row, with the beat that it had when somebody looked.
SELECT 1 FROM podium.engines JOIN unnest(%(engines)b::text[], %(beats)b::int8[]) AS seen (id, beat)
USING (id, beat) LIMIT 1;

-- name: any_orphan
-- From owner to owner through the index: an engine may own ten thousand runs, and this is asked often.
WITH RECURSIVE owners (engine) AS (
    SELECT min(owner) FROM podium.runs WHERE owner IS NOT NULL
    UNION ALL
    SELECT (SELECT min(owner) FROM podium.runs WHERE owner > owners.engine) FROM owners WHERE engine IS NOT NULL)
SELECT 1 FROM owners WHERE engine IS NOT NULL AND NOT EXISTS (SELECT 1 FROM podium.engines WHERE id = engine)
LIMIT 1;

-- name: lock_engines
-- Waits for what they are committing, and they for us.
SELECT 1 FROM podium.engines WHERE id = ANY (%(engines)b::text[]) ORDER BY id FOR UPDATE;

-- name: condemn
-- By the beat that was seen: an engine that came back since is not dead.
DELETE FROM podium.engines USING unnest(%(engines)b::text[], %(beats)b::int8[]) AS seen (id, beat)
WHERE engines.id = seen.id AND engines.beat = seen.beat;

-- name: release_orphans
-- Due since ever, not since now: a clock that is set back afterwards must not make it wait. A row that somebody
-- has locked is left for the next look.
WITH orphans AS (
    SELECT key, token, owner FROM podium.runs
    WHERE owner IS NOT NULL AND NOT EXISTS (SELECT 1 FROM podium.engines WHERE engines.id = owner)
    ORDER BY id FOR NO KEY UPDATE SKIP LOCKED),
noted AS (
    INSERT INTO podium.losses (run, token, at, engine)
    SELECT key, token, %(at)b::float8, owner FROM orphans ON CONFLICT DO NOTHING)
UPDATE podium.runs
SET owner = NULL, token = runs.token + 1, lost = lost + 1, due = 0,
    rank = CASE WHEN queue = '' OR rank < 0 THEN rank ELSE 0 END,
    state = CASE state WHEN 'running' THEN 'waiting' ELSE state END
FROM orphans WHERE runs.key = orphans.key
RETURNING 1;

-- name: forget_engine
DELETE FROM podium.engines WHERE id = %(engine)b;

-- name: hand_back
UPDATE podium.runs
SET owner = NULL, token = token + 1, due = 0, rank = CASE WHEN queue = '' OR rank < 0 THEN rank ELSE 0 END,
    state = CASE state WHEN 'running' THEN 'waiting' ELSE state END
WHERE key IN (SELECT key FROM podium.runs WHERE owner = %(engine)b ORDER BY id FOR NO KEY UPDATE)
RETURNING 1;

-- == reading ============================================================================================

-- name: cached
SELECT runs.id, history.seq, history.at, history.payload, history.name
FROM podium.history JOIN podium.runs ON runs.key = history.run
WHERE kind = 'result' AND history.name <> ''
  AND history.name COLLATE "C" >= %(name)b AND history.name COLLATE "C" < %(name)b || '!'
ORDER BY history.at DESC, history.seq DESC LIMIT 1;

-- name: history
SELECT seq, kind, at, step, digest, payload, began, attempt, due, module, name, policy
FROM podium.history WHERE run = (SELECT key FROM podium.runs WHERE id = %(run)b) AND seq > %(after)b
ORDER BY seq LIMIT %(limit)b;

-- name: logs
SELECT step, attempt, at, level, text, n
FROM podium.logs WHERE run = (SELECT key FROM podium.runs WHERE id = %(run)b) AND n > %(after)b
ORDER BY n LIMIT %(limit)b;

-- name: logs_of_step
SELECT step, attempt, at, level, text, n
FROM podium.logs
WHERE run = (SELECT key FROM podium.runs WHERE id = %(run)b) AND n > %(after)b AND step = %(step)b
ORDER BY n LIMIT %(limit)b;

-- name: progress
SELECT step, attempt, at, payload FROM podium.progress
WHERE run = (SELECT key FROM podium.runs WHERE id = %(run)b) ORDER BY step;

-- name: chunks
SELECT name, payload, at, step, attempt, turn, ordinal, n FROM podium.streams
WHERE run = (SELECT key FROM podium.runs WHERE id = %(run)b) AND name = %(name)b AND n > %(after)b
ORDER BY n LIMIT %(limit)b;

-- name: streams
-- One look-up for each name, however many chunks there are.
WITH RECURSIVE names (run, name) AS (
    SELECT key, (SELECT min(name) FROM podium.streams WHERE run = key) FROM podium.runs WHERE id = %(run)b
    UNION ALL
    SELECT run, (SELECT min(name) FROM podium.streams WHERE streams.run = names.run AND streams.name > names.name)
    FROM names WHERE name IS NOT NULL)
SELECT name, (SELECT max(n) FROM podium.streams WHERE streams.run = names.run AND streams.name = names.name)
FROM names WHERE name IS NOT NULL ORDER BY name;

-- name: losses
SELECT at, engine FROM podium.losses WHERE run = (SELECT key FROM podium.runs WHERE id = %(run)b)
ORDER BY token DESC LIMIT %(limit)b;

-- name: values
SELECT name, payload, at, step, attempt, turn FROM podium.published
WHERE run = (SELECT key FROM podium.runs WHERE id = %(run)b) ORDER BY name;

-- name: inbox
SELECT id, kind, at, payload, name, digest, state, sender, n FROM podium.inbox
WHERE run = (SELECT key FROM podium.runs WHERE id = %(run)b) AND taken IS NULL ORDER BY n;

-- name: waits_of_run
SELECT runs.id, step, target, kind, prompt, schema, "to", waits.due, taken, "by", waits.digest, about, cancels
FROM podium.runs JOIN podium.waits ON waits.run = runs.key
WHERE runs.id = %(run)b ORDER BY step LIMIT %(limit)b;

-- name: open_waits_of_run
SELECT runs.id, step, target, kind, prompt, schema, "to", waits.due, taken, "by", waits.digest, about, cancels
FROM podium.runs JOIN podium.waits ON waits.run = runs.key
WHERE runs.id = %(run)b AND taken IS NULL AND (%(kind)b::text IN ('', kind) OR %(kind)b = 'question' AND prompt <> '')
ORDER BY step LIMIT %(limit)b;

-- name: waits_for_target
SELECT runs.id, step, target, kind, prompt, schema, "to", waits.due, taken, "by", waits.digest, about, cancels
FROM podium.waits JOIN podium.runs ON runs.key = waits.run
WHERE target = %(target)b ORDER BY waits.run, step LIMIT %(limit)b;

-- name: open_waits
SELECT runs.id, step, target, kind, prompt, schema, "to", waits.due, taken, "by", waits.digest, about, cancels
FROM podium.waits JOIN podium.runs ON runs.key = waits.run
WHERE taken IS NULL AND (%(kind)b::text IN ('', kind) OR %(kind)b = 'question' AND prompt <> '')
ORDER BY waits.run, step LIMIT %(limit)b;

-- name: load
-- Here and below: the columns are the fields of podium.model.RunRow.
SELECT {columns} FROM podium.run_rows WHERE id = ANY (%(runs)b::text[]);

-- name: statuses
SELECT id, state, owner, created, CASE WHEN state IN ('queued', 'running', 'waiting') THEN '' ELSE payload END
FROM podium.runs WHERE id = ANY (%(runs)b::text[]);

-- name: attached
SELECT attached_by, id FROM podium.runs WHERE attached_by = ANY (%(starts)b::text[]) AND attached_by <> '';

-- name: entries_at
SELECT runs.id, history.seq, kind, at, step, history.digest, history.payload, history.began, attempt, history.due,
       module, name, policy
FROM unnest(%(runs)b::text[], %(seqs)b::int8[]) AS wanted (run, seq)
JOIN podium.runs ON runs.id = wanted.run JOIN podium.history ON history.run = runs.key AND history.seq = wanted.seq;

-- name: place
-- A run's place in the order of `find`, for paging.
SELECT created, key FROM podium.runs WHERE id = %(run)b;

-- name: find
SELECT {columns} FROM podium.run_rows WHERE {narrowed} ORDER BY created DESC, key DESC LIMIT %(limit)b;

-- name: tally
SELECT state, function, count(*) FROM (
    SELECT state, function FROM podium.runs WHERE {narrowed} LIMIT %(limit)b) AS found
GROUP BY state, function;

-- name: functions
-- One step through the index for each name; a count stops at `most`.
WITH RECURSIVE names (name) AS (
    SELECT min(function) FROM podium.runs
    UNION ALL
    SELECT (SELECT min(function) FROM podium.runs WHERE function > name) FROM names WHERE name IS NOT NULL)
SELECT name, (
    SELECT count(*) FROM (SELECT 1 FROM podium.runs WHERE function = name LIMIT %(most)b) AS few)
FROM names WHERE name IS NOT NULL;

-- name: horizon
SELECT id, created FROM podium.runs
WHERE created = (SELECT created FROM podium.runs WHERE (created, key) < (%(created)b, %(key)b)
                 ORDER BY created DESC, key DESC LIMIT 1 OFFSET %(behind)b)
ORDER BY key LIMIT 1;

-- name: standing
SELECT state, count(*) FROM podium.runs
WHERE state <> 'succeeded' AND state IN ('queued', 'running', 'waiting', 'parked') GROUP BY state;

-- name: ended_since
SELECT state, count(*) FROM podium.runs WHERE ended IS NOT NULL AND ended >= %(since)b GROUP BY state;

-- name: series
-- One step through the index for each name, not through its points, then the ends of each.
WITH RECURSIVE names (name) AS (
    SELECT min(series) FROM podium.measures
    UNION ALL
    SELECT (SELECT min(series) FROM podium.measures WHERE series > name) FROM names WHERE name IS NOT NULL)
SELECT name, (SELECT count(*) FROM podium.measures WHERE series = name),
       (SELECT at FROM podium.measures WHERE series = name ORDER BY at LIMIT 1),
       last.at, last.value
FROM names CROSS JOIN LATERAL (
    SELECT at, value FROM podium.measures WHERE series = name ORDER BY at DESC LIMIT 1) AS last
WHERE name IS NOT NULL ORDER BY name;

-- name: measures
SELECT series, at, value, tags, step, attempt, ordinal, generation, run FROM podium.measures
WHERE series = %(series)b AND at >= %(since)b AND at < %(until)b
  AND NOT EXISTS (SELECT 1 FROM unnest(%(tags)b::text[]) AS wanted WHERE strpos(tags, wanted) = 0)
ORDER BY at DESC, run DESC, step DESC, attempt DESC, ordinal DESC, generation DESC LIMIT %(limit)b;

-- name: measure_bins
SELECT %(since)b + %(width)b * trunc((at - %(since)b) / %(width)b) AS begin, count(*), sum(value), min(value),
       max(value)
FROM podium.measures WHERE series = %(series)b AND at >= %(since)b AND at < %(until)b
  AND NOT EXISTS (SELECT 1 FROM unnest(%(tags)b::text[]) AS wanted WHERE strpos(tags, wanted) = 0)
GROUP BY 1 ORDER BY 1;

-- == upkeep, waking, who changed what ===================================================================

-- name: expire
WITH gone AS (
    DELETE FROM podium.inbox WHERE (run, n) IN (
        SELECT run, n FROM podium.inbox WHERE taken IS NOT NULL AND taken < %(before)b LIMIT %(limit)b)
    RETURNING 1)
SELECT count(*) FROM gone;

-- name: forget_measures
-- By series, as in `series`: each has its oldest points at one end of the index.
WITH RECURSIVE names (name) AS (
    SELECT min(series) FROM podium.measures
    UNION ALL
    SELECT (SELECT min(series) FROM podium.measures WHERE series > name) FROM names WHERE name IS NOT NULL),
old AS (
    SELECT point FROM names CROSS JOIN LATERAL (
        SELECT ctid AS point FROM podium.measures WHERE series = name AND at < %(before)b LIMIT %(limit)b) AS line
    WHERE name IS NOT NULL LIMIT %(limit)b),
gone AS (DELETE FROM podium.measures WHERE ctid = ANY (ARRAY(SELECT point FROM old)) RETURNING 1)
SELECT count(*) FROM gone;

-- name: session
SELECT pg_backend_pid();

-- name: ring
SELECT pg_notify('podium', '');

-- name: changes
-- Another value when a transaction that wrote has ended, in whatever database of the server.
SELECT pg_current_snapshot()::text;

-- name: audit_lock
-- Rows are numbered one after the other, whoever adds them.
SELECT pg_advisory_xact_lock(hashtext('podium.audit'));

-- name: audit
INSERT INTO podium.audit (n, at, "by", role, verb, target, said, address, outcome, run)
SELECT (SELECT coalesce(max(n), 0) FROM podium.audit) + row_number() OVER (ORDER BY place),
    at, "by", role, verb, target, said, address, outcome, run
FROM unnest(
    %(at)b::float8[], %(by)b::text[], %(role)b::text[], %(verb)b::text[], %(target)b::text[], %(said)b::text[],
    %(address)b::text[], %(outcome)b::text[], %(run)b::text[]) WITH ORDINALITY
    AS given (at, "by", role, verb, target, said, address, outcome, run, place)
RETURNING n;

-- name: audit_outcome
UPDATE podium.audit SET outcome = %(outcome)b WHERE n = %(n)b AND outcome = '';

-- name: audited
SELECT at, "by", role, verb, target, said, address, outcome, n, run FROM podium.audit
WHERE n < %(before)b ORDER BY n DESC LIMIT %(limit)b;

-- name: audited_of_run
SELECT at, "by", role, verb, target, said, address, outcome, n, run FROM podium.audit
WHERE run = %(run)b AND run <> '' AND n < %(before)b ORDER BY n DESC LIMIT %(limit)b;

-- == shape ==============================================================================================

-- name: has_schema
SELECT 1 FROM information_schema.tables WHERE table_schema = 'podium' AND table_name = 'meta';

-- name: schema_version
SELECT value FROM podium.meta WHERE name = 'schema';

-- name: migrating
-- One at a time.
SELECT pg_advisory_xact_lock(hashtextextended('podium', 7));

-- name: create_schema
CREATE SCHEMA IF NOT EXISTS podium;

-- name: set_version
INSERT INTO podium.meta (name, value) VALUES ('schema', %(version)b)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: set_store
INSERT INTO podium.meta (name, value) VALUES ('store', md5(random()::text || clock_timestamp()::text))
ON CONFLICT (name) DO NOTHING;

-- name: clock
SELECT extract(epoch FROM clock_timestamp())::float8;

-- name: store_id
SELECT value FROM podium.meta WHERE name = 'store';

-- == health =============================================================================================

-- name: durability
SELECT current_setting('fsync'), current_setting('synchronous_commit');

-- name: oldest_snapshot
SELECT extract(epoch FROM clock_timestamp() - xact_start)::float8, 'process ' || pid || ' (' || application_name || ')'
FROM pg_stat_activity
WHERE datname = current_database() AND backend_xmin IS NOT NULL AND pid <> pg_backend_pid() AND xact_start IS NOT NULL
ORDER BY xact_start LIMIT 1;

-- name: size
SELECT coalesce(sum(pg_total_relation_size(c.oid)), 0)::int8 FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'podium' AND c.relkind = 'r';

-- == moving to another place =============================================================================

-- name: noted
SELECT value FROM podium.meta WHERE name = %(name)b;

-- name: note
INSERT INTO podium.meta (name, value) VALUES (%(name)b, %(value)b)
ON CONFLICT (name) DO UPDATE SET value = excluded.value;

-- name: forget_fence
DELETE FROM podium.meta WHERE name = 'fence';

-- name: any_engine
SELECT 1 FROM podium.engines LIMIT 1;

-- name: tables
SELECT tablename::text FROM pg_tables WHERE schemaname = 'podium' ORDER BY tablename;

-- name: columns_of
SELECT column_name::text FROM information_schema.columns
WHERE table_schema = 'podium' AND table_name = %(table)b ORDER BY ordinal_position;

-- name: lock_tables
LOCK TABLE {tables} IN SHARE ROW EXCLUSIVE MODE;

-- name: refuse_changes
-- The message is the fence, as it stands in `meta`: whoever is refused can say where the store is.
CREATE OR REPLACE FUNCTION podium.refuse_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION USING ERRCODE = 'PDM01', MESSAGE = (SELECT value FROM podium.meta WHERE name = 'fence');
END $$;

-- name: build_fence
CREATE TRIGGER fence BEFORE INSERT OR UPDATE OR DELETE ON podium.{table}
FOR EACH STATEMENT EXECUTE FUNCTION podium.refuse_changes();

-- name: tear_fence
DROP TRIGGER IF EXISTS fence ON podium.{table};

-- name: any_row
SELECT 1 FROM podium.{table} LIMIT 1;

-- name: count_of
SELECT count(*) FROM podium.{table};

-- name: empty
DELETE FROM podium.{table};

-- name: take_rows
COPY podium.{table} ({columns}) FROM STDIN;

-- name: count_keys_on
-- New runs get keys after those that came.
SELECT setval(pg_get_serial_sequence('podium.runs', 'key'), coalesce((SELECT max(key) FROM podium.runs), 0) + 1, false);

-- name: page_of
SELECT {columns} FROM podium.{table} {place} ORDER BY {key} LIMIT {limit};

-- name: all_named_values
SELECT DISTINCT name FROM podium.value_names;
