-- Which code each engine has, so that a run is left to an engine with the code it was recorded under.

CREATE TABLE offers (
    engine      TEXT NOT NULL,
    function    TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    PRIMARY KEY (function, fingerprint, engine)
) STRICT, WITHOUT ROWID;

CREATE INDEX offers_of_engine ON offers (engine);

-- What an engine offers goes with it.
CREATE TRIGGER engines_offers AFTER DELETE ON engines
BEGIN
    DELETE FROM offers WHERE engine = OLD.id;
END;

-- By code, too: a claim steps from one fingerprint of a function to the next, and reads nothing of the runs
-- that it leaves to others, however many there are.
DROP INDEX runs_claimable;
CREATE INDEX runs_claimable ON runs (function, fingerprint, due)
    WHERE owner IS NULL AND due IS NOT NULL AND state IN ('queued', 'waiting');
