"""A store is found, opened and told alive: what every process does with one, whether it looks or drives."""

from .busy_wait import CALL_PATIENCE, NEW_STORE, PATIENCE, WAITING, patiently
from .hostlock import HostLocks, host_name, is_alive
from .in_tests import in_test, store_of_tests
from .location import (
    PLACE,
    default_url,
    is_found_by_folder,
    is_in_memory,
    is_nothing_at,
    is_on_server,
    locks_directory,
    settled_url,
    store_file,
    store_flag,
)
from .opened import opened_store

__all__ = [
    "CALL_PATIENCE",
    "NEW_STORE",
    "PATIENCE",
    "PLACE",
    "WAITING",
    "HostLocks",
    "default_url",
    "host_name",
    "in_test",
    "is_alive",
    "is_found_by_folder",
    "is_in_memory",
    "is_on_server",
    "locks_directory",
    "opened_store",
    "patiently",
    "settled_url",
    "is_nothing_at",
    "store_file",
    "store_flag",
    "store_of_tests",
]
