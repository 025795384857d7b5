"""What is sent about, and the small model that is asked when the service is down. Standard library alone."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

# Of the images that the models have learnt from, the mean of each digit's, in whole grey values.
MEANS: list[list[int]] = json.loads(Path(__file__).with_name("means.json").read_text())


@dataclass
class Batch:
    """Images as rows of 64 grey values, and which digit each is. `first`: the number of the first image."""

    first: int
    images: list[list[float]]
    labels: list[int]


@dataclass
class Row:
    """Of the log: what an image was taken for, by which model, and by the shadow model."""

    image: int
    told: int
    by: str
    shadow: int | None


def rows(first: int, told: list[int], by: str, shadow: list[int] | None) -> list[Row]:
    """What is to be logged of a batch."""
    others: list[int | None] = [None] * len(told) if shadow is None else [*shadow]
    return [Row(first + n, told[n], by, others[n]) for n in range(len(told))]


def nearest(image: list[float]) -> int:
    """The digit whose mean is nearest."""
    return min(range(10), key=lambda n: sum((a - b) ** 2 for a, b in zip(image, MEANS[n], strict=True)))
