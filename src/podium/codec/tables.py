"""Which types are stored how: the one place where the tables of writers and readers are put together."""

from __future__ import annotations

from . import builtin, classes, failures
from .untag import READERS
from .walk import CLASS_WRITERS, WRITERS

WRITERS.update(builtin.WRITERS)
CLASS_WRITERS.extend((failures.class_writer, classes.class_writer))
READERS.update(builtin.READERS | classes.READERS | failures.READERS)
