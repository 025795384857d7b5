"""Workers on one PostgreSQL that die or stand still: the tests of those on one file, unchanged."""

from __future__ import annotations

from tests.processes.test_deaths import (
    test_a_frozen_worker_loses_its_runs_and_does_no_harm_when_it_wakes,
    test_runs_of_a_killed_worker_go_on_elsewhere_at_once,
)
from tests.processes.test_queues import test_five_at_once_over_four_workers_of_which_three_are_killed

__all__ = [
    "test_a_frozen_worker_loses_its_runs_and_does_no_harm_when_it_wakes",
    "test_five_at_once_over_four_workers_of_which_three_are_killed",
    "test_runs_of_a_killed_worker_go_on_elsewhere_at_once",
]
