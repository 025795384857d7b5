"""The service that predicts, in the V2 inference protocol of MLServer, Triton and KServe:
`python -m examples.model_deployment.model`."""

from __future__ import annotations

from typing import Any

from . import models
from .server import Answer, arguments, serve


def model(path: str, posted: Any) -> Answer:
    """`/v2/models/NAME/infer`."""
    name = path.split("/")[3] if path.count("/") == 4 else ""
    if name not in models.PARAMETERS:
        return 404, f"there is no model {name!r}"
    given = posted["inputs"][0]
    rows, columns = given["shape"]
    flat = given["data"]
    images = [flat[row * columns : (row + 1) * columns] for row in range(rows)]
    told = models.tell(name, images)
    output = {"name": "predict", "shape": [rows, 1], "datatype": "INT64", "data": told}
    return 200, {"model_name": name, "outputs": [output]}


if __name__ == "__main__":
    serve(model, arguments(__doc__))
