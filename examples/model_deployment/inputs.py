"""The service that has the input processed: `python -m examples.model_deployment.inputs`."""

from __future__ import annotations

from typing import Any

from . import models
from .server import Answer, arguments, serve


def inputs(path: str, _: Any) -> Answer:
    """`/count`: of batches; `/batches/3`: one."""
    if path == "/count":
        return 200, models.batches()
    try:
        return 200, vars(models.batch(int(path.removeprefix("/batches/"))))
    except (IndexError, ValueError) as error:
        return 404, str(error)


if __name__ == "__main__":
    serve(inputs, arguments(__doc__))
