"""Connections of HTTP that pass over interim answers, which come before the one that counts.

A server, or a proxy before it, may send "102 Processing" or "103 Early Hints" first (RFC 9110, 15.2): who
does not know them has to skip them. The standard library skips "100 Continue" alone and takes the others for
the answer, so a result that was on its way would be lost. "101 Switching Protocols" is not skipped: nobody
here asks for that.
"""

from __future__ import annotations

import http.client
import urllib.request


class _Answer(http.client.HTTPResponse):
    def begin(self) -> None:
        """Read the head of the first answer that is not an interim one."""
        super().begin()
        while 102 <= self.status < 200:
            for name in ("headers", "msg"):  # by which the library knows that it has read the head
                setattr(self, name, None)
            super().begin()


class Connection(http.client.HTTPConnection):
    """One to http."""

    response_class = _Answer


class SecureConnection(http.client.HTTPSConnection):
    """One to https."""

    response_class = _Answer


class Opens(urllib.request.HTTPHandler):
    """For urllib, which keeps handlers of http and of https apart."""

    def http_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(Connection, req)


class OpensSecure(urllib.request.HTTPSHandler):
    """Likewise, for https, by the standard library's own checks of who is at the other end."""

    def https_open(self, req: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(SecureConnection, req)
