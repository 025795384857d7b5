"""Which types are stored how: the one place where the tables of writers and readers are put together."""

from __future__ import annotations

from . import builtin, classes, failures, omitted, recording, references
from .refusals import KEPT_BY_REFERENCE
from .untag import READERS
from .walk import CLASS_WRITERS, WRITERS

WRITERS.update(builtin.WRITERS | omitted.WRITERS | references.WRITERS)
CLASS_WRITERS.extend((recording.class_writer, references.class_writer, classes.class_writer))
READERS.update(builtin.READERS | classes.READERS | failures.READERS | omitted.READERS | references.READERS)
KEPT_BY_REFERENCE.append(references.is_kept)
