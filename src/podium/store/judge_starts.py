"""What becomes of the runs that a round starts, see `judge`."""

from __future__ import annotations

from ..model import FINAL, NewRun, Outcome, Verdict
from .sets import Changes, Rows, begun

REFUSED = Verdict(Outcome.REFUSED)


def invalid(detail: str) -> Verdict:
    """The store holds no such thing."""
    return Verdict(Outcome.INVALID, detail=detail)


class Starts:
    """Of one round. `is_dead`: the engine that writes has no row."""

    def __init__(self, engine: str | None, rows: Rows, changes: Changes, is_dead: bool) -> None:
        self._engine, self._is_dead = engine, is_dead
        self._rows, self._runs = rows, rows.runs
        self._changes = changes
        self._taken: dict[str, str] = {}

    def check(self, new_runs: tuple[NewRun, ...], is_fenced: bool) -> Verdict | None:
        """Why none of them is started; it changes nothing. `is_fenced`: by a Write with a fence."""
        known: list[Outcome] = []
        self._taken.clear()
        seen: set[str] = set()
        for new in new_runs:
            if new.owned and self._engine is None:
                return invalid("only an engine can own the run it creates")
            if new.owned and self._is_dead:
                return REFUSED
            if new.owned and new.queue:
                return invalid("a run of a queue has an owner by a claim alone")
            if new.copy_from is not None:
                source, last = new.copy_from
                found = self._runs.get(source)
                if found is None or found.entries < last:
                    return invalid(f"run {source} has no entry {last} to copy")
            first = new.copy_from[1] if new.copy_from else 0
            if new.entries and any(entry.seq != seq for seq, entry in enumerate(new.entries, first + 1)):
                return invalid(f"the entries of run {new.id} do not follow what it copies")
            if new.explicit_id:
                known.append(self._known(new))
            elif new.id in self._runs or new.id in seen:
                return invalid(f"the id {new.id} is taken, though nobody chose it")
            else:
                known.append(Outcome.DONE)
            seen.add(new.id)
        if is_fenced or Outcome.CONFLICT not in known:
            return None
        return Verdict(
            Outcome.CONFLICT,
            tuple(
                (outcome if outcome is Outcome.CONFLICT else Outcome.REFUSED, new.id)
                for outcome, new in zip(known, new_runs, strict=True)
            ),
            taken=self.take_taken(),
        )

    def _known(self, new: NewRun) -> Outcome:
        """Whether a run with this id is there: DONE (it is not), EXISTS or CONFLICT."""
        found = self._rows.calls.get(new.id)
        if found is None:
            return Outcome.DONE
        function, digest, project = found
        if function != new.function:
            self._taken[new.id] = f"of {function}, which is another function"
        elif project not in (new.project, ""):
            self._taken[new.id] = f"of {function}, too, but of another project: {project}"
        elif digest != new.digest:
            self._taken[new.id] = f"of {function}, too, but with other arguments"
        else:
            return Outcome.EXISTS
        return Outcome.CONFLICT

    def take_taken(self) -> tuple[tuple[str, str], ...]:
        """The ids that calls of this Write could not have, and what the runs are that have them."""
        taken, self._taken = tuple(self._taken.items()), {}
        return taken

    def start(self, new: NewRun) -> tuple[Outcome, str]:
        """Its outcome, and the id of the run that there is then."""
        if new.explicit_id:
            known = self._known(new)
            if known is not Outcome.DONE:
                return known, new.id
        elif new.attach and new.starter:
            found = self._attach(new)
            if found is not None:
                return Outcome.ATTACHED, found
        if new.unique_name:
            holder = self._rows.holders.get((new.project, new.unique_name))
            if holder is not None and self._runs[holder].state not in FINAL:
                return Outcome.EXISTS, holder
            self._rows.holders[new.project, new.unique_name] = new.id
        self._add(new)
        if new.act is not None:
            self._changes.acts.append(new.act)
        return Outcome.DONE, new.id

    def _attach(self, new: NewRun) -> str | None:
        """The oldest orphan of the same call, which has a starter again."""
        orphans = self._rows.orphans.get((new.function, new.digest, new.starter), [])
        while orphans:
            run = self._runs[orphans.pop(0)]
            if run.state not in FINAL:
                self._changes.attached.append((run, new.id))
                return run.id
        return None

    def _add(self, new: NewRun) -> None:
        run = begun(self._engine, new)
        self._runs[new.id] = run
        self._rows.calls[new.id] = (new.function, new.digest, new.project)
        self._changes.new_runs.append((new, run))
        if new.copy_from is not None:
            self._changes.copies.append((run, *new.copy_from))
        if new.entries:
            self._changes.entries.append((run, new.entries))
        self._changes.wakes |= not new.owned
