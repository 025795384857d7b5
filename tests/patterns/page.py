"""python -m tests.patterns.page: write docs/patterns.md anew from the programs beside this file.

A pattern is a test: the first sentence of its docstring is the name, the rest says what it is. What stands
between it and the test before is its program.
"""

from __future__ import annotations

import ast
import textwrap
from collections.abc import Iterator
from pathlib import Path

import msgspec

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "patterns.md"
GROUPS = ("basic", "branching", "instances", "states", "cancelling", "iteration", "applications", "agents")
# What is a pattern, and has no program here: the reason.
NONE = {
    "Asynchronous HTTP API": (
        "A server, not a workflow: `POST` starts a run, `GET` tells how it stands, cancel and signals "
        "have addresses. [HTTP API](api.md), [web](web.md)."
    ),
    "Callback with a token": (
        "The answer comes from another system's process, which crash runs do not have: the program in "
        "[composition](composition.md#questions-and-callbacks) runs in real ones."
    ),
    "Human interaction by question": (
        "A person answers in a process of their own, likewise. What the body sees is *Human "
        "interaction* above."
    ),
    "Resources that many runs share": (
        "What a task asks of its process is not simulated in crash runs: [resources](resources.md)."
    ),
    "Redrive of failed items": (
        "A person's act on a run that has failed (`podium retry`), not a part of a program: "
        "[effects](effects.md#tolerate)."
    ),
    "Two grades of execution": (
        "Each step is recorded; a plain function that the body calls is the cheap grade, and is "
        "called again by a replay."
    ),
    "Quarantine": (
        "A run that brings down process after process is parked by the engine itself: `E207` in the "
        "[reference](reference.md)."
    ),
    "Work stealing, late workers": (
        "A worker that comes late takes waiting runs; nothing in a program says so. [Operate](operate.md)."
    ),
    "Durable agents of other libraries": "Takes an adapter to such a library; Podium has none.",
}
HEAD = """# Patterns

The 43 control-flow patterns of the workflow literature (by number), and patterns of applications, each as
a program. The programs are tests: `play` in `tests/patterns` runs each plainly, then again with the process
killed before and after each of its commits (`crash_everywhere`, see [testing](testing.md)). Neither the
result nor what was done outside may differ. `talk=` are signals that are sent to the run. This page is made
of the tests by `python -m tests.patterns.page`.

They share these:

"""


class Pattern(msgspec.Struct, frozen=True):
    """One as it stands in the page."""

    name: str  # with its number where it has one
    text: str
    code: str


def patterns(group: str) -> Iterator[Pattern]:
    """Those of a group, as in its file."""
    text = (HERE / f"test_{group}.py").read_text("utf-8")
    lines = text.splitlines()
    begin = 0
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom) or begin == 0:
            begin = node.end_lineno or 0
        elif isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            name, _, said = " ".join((ast.get_docstring(node) or "").split()).partition(". ")
            program = "\n".join(lines[begin : node.lineno - 1]).strip()
            use = textwrap.dedent("\n".join(lines[node.body[1].lineno - 1 : node.end_lineno]))
            yield Pattern(name, said, f"{program}\n\n\n{use}")
            begin = node.end_lineno or 0


def title(group: str) -> str:
    """The first line of its file's docstring."""
    tree = ast.parse((HERE / f"test_{group}.py").read_text("utf-8"))
    return (ast.get_docstring(tree) or "").partition("\n")[0].rstrip(".")


def page() -> str:
    """As it must stand."""
    steps = (HERE / "steps.py").read_text("utf-8")
    parts = [HEAD, _block(steps[steps.index("import asyncio") :])]
    for group in GROUPS:
        parts.append(f"\n## {title(group)}\n")
        parts += [f"\n### {each.name}\n\n{each.text}\n\n{_block(each.code)}" for each in patterns(group)]
    parts.append("\n## Without a program\n\n| pattern | why it has none here |\n|---|---|\n")
    parts += [f"| {name} | {why} |\n" for name, why in NONE.items()]
    return "".join(parts)


def _block(code: str) -> str:
    return f"```python\n{code.strip()}\n```\n"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
