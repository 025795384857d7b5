"""The HTTP API and the files of the dashboard: a client of a store, as the command line is one.

`Listener` serves it from a thread of its own. What a request may do is decided in one place (`site.py`), by
the table of routes (`api.py`), before any of its body is read.
"""

from .access import Access
from .listener import Binding, Listener
from .service import Service

__all__ = ["Access", "Binding", "Listener", "Service"]
