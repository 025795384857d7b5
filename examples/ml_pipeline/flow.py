"""The pipeline: which step comes when. The only part that knows Podium.

The body holds stand-ins of arrays and models, which lie in files beside the store; tasks get the values. What
has been computed before for the same data, parameters and code is taken from the record of whatever run.
"""

from __future__ import annotations

from dataclasses import dataclass

from sklearn.svm import SVC

import podium
from podium import task, workflow

from . import digits
from .digits import FOLDS, GRID, Digits, Fit

AT_ONCE = 4  # fits only compute: more threads than cores would only take turns

podium.trusted(SVC)  # it has no file format but pickle

preprocess = task(cache=True)(digits.preprocess)
evaluate = task(cache=True)(digits.evaluate)


def tell(line: str) -> None:
    """Print it in one piece: two tasks print at once."""
    print(f"{line}\n", end="", flush=True)


@task(cache=True)
def score(fit: Fit) -> int:
    """One of the 80."""
    right = digits.score(fit)
    tell(f"fit C={fit.c:g} gamma={fit.gamma:g} without fold {fit.fold}")
    return right


@task(cache=True)
def refit(data: Digits, c: float, gamma: float) -> SVC:
    """With the parameters that were best, and with those that are usual."""
    tell(f"fit C={c:g} gamma={gamma:g}")
    return digits.refit(data, c, gamma)


@dataclass(frozen=True)
class Report:
    """What the sweep came to."""

    baseline: tuple[int, int]  # right, of how many: with the usual parameters
    c: float
    gamma: float
    right: int  # in the sweep, of `learnt`
    learnt: int
    test: tuple[int, int]

    def __str__(self) -> str:
        return (
            f"baseline {self.baseline[0]}/{self.baseline[1]}\n"
            f"best C={self.c:g} gamma={self.gamma:g}: {self.right}/{self.learnt} in the sweep, "
            f"{self.test[0]}/{self.test[1]} in the test"
        )


@task
def count(data: Digits) -> int:
    """A body cannot look: an array of its is a stand-in."""
    return len(data.labels)


@workflow
async def sweep(file: str | None = None) -> Report:
    """Preprocess, fit 16 pairs of parameters on 5 folds each, refit the best, evaluate."""
    learn, test = preprocess(file)
    fits = [Fit(learn, c, gamma, fold) for c, gamma in GRID for fold in range(FOLDS)]
    right = await score.map(fits, limit=AT_ONCE)
    sums = [sum(right[n : n + FOLDS]) for n in range(0, len(right), FOLDS)]
    most = max(sums)
    c, gamma = GRID[sums.index(most)]
    baseline = evaluate(refit(learn, 1.0, 1e-3), test)
    return Report(baseline, c, gamma, most, count(learn), evaluate(refit(learn, c, gamma), test))
