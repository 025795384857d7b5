"""Which types are stored how: the one place where the tables of writers and readers are put together."""

from __future__ import annotations

from . import builtin, classes, failures, omitted, recording, references, secrets
from .refusals import KEPT_BY_REFERENCE
from .untag import READERS
from .walk import CLASS_WRITERS, WRITERS

for module in (builtin, omitted, references, secrets):
    WRITERS.update(module.WRITERS)
for module in (builtin, classes, failures, omitted, references, secrets):
    READERS.update(module.READERS)
CLASS_WRITERS.extend((recording.class_writer, references.class_writer, classes.class_writer))
KEPT_BY_REFERENCE.append(references.is_kept)
