"""The names of modules: one name for a file, however a process came to it.

A task or workflow is known by `module:qualname`, and the module's name is what an import statement would
say: the file's path below the *source root*. So `python shop/flows.py`, `python -m shop.flows`,
`podium worker shop.flows` and `podium run shop/flows.py:flow` agree from any working directory, and two
files of one project never share a name.

The source root is `[tool.podium] root` of the nearest pyproject.toml, else a folder `src` above the file
(one that is no package itself), else the project: the nearest folder upwards with a pyproject.toml, a .git
or a .podium. What lies in no project (installed packages, the standard library, a lone file) is called as
Python calls it, and a script without a project by its path from its outermost package or its own folder.
A session without a file has a name of its own, see `_name_without_file`.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import os
import stat
import sys
import sysconfig
from collections.abc import Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from . import late
from .env import RealEnv
from .errors import UsageError

if TYPE_CHECKING:
    import tomllib
else:
    tomllib = late.module(globals(), "tomllib")


MAIN = ("__main__", "__mp_main__")  # what Python calls the module that was launched
MARKS = ("pyproject.toml", ".git", ".podium")  # what makes a folder a project
NO_FILE = "__main__@"  # begins the name of a session that no file holds
NOTEBOOK = ".ipynb"
_INSTALLED = frozenset({"site-packages", "dist-packages"})
_imported_as: dict[
    str, str
] = {}  # our name of a module -> the one that it was imported by, where they differ


class Project(NamedTuple):
    """What a file belongs to."""

    folder: Path
    root: Path  # its source root, for files below it


class Home(NamedTuple):
    """Whose code a function is: what tells it from one of the same name elsewhere."""

    label: str  # the project's name, else its folder; of a file without a project the file. "": anybody's
    folder: str  # that all of it is in


NOBODYS = Home("", "")


# -- the name of a module ----------------------------------------------------------------------------


def module_name(module: str, space: Mapping[str, Any] | None = None) -> str:
    """What the store calls a module. `module` is what `__module__` says; `space` are its globals, if known.

    Example: `module_name("__main__")` in `python src/shop/flows.py` is "shop.flows".
    """
    if space is None or space.get("__name__") != module:
        space = cast(Mapping[str, Any], getattr(sys.modules.get(module), "__dict__", {}))
    file = file_of(space)
    if module in MAIN:
        spec = getattr(space.get("__spec__"), "name", None)
        return _main_name(_launched(os.path.abspath(file)), spec) if file else _name_without_file()
    name = _name_in_project(file) if file else None
    if name is None or name == module:
        return module
    _imported_as[name] = module
    return name


def file_of(space: Mapping[str, Any]) -> str:
    """The file of a module, by its globals; "" where it has none ("<stdin>" is none)."""
    file = space.get("__file__")
    return file if isinstance(file, str) and not file.startswith("<") else ""


def home_of(module: str, space: Mapping[str, Any] | None = None) -> Home:
    """Whose code a module is. What is installed, and what no file holds, is called by one name everywhere."""
    if space is None or space.get("__name__") != module:
        space = cast(Mapping[str, Any], getattr(sys.modules.get(module), "__dict__", {}))
    file = file_of(space)
    return _home_of_file(_launched(os.path.abspath(file)) if module in MAIN else file) if file else NOBODYS


@functools.cache
def _home_of_file(file: str) -> Home:
    path = Path(os.path.realpath(file))
    if is_installed(str(path)):
        return NOBODYS
    project = project_of(path)
    name = _project_told()
    if project is None:
        return Home(name or str(path), str(path.parent))
    return Home(name or _told(project.folder).name or str(project.folder), str(project.folder))


def home_of_folder(folder: Path) -> Home:
    """Whose code what lies in a folder is. Raises UsageError."""
    project = nearest_project(folder) or folder
    return Home(_project_told() or _told(project).name or str(project), str(project))


def _project_told() -> str:
    """What the environment calls the project, "" if nothing. Raises UsageError."""
    name = os.environ.get("PODIUM_PROJECT", "")
    if name and (len(name) > 128 or not name.isprintable() or len(name.split()) != 1):
        raise UsageError(
            f"PODIUM_PROJECT={name[:140]!r} is no project's name", fix="one word, 128 characters at most"
        )
    return name


def main_name() -> str:
    """The name of the module that was launched."""
    return module_name("__main__")


def imported_as(name: str) -> str:
    """The way back from `module_name`, for a module that was imported under another name."""
    return _imported_as.get(name, name)


def name_of_file(file: str | os.PathLike[str]) -> str:
    """The name of what a file declares, whether it is launched or imported."""
    path = os.path.abspath(file)
    return _notebook_name(path) if path.endswith(NOTEBOOK) else _main_name(path, None)


def had_name(name: str, former: str) -> bool:
    """Whether a module may have been called `former` before: by its file's name alone, as Podium 0.1 called
    scripts, or seen from another folder, when its project began elsewhere."""
    if name.startswith(NO_FILE) or former.startswith(NO_FILE):
        return False
    short, long = sorted((former, name), key=len)
    return long == short or long.endswith(f".{short}") or long == f"{short}.__main__"


@functools.cache
def _main_name(file: str, spec: str | None) -> str:
    if (name := _name_in_project(file)) is not None:
        return name
    if spec:
        return spec
    path = Path(os.path.realpath(file))
    root = path.parent
    while (root / "__init__.py").exists():  # by the package that it is of
        root = root.parent
    return _dotted(path, root)


@functools.cache
def _name_in_project(file: str) -> str | None:
    """By the path below the source root; None where there is no project, or the file is none of ours."""
    path = Path(os.path.realpath(file))
    if is_installed(str(path)) or inspect.getmodulename(path.name) is None:
        return None
    project = project_of(path)
    return _dotted(path, project.root) if project is not None else None


def _dotted(path: Path, root: Path) -> str:
    parts = [*path.relative_to(root).parts[:-1], inspect.getmodulename(path.name) or path.name]
    if parts[-1] == "__init__":
        parts.pop()
    return ".".join(parts) or root.name


# -- projects ----------------------------------------------------------------------------------------


def project_of(path: Path) -> Project | None:
    """The project that a file belongs to, and the root below which its path is its name.

    Raises UsageError where `[tool.podium] root` is no text, or the pyproject.toml no TOML.
    """
    folder = nearest_project(path.parent) or _project_to_be(path)
    if folder is None:
        return None
    told = _told(path.parent).root
    if told is not None and path.is_relative_to(told):
        return Project(folder, told)
    for above in reversed(path.parents):  # the outermost first
        is_inside = above != folder and above.is_relative_to(folder)
        if is_inside and above.name == "src" and not (above / "__init__.py").exists():
            return Project(folder, above)
    return Project(folder, folder)


def source_roots(folder: Path) -> list[Path]:
    """Where the modules of the project around a folder are looked for, besides that folder itself."""
    project = nearest_project(folder)
    if project is None:
        return []
    told = _told(project).root
    roots = [told] if told is not None else []
    if (project / "src").is_dir() and not (project / "src" / "__init__.py").exists():
        roots.append(project / "src")
    return [*roots, project]


def find_file(module: str, roots: Iterable[Path]) -> Path | None:
    """The file below one of these folders whose module has that name."""
    for root in roots:
        stem = root.joinpath(*module.split("."))
        for file in (stem.with_name(f"{stem.name}.py"), stem / "__init__.py"):
            if file.is_file() and name_of_file(file) == module:
                return file
    return None


def nearest_project(folder: Path) -> Path | None:
    """The nearest folder upwards that is marked as a project."""
    return next((d for d in (folder, *folder.parents) if any((d / mark).exists() for mark in MARKS)), None)


def _project_to_be(path: Path) -> Path | None:
    """The working directory, where the first run will put its .podium: the next one finds the same names."""
    if os.environ.get("PODIUM_URL"):
        return None
    with contextlib.suppress(OSError):  # it may be gone
        here = Path.cwd()
        if path.is_relative_to(here) and nearest_project(here) is None:
            return here
    return None


class _Told(NamedTuple):
    """What the nearest pyproject.toml says."""

    root: Path | None
    name: str


def _told(folder: Path) -> _Told:
    for above in (folder, *folder.parents):
        file = above / "pyproject.toml"
        if file.is_file():
            root, name = _read(str(file), file.stat().st_mtime_ns)
            return _Told(Path(os.path.realpath(above / root)) if root else None, name)
    return _Told(None, "")


@functools.lru_cache(maxsize=64)
def _read(file: str, _: int) -> tuple[str, str]:
    """`[tool.podium] root`, and `project` there or the project's own name."""
    try:
        told: Any = tomllib.loads(Path(file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(f"{file} cannot be read: {error}", fix="mend it") from error
    table = cast(dict[str, Any], told).get("tool", {}).get("podium", {})
    root, name = table.get("root", ""), table.get("project", told.get("project", {}).get("name", ""))
    if not isinstance(root, str) or not isinstance(name, str):
        raise UsageError(
            f"{file}: root and project of [tool.podium] are text: {root!r}, {name!r}", fix='root = "lib"'
        )
    return root, name


# -- what was launched -------------------------------------------------------------------------------


def is_installed(file: str) -> bool:
    """Whether a file is of the standard library, or of a package that somebody has installed."""
    return not _INSTALLED.isdisjoint(Path(os.path.realpath(file)).parts) or is_standard(file)


def is_standard(file: str) -> bool:
    """Whether a file is of the standard library."""
    path = os.path.realpath(file)
    return path.startswith(_standard_library()) and _INSTALLED.isdisjoint(Path(path).parts)


@functools.cache
def _standard_library() -> tuple[str, ...]:
    paths = sysconfig.get_paths()
    return tuple(os.path.realpath(paths[key]) + os.sep for key in ("stdlib", "platstdlib"))


def _launched(file: str) -> str:
    """The script that a tool (a profiler, a debugger, coverage) runs in its own place, else the file."""
    if not is_installed(file) or not sys.argv:
        return file
    script = os.path.abspath(sys.argv[0])
    return script if script.endswith(".py") and os.path.isfile(script) and not is_installed(script) else file


def main_file() -> str:
    """The file that was launched, absolute: a script, or a notebook where it can be known; else ""."""
    file = file_of(getattr(sys.modules.get("__main__"), "__dict__", {}))
    return _launched(os.path.abspath(file)) if file else notebook() or ""


def notebook() -> str | None:
    """The file of the notebook whose kernel this process is; None where it is none, or nobody tells."""
    if "ipykernel" not in sys.modules:
        return None
    told = getattr(sys.modules.get("__main__"), "__vsc_ipynb_file__", None)
    for place in (told, os.environ.get("JPY_SESSION_NAME")):
        if isinstance(place, str) and place.endswith(NOTEBOOK) and os.path.isfile(place):
            return os.path.abspath(place)
    return None


def _name_without_file() -> str:
    """A notebook's by its file; `PODIUM_NAME`, if told; that of `-c` and of a script on stdin by the source's
    digest. At a prompt one of this process alone: nobody else may take its functions for their own."""
    if (book := notebook()) is not None:
        return _notebook_name(book)
    if told := os.environ.get("PODIUM_NAME"):
        return told
    source = _source()
    return NO_FILE + (blake2b(source, digest_size=6).hexdigest() if source is not None else _process_name())


def _notebook_name(book: str) -> str:
    path = Path(os.path.realpath(book))
    project = project_of(path)
    parts = path.relative_to(project.root if project is not None else path.parent).parts
    return ".".join(parts)  # with its suffix, for analysis.py may lie beside analysis.ipynb


def _source() -> bytes | None:
    """What this process runs, where no file holds it."""
    if sys.argv[:1] == ["-c"]:
        own = sys.orig_argv[: len(sys.orig_argv) - len(sys.argv) + 1]
        return own[-1].encode(errors="surrogateescape")
    if hasattr(sys, "ps1"):
        return None
    with contextlib.suppress(OSError):
        if stat.S_ISREG(os.fstat(0).st_mode):  # a pipe has been read by now
            return os.pread(0, os.fstat(0).st_size, 0)
    return None


@functools.cache
def _process_name() -> str:
    return RealEnv().new_id()
