"""Tasks behind HTTP: an engine calls them with a signed request, a function endpoint makes them.

Where the engine is: `App(executors={"http": endpoint(URL, key=KEY)})`, and `@task(executor="http")`. Where
the function is: `app = functions(task, key=KEY)`, served by any ASGI server. See docs/http.md.
"""

from ..executors.endpoint import endpoint
from .functions import Functions, functions

__all__ = ["Functions", "endpoint", "functions"]
