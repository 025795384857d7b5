"""What holds for every test: no real store is touched, and nothing depends on where pytest was started."""

from __future__ import annotations

from tests import bytecode  # before what it is to keep is imported

# isort: split

import compileall
import gc
import os
import signal
import tempfile
from collections.abc import Iterator
from pathlib import Path

import hypothesis
import pytest

from podium.client import current_app
from tests.forkserver import close_servers

# Deadlines measure the machine, not the code, and this one is shared. In CI the same examples every time:
# a red build then means that the change broke something; wider searches belong to `make prove`.
hypothesis.settings.register_profile("default", deadline=None)
hypothesis.settings.register_profile("ci", deadline=None, derandomize=True, print_blob=True)
hypothesis.settings.load_profile("ci" if os.environ.get("CI") else "default")


# Folders and files of tests that start processes, kill them or wait for leases: none of these is quick.
SLOW = (
    "chaos", "examples", "faults", "http", "isolation", "names", "patterns", "processes",
    "cli/test_busy.py", "cli/test_doctor.py", "cli/test_failed_calls.py", "cli/test_groups.py",
    "cli/test_later.py", "cli/test_logs.py", "cli/test_looking.py", "cli/test_many.py",
    "cli/test_odd_input.py", "cli/test_prune.py", "cli/test_reading_streams.py", "cli/test_run.py",
    "cli/test_standing.py", "cli/test_stopping.py", "cli/test_streams.py", "cli/test_ten_cases.py",
    "cli/test_terminal.py", "cli/test_up.py", "cli/test_why.py", "embedded/test_cancel_matrix.py",
    "embedded/test_code_state.py", "embedded/test_cpython_executor.py", "embedded/test_deleted_runs.py",
    "embedded/test_lifetime.py", "embedded/test_on_record.py", "embedded/test_resuming.py",
    "server/test_fuzz.py", "store/test_sqlite_faults.py", "testing/test_crash_everywhere.py",
    "tidy/test_docs.py",
)  # fmt: skip


def pytest_configure(config: pytest.Config) -> None:
    """The processes that workers start at once would each compile what all of them import."""
    if not hasattr(config, "workerinput"):
        for place in ("src", "tests", "examples"):
            compileall.compile_dir(Path(__file__).parents[1] / place, quiet=2)


def pytest_xdist_auto_num_workers() -> int:
    """Half as many again as there are cores: most of the slow tests wait for the processes they start."""
    return (os.cpu_count() or 1) * 3 // 2


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """`make quick` leaves out what is marked slow, by itself or by where it stands."""
    slow = {Path(__file__).parent / place for place in SLOW}
    are_slow = {path: not slow.isdisjoint([path, *path.parents]) for path in {item.path for item in items}}
    for item in items:
        if are_slow[item.path]:
            item.add_marker(pytest.mark.slow)


def pytest_collection_finish() -> None:
    """Collected tests are millions of objects, which each `gc.collect()` of a test would walk."""
    bytecode.as_usual()
    gc.freeze()


@pytest.fixture(scope="module", autouse=True)
def _freeze_what_stays() -> Iterator[None]:
    """Parsed sources, reports and caches of the tests before: the same."""
    yield
    gc.collect()
    gc.freeze()


# A shell starts what it puts in the background with Ctrl-C ignored, and children inherit that: then no test
# of Ctrl-C could pass. A handler, unlike an ignored signal, is reset to the default in a child.
signal.signal(signal.SIGINT, signal.default_int_handler)


@pytest.fixture(scope="session", autouse=True)
def _no_real_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The default app of the whole session, subprocesses included, lives in a temporary directory."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("PODIUM_")]:
            patch.delenv(name)
        patch.delenv("PYTEST_ADDOPTS", raising=False)  # meant for this session, not for a pytest of a test
        home = tmp_path_factory.mktemp("project")
        (home / ".podium").mkdir()  # found first on the way up, so never a checkout above the tmp dir
        patch.chdir(home)
        yield
        current_app().close()  # while its store is still there
    close_servers()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project directory of this test's own, as the working directory and home of its store."""
    (tmp_path / ".podium").mkdir()
    monkeypatch.chdir(tmp_path)
    return tmp_path


NOBODY = 65534  # the user that owns nothing


@pytest.fixture
def unprivileged() -> Iterator[Path]:
    """A folder of one's own, without root's right to write everywhere."""
    root = os.geteuid() == 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if root:
            os.chown(folder, NOBODY, NOBODY)
            os.seteuid(NOBODY)
        try:
            yield folder
        finally:
            if root:
                os.seteuid(0)
            folder.chmod(0o700)
