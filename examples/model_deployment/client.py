"""What is asked of the three services. Knows HTTP, and the V2 inference protocol.

Their addresses are of the process and not of a call: INPUTS_URL, MODEL_URL and LOG_URL in its environment.
"""

from __future__ import annotations

import json
import os
import urllib.error
import urllib.request
from dataclasses import asdict
from typing import Any

from .digits import Batch, Row

TIMEOUT = 20.0  # s


class Unavailable(Exception):
    """The service did not answer, or not now: worth another try."""


class Refused(Exception):
    """The service says that it cannot answer this."""


def batches() -> int:
    """How many batches there are. Raises Unavailable."""
    found: int = ask("INPUTS_URL", "/count")
    return found


def batch(number: int) -> Batch:
    """One batch. Raises Unavailable, Refused."""
    return Batch(**ask("INPUTS_URL", f"/batches/{number}"))


def tell(model: str, images: list[list[float]]) -> list[int]:
    """What a model takes each image for. Raises Unavailable, Refused."""
    flat = [value for image in images for value in image]
    tensor = {"name": "images", "shape": [len(images), len(images[0])], "datatype": "FP64", "data": flat}
    said = ask("MODEL_URL", f"/v2/models/{model}/infer", {"inputs": [tensor]})
    return [int(digit) for digit in said["outputs"][0]["data"]]


def write(rows: list[Row]) -> int:
    """Have rows logged; how many the log has then. Raises Unavailable."""
    found: int = ask("LOG_URL", "/rows", [asdict(row) for row in rows])
    return found


def logged() -> int:
    """How many rows the log has. Raises Unavailable."""
    found: int = ask("LOG_URL", "/count")
    return found


def ask(service: str, path: str, posted: Any = None) -> Any:
    """One request, with JSON both ways. Raises Unavailable, Refused."""
    data = None if posted is None else json.dumps(posted).encode()
    headers = {"Content-Type": "application/json"}
    try:
        request = urllib.request.Request(os.environ[service] + path, data, headers)
        with urllib.request.urlopen(request, timeout=TIMEOUT) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        error.close()  # it holds the connection, for as long as anybody has the error
        if error.code < 500 and error.code != 429:
            raise Refused(f"{error.code} {error.reason}") from error
        raise Unavailable(f"{error.code} {error.reason}") from error
    except OSError as error:
        raise Unavailable(str(error)) from error
