"""`podium.alert`: what a workflow tells people of, and where.

`@workflow(alerts=[alert.failed("ops"), alert.late("15m", "ops")])`. A channel is a URL, or a name, whose URL
the configuration says: `PODIUM_CHANNEL_OPS`, or `[tool.podium.channels]` in pyproject.toml.

Example:

>>> podium.alert.failed("ops").to
('ops',)
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any, Literal

import msgspec

from .checks import Span, seconds_of
from .errors import DeclarationError

Kind = Literal["failed", "late", "waiting"]

_WITH_HOST = ("http", "https", "slack+http", "slack+https", "smtp", "smtps")


class Alert(msgspec.Struct, frozen=True):
    """What is told, and to which channels; `by`: seconds, of `late` alone.

    Example:

    >>> podium.alert.late("15m", "ops").by
    900.0
    """

    kind: Kind
    to: tuple[str, ...]
    by: float = 0.0

    @property
    def references(self) -> tuple[str, ...]:
        """Its channels as a record has them: names, and of URLs what gives nothing away."""
        return tuple(map(reference, self.to))


def failed(*to: str) -> Alert:
    """Tell when a run has failed, or is parked: then it needs a person's decision. A pause is not told.

    Raises DeclarationError without a channel, or for one that is no text.

    Example:

    >>> podium.alert.failed("ops", "https://example.com/hook").kind
    'failed'
    """
    return Alert("failed", _checked("failed", to))


def late(by: Span, *to: str) -> Alert:
    """Tell when the run of an instant of the workflow's schedule has not ended so long after the instant: not
    started, skipped, missed, or still under way.

    Raises DeclarationError without a channel, UsageError for what is no length of time.

    Example:

    >>> podium.alert.late("15m", "ops").to
    ('ops',)
    """
    return Alert("late", _checked("late", to), seconds_of("alert.late", "by", by, zero=False))


def waiting(*to: str) -> Alert:
    """Tell when a run asks a person something, by `podium.ask`.

    Raises DeclarationError without a channel, or for one that is no text.

    Example:

    >>> podium.alert.waiting("mailto").kind
    'waiting'
    """
    return Alert("waiting", _checked("waiting", to))


def reference(channel: str) -> str:
    """A channel as a record has it: a name as it is; of a URL, which may be a secret, host and digest."""
    if "://" not in channel:
        return channel
    digest = blake2b(channel.encode(), digest_size=6).hexdigest()
    return f"{place_of(channel)}#{digest}"


def place_of(url: str) -> str:
    """Of a URL the scheme, and the host where that is one: paths, passwords and queries of channels are
    secrets, and in Apprise's kinds the token may stand where a host would (`tgram://TOKEN/CHAT`)."""
    scheme, _, rest = url.partition("://")
    if scheme.lower() not in _WITH_HOST:
        return f"{scheme}://…"
    host = rest.partition("/")[0].partition("?")[0].rpartition("@")[2]
    return f"{scheme}://{host}/…"


def _checked(verb: str, to: tuple[Any, ...]) -> tuple[str, ...]:
    if not to:
        raise DeclarationError(f"alert.{verb}() names no channel", fix=f'alert.{verb}("ops")')
    for each in to:
        if not isinstance(each, str) or not each.strip() or any(char.isspace() for char in each):
            raise DeclarationError(
                f"alert.{verb}({each!r}): a channel is a name or a URL", fix=f'alert.{verb}("ops")'
            )
    return to
