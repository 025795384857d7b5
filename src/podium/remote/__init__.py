"""`podium.Client`: the words of the API of Podium, spoken to a server over HTTP."""

from .client import Client, RemoteFound, RemoteRun

__all__ = ["Client", "RemoteFound", "RemoteRun"]
