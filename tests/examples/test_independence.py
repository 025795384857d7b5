"""The parts that do the work know nothing of Podium, and work where it is not installed."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDER = EXAMPLES / "content_moderation"
DOMAIN = (
    "content_moderation/scraper",
    "content_moderation/moderator",
    "api_sessions/api",
    "headlines/source",
    "headlines/scorers",
    "wordcount/words",
    "black_friday/tweets",
    "black_friday/serve",
    "agents_and_saga/model",
    "model_deployment/digits",
    "model_deployment/server",
)
OTHERS = (  # which need more than the standard library, or each other
    "agents_and_saga/shop",
    "model_deployment/models",
    "model_deployment/client",
    "model_deployment/inputs",
    "model_deployment/model",
    "model_deployment/log",
)


@pytest.mark.parametrize("name", DOMAIN)
def test_a_domain_module_imports_only_the_standard_library(name: str) -> None:
    tree = ast.parse((EXAMPLES / f"{name}.py").read_text())
    imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    imported |= {
        node.module or "." * node.level for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
    }
    assert {module.partition(".")[0] for module in imported} <= sys.stdlib_module_names


@pytest.mark.parametrize("name", OTHERS)
def test_a_domain_module_knows_nothing_of_podium(name: str) -> None:
    assert "podium" not in (EXAMPLES / f"{name}.py").read_text().lower()


def test_the_domain_works_without_podium(tmp_path: Path) -> None:
    program = f"""
import sys
sys.path[:0] = [{str(FOLDER.parents[1])!r}]
sys.modules["podium"] = None  # as if not installed: importing it fails
from examples.content_moderation.moderator import moderate
from examples.content_moderation.scraper import read
text, links = read("http://here/", "<p>Fine.</p><a href='/b'>next</a>")
print(text, links, moderate(text).rating)
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["Fine.", "next", "('http://here/b',)", "safe"], done.stderr
