"""`podium.Client`: the words of the API of Podium, spoken to a server over HTTP."""

from .client import Client, RemoteFound, RemoteRun
from .queues import RemoteQueue

__all__ = ["Client", "RemoteFound", "RemoteQueue", "RemoteRun"]
