"""Python processes that begin with Podium imported: real, less what imports take.

The suite starts some thousands of them. `Popen` and `run` here are those of `subprocess` for a command
`[sys.executable, ...]`: a server, which has imported the package and has never run any of it, forks the
process. What a process costs or loads at its start, its hash seed and its limits are tested through
`subprocess` itself.
"""

from __future__ import annotations

import functools
import gc
import importlib
import io
import os
import pickle
import pkgutil
import runpy
import selectors
import socket
import subprocess
import sys
import threading
import time
import types
from importlib.machinery import SourceFileLoader
from typing import Any

REPEATED = {"PYTHONPATH", "PYTHONDONTWRITEBYTECODE", "PYTHONUNBUFFERED"}  # what `become` does as Python would
MESSAGE_BYTES = 1 << 17


class Popen(subprocess.Popen[Any]):
    """A forked process, with the interface of any other; what cannot be forked is started as usual."""

    _link: socket.socket | None = None

    def _execute_child(
        self, args: Any, executable: Any, preexec_fn: Any, close_fds: bool, pass_fds: Any, cwd: Any, env: Any,
        startupinfo: Any, creationflags: int, shell: bool, *rest: Any,
    ) -> None:  # fmt: skip
        """What `subprocess.Popen` calls when its pipes are there; the same in Python 3.11 to 3.13."""
        environment = dict(os.environ if env is None else env)
        if preexec_fn or pass_fds or not can_fork(args, environment):
            usual = (executable, preexec_fn, close_fds, pass_fds, cwd, env, startupinfo, creationflags, shell)
            super()._execute_child(args, *usual, *rest)
            return
        pipes, session = rest[:6], rest[11]  # as `subprocess` counts them
        asked = ([os.fspath(word) for word in args], os.fspath(cwd or os.getcwd()), environment, session)
        self._link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            given = [usual if end == -1 else end for usual, end in enumerate((pipes[0], pipes[3], pipes[5]))]
            socket.send_fds(server(locale_of(environment)).link, [b"+"], [theirs.fileno(), *given])
        self._link.sendall(pickle.dumps(asked))
        self.pid = self._told(0)
        self._child_created = True
        self._close_pipe_fds(*pipes)

    def _told(self, flags: int) -> int:
        """The next number that the server says of this process; raises BlockingIOError when there is none."""
        assert self._link is not None
        said = self._link.recv(64, socket.MSG_DONTWAIT if flags & os.WNOHANG else 0)
        if not said:
            raise RuntimeError("the server of forked processes has ended")
        return int(said)

    def _try_wait(self, wait_flags: int) -> tuple[int, int]:
        """As os.waitpid, which is for the server alone."""
        if self._link is None:
            return super()._try_wait(wait_flags)
        try:
            status = self._told(wait_flags)
        except BlockingIOError:
            return 0, 0
        self._link.close()
        return self.pid, status

    def _internal_poll(self, *args: Any, **options: Any) -> int | None:
        if self._link is None:
            return super()._internal_poll(*args, **options)
        if self.returncode is None and self._waitpid_lock.acquire(blocking=False):
            try:
                pid, status = (0, 0) if self.returncode is not None else self._try_wait(os.WNOHANG)
                if pid:
                    self._handle_exitstatus(status)
            finally:
                self._waitpid_lock.release()
        return self.returncode


def run(
    args: list[str], *, input: Any = None, timeout: float | None = None, check: bool = False,
    capture_output: bool = False, **options: Any,
) -> subprocess.CompletedProcess[Any]:  # fmt: skip
    """As `subprocess.run`."""
    if capture_output:
        options |= {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    if input is not None:
        options["stdin"] = subprocess.PIPE
    with Popen(args, **options) as process:
        try:
            out, err = process.communicate(input, timeout=timeout)
        except BaseException:
            process.kill()
            raise
    ran = subprocess.CompletedProcess(process.args, process.returncode, out, err)
    if check:
        ran.check_returncode()
    return ran


def can_fork(args: Any, environment: dict[str, str]) -> bool:
    """True for a module, a file or `-c` under this interpreter, with no setting that only a start reads."""
    if isinstance(args, str) or len(args) < 2 or args[0] != sys.executable or not hasattr(os, "pidfd_open"):
        return False
    if args[1].startswith("-") and args[1] not in ("-m", "-c"):
        return False
    return os.geteuid() == os.getuid() and not any(
        name.startswith("PYTHON") and name not in REPEATED for name in environment
    )


def locale_of(environment: dict[str, str]) -> tuple[tuple[str, str], ...]:
    """What decides encodings at the start of Python."""
    return tuple(sorted(item for item in environment.items() if item[0].startswith(("LANG", "LC_"))))


class Server:
    """The process that forks; it ends when its link is closed."""

    def __init__(self, locale: tuple[tuple[str, str], ...]) -> None:
        self.link, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: os.environ[name] for name in ("HOME", "PATH", "TMPDIR") if name in os.environ}
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, __file__, str(theirs.fileno())],
                env=environment | dict(locale), pass_fds=[theirs.fileno()], cwd="/",
            )  # fmt: skip

    def close(self) -> None:
        self.link.close()
        self._process.wait()


servers: list[Server] = []


@functools.cache
def server(locale: tuple[tuple[str, str], ...]) -> Server:
    """The server for these settings of the locale, started at the first use."""
    servers.append(Server(locale))
    return servers[-1]


def close_servers() -> None:
    """At the end of the session."""
    server.cache_clear()
    while servers:
        servers.pop().close()


# -- in the server ------------------------------------------------------------------------------------

PRELOADED = (
    "podium.cli",
    "podium.client",
    "podium.engine",
    "podium.inspect",
    "podium.store.sqlite",
)


def preload() -> None:
    """Import what a `podium` command or a script with workflows imports."""
    for package in map(importlib.import_module, PRELOADED):
        for module in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            importlib.import_module(module.name)
    assert threading.active_count() == 1, "a process with threads cannot be forked"


def serve(link: socket.socket) -> tuple[Any, list[int]] | None:
    """Fork a process for each message; in it, return what it is to become. None: the link was closed."""
    with selectors.DefaultSelector() as selector:
        selector.register(link, selectors.EVENT_READ)
        children: dict[int, tuple[int, socket.socket]] = {}  # by descriptor: the pid, and who waits for it
        while True:
            for key, _ in selector.select():
                if key.fd != link.fileno():
                    pid, starter = children.pop(key.fd)
                    selector.unregister(key.fd)
                    os.close(key.fd)
                    tell(starter, os.waitpid(pid, 0)[1])
                    starter.close()
                    continue
                message, descriptors, _, _ = socket.recv_fds(link, 1, 4)
                if not message:
                    return None
                starter = socket.socket(fileno=descriptors[0])
                asked = pickle.loads(starter.recv(MESSAGE_BYTES))
                if (pid := os.fork()) == 0:
                    for descriptor, (_, other) in children.items():
                        os.close(descriptor)
                        other.close()
                    starter.close()
                    link.close()
                    return asked, descriptors[1:]
                tell(starter, pid)
                for descriptor in descriptors[1:]:
                    os.close(descriptor)
                children[watch := os.pidfd_open(pid)] = pid, starter
                selector.register(watch, selectors.EVENT_READ)


def tell(starter: socket.socket, number: int) -> None:
    """To one that may have gone without waiting."""
    try:
        starter.sendall(b"%d" % number)
    except OSError:
        pass


def become(words: list[str], folder: str, environment: dict[str, str], session: bool) -> None:
    """Be the process of that command, up to its end."""
    if session:
        os.setsid()
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    importlib.invalidate_caches()
    sys.dont_write_bytecode = bool(environment.get("PYTHONDONTWRITEBYTECODE"))
    open_streams(unbuffered=bool(environment.get("PYTHONUNBUFFERED")))
    sys.orig_argv[:] = words
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    main.__dict__["__builtins__"] = __builtins__
    path = [entry for entry in environment.get("PYTHONPATH", "").split(os.pathsep) if entry]
    kind, what = words[1], words[2] if len(words) > 2 else ""
    if kind == "-m":
        sys.argv[:], sys.path[:0] = ["-m", *words[3:]], [folder, *path]
        runpy._run_module_as_main(what)  # what `python -m` calls
    elif kind == "-c":
        sys.argv[:], sys.path[:0] = ["-c", *words[3:]], ["", *path]
        exec(compile(what, "<string>", "exec"), main.__dict__)
    else:
        sys.argv[:], sys.path[:0] = words[1:], [os.path.dirname(os.path.realpath(kind)), *path]
        file = os.path.abspath(kind)
        main.__file__, main.__loader__ = file, SourceFileLoader("__main__", file)
        with io.open_code(file) as source:
            code = compile(source.read(), file, "exec")
        exec(code, main.__dict__)


def open_streams(unbuffered: bool) -> None:
    """The standard streams anew: the server's were opened on other files."""
    for name, descriptor in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        usual = getattr(sys, f"__{name}__")
        raw = io.FileIO(descriptor, "w" if descriptor else "r", closefd=False)
        if descriptor == 0:
            buffer: Any = io.BufferedReader(raw)
        else:
            buffer = raw if unbuffered else io.BufferedWriter(raw)
        stream = io.TextIOWrapper(
            buffer, usual.encoding, usual.errors, newline="\n" if descriptor else None,
            line_buffering=name == "stderr" or raw.isatty(), write_through=unbuffered and bool(descriptor),
        )  # fmt: skip
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)


def begin() -> None:
    """The server, and in the children that it forks the command."""
    del sys.path[0]  # the folder of this file
    preload()
    gc.freeze()  # pages that the collector does not touch stay shared
    if (asked := serve(socket.socket(fileno=int(sys.argv[1])))) is not None:
        command, streams = asked
        for usual, descriptor in enumerate(streams):
            os.dup2(descriptor, usual)
        for descriptor in streams:
            os.close(descriptor)
        become(*command)


if __name__ == "__main__":
    begin()
