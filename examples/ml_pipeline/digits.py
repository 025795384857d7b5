"""Reading digits and fitting support vector machines to them. Knows scikit-learn, and nothing of Podium."""

from __future__ import annotations

import csv
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from sklearn.datasets import load_digits
from sklearn.model_selection import StratifiedKFold
from sklearn.svm import SVC

FOLDS = 5
GRID = [(c, gamma) for c in (0.1, 1.0, 10.0, 100.0) for gamma in (1e-4, 5e-4, 1e-3, 5e-3)]

Array = npt.NDArray[np.float64]
Labels = npt.NDArray[np.int64]


@dataclass
class Digits:
    """Images as rows of 64 grey values, and which digit each is."""

    images: Array
    labels: Labels


@dataclass
class Fit:
    """One fit of a sweep: what is fitted, and which fold is held back for its score."""

    digits: Digits
    c: float
    gamma: float
    fold: int


def preprocess(file: str | None) -> tuple[Digits, Digits]:
    """The first half, to learn from, and the second, to test with. `file`: CSV, the label last; else the
    digits that come with scikit-learn."""
    if file is None:
        found = load_digits()
        images, labels = found.data, found.target
    else:
        with open(file, newline="") as lines:
            rows = np.array([[float(cell) for cell in row] for row in csv.reader(lines)])
        images, labels = rows[:, :-1], rows[:, -1].astype(np.int64)
    half = len(images) // 2
    return Digits(images[:half], labels[:half]), Digits(images[half:], labels[half:])


def score(fit: Fit) -> int:
    """How many of the fold are told right by what was fitted to the others."""
    images, labels = fit.digits.images, fit.digits.labels
    others, held = list(StratifiedKFold(FOLDS).split(images, labels))[fit.fold]
    model = SVC(C=fit.c, gamma=fit.gamma).fit(images[others], labels[others])
    return int((model.predict(images[held]) == labels[held]).sum())


def refit(digits: Digits, c: float, gamma: float) -> SVC:
    """A model of all of them."""
    return SVC(C=c, gamma=gamma).fit(digits.images, digits.labels)


def evaluate(model: SVC, digits: Digits) -> tuple[int, int]:
    """How many are told right, of how many."""
    return int((model.predict(digits.images) == digits.labels).sum()), len(digits.labels)
