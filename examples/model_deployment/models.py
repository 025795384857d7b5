"""The images of digits that come with scikit-learn, and models that have learnt from the first half."""

from __future__ import annotations

from functools import cache
from typing import Any

from sklearn.datasets import load_digits
from sklearn.svm import SVC

from .digits import Batch

SIZE = 29  # images of a batch: the 899 of the second half are 31 batches
WHITE = 16.0  # the greatest grey value

PARAMETERS = {"digits": 1.0, "shadow": 10.0}  # by model, C: the usual one, and the one that may replace it


@cache
def halves() -> tuple[Any, Any, Any, Any]:
    """Images and labels to learn from, then those to be told."""
    found = load_digits()
    half = len(found.data) // 2
    return found.data[:half], found.target[:half], found.data[half:], found.target[half:]


def batches() -> int:
    """How many there are to be told."""
    return -(-len(halves()[3]) // SIZE)


def batch(number: int) -> Batch:
    """One of them, looked through. Raises ValueError for what is no image, IndexError for no batch."""
    if not 0 <= number < batches():
        raise IndexError(f"there is no batch {number}, they are 0 to {batches() - 1}")
    first = number * SIZE
    images = halves()[2][first : first + SIZE]
    if images.min() < 0 or images.max() > WHITE:
        raise ValueError(f"batch {number} has grey values beyond 0 to {WHITE:g}")
    return Batch(first, images.tolist(), halves()[3][first : first + SIZE].tolist())


@cache
def model(name: str) -> Any:
    """A model that has learnt. Raises KeyError for a name that none has."""
    images, labels, *_ = halves()
    return SVC(C=PARAMETERS[name], gamma=1e-3).fit(images, labels)


def tell(name: str, images: list[list[float]]) -> list[int]:
    """What the model takes each image for."""
    return [int(digit) for digit in model(name).predict(images)]
