"""The checkout itself: its documents' links, its locks and what they must not name."""

import re
import tomllib
from importlib.metadata import distributions, requires
from pathlib import Path
from typing import TypedDict, cast

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")])
LOCKS = sorted(ROOT.glob("requirements/*.txt"))
RELATIVE_LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PIN = re.compile(r"^([A-Za-z0-9._-]+)(?:\[[^]]*\])?==([^\s;]+)", re.MULTILINE)

_Project = TypedDict("_Project", {"dependencies": list[str], "optional-dependencies": dict[str, list[str]]})


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _project() -> _Project:
    """Read pyproject.toml's table of the project."""
    # The shape is the standard's own (PEP 621), and a build refuses another.
    return cast("_Project", tomllib.loads((ROOT / "pyproject.toml").read_text())["project"])


def _pins(lock: Path) -> dict[str, list[str]]:
    """List each locked project's versions: one, or one for each range of interpreters."""
    pins: dict[str, list[str]] = {}
    for name, version in PIN.findall(lock.read_text()):
        pins.setdefault(canonicalize_name(name), []).append(version)
    return pins


@pytest.mark.parametrize("document", DOCUMENTS, ids=_named)
def test_links_resolve(document: Path) -> None:
    """A relative link of a document leads to a file."""
    targets = RELATIVE_LINK.findall(document.read_text())
    assert [] == [target for target in targets if not (document.parent / target).exists()]


@pytest.mark.parametrize("lock", LOCKS, ids=_named)
def test_locks_name_no_place(lock: Path) -> None:
    """A lock holds versions and hashes: no index, no host and no folder of the machine that made it."""
    places = re.compile(r"://|^\s*-(?!-hash=)|@ |file:", re.MULTILINE)
    assert [] == places.findall(lock.read_text())


@pytest.mark.parametrize("lock", LOCKS, ids=_named)
def test_locks_hash_every_pin(lock: Path) -> None:
    """Each pinned version has at least one SHA-256, without which pip would refuse it."""
    entries = re.split(r"^(?=[A-Za-z0-9])", lock.read_text(), flags=re.MULTILINE)[1:]
    assert [] == [entry for entry in entries if not re.search(r"--hash=sha256:[0-9a-f]{64}", entry)]


@pytest.mark.parametrize(("lock", "extra"), [("local", "local"), ("dev", "local"), ("dev", "dev")])
def test_locks_fulfil_the_project(lock: str, extra: str) -> None:
    """What pyproject.toml asks for is locked, in a version that it accepts."""
    project = _project()
    asked = [*project["dependencies"], *project["optional-dependencies"][extra]]
    pins = _pins(ROOT / "requirements" / f"{lock}.txt")
    for requirement in map(Requirement, asked):
        name = canonicalize_name(requirement.name)
        if name != "streamfn":
            assert name in pins, f"{requirement} is not locked: run `make lock`"
            # What is asked for on some Pythons only may have another version for the others.
            accepts = all if requirement.marker is None else any
            assert accepts(requirement.specifier.contains(version) for version in pins[name]), str(
                requirement
            )


def test_locks_pin_what_is_asked_for_with_extras() -> None:
    """Some pips take the pin of `a` for none of `a[b]`, and then refuse the newest `a[b]` for its unknown hash."""
    lock = (ROOT / "requirements" / "dev.txt").read_text()
    installed = {canonicalize_name(each.name) for each in distributions()}
    asked = [
        requirement
        for name in _pins(ROOT / "requirements" / "dev.txt")
        if name in installed
        for requirement in map(Requirement, requires(name) or [])
        if requirement.extras and (requirement.marker is None or requirement.marker.evaluate({"extra": ""}))
    ]
    assert asked, "nothing asks for an extra: this test has nothing to check"
    for requirement in asked:
        extras = ",".join(sorted(requirement.extras))
        assert re.search(rf"^{requirement.name}\[{extras}\]==", lock, re.MULTILINE), str(requirement)


def test_locks_agree() -> None:
    """`make demo` runs on the very versions that `make test` checked."""
    local, dev = (_pins(ROOT / "requirements" / name) for name in ("local.txt", "dev.txt"))
    assert {name: dev.get(name) for name in local} == local


def test_the_lowest_lock_has_the_lowest_versions() -> None:
    """`make lowest` tests the very versions from which on pyproject.toml allows each dependency."""
    pins = _pins(ROOT / "requirements" / "lowest.txt")
    for requirement in map(Requirement, _project()["dependencies"]):
        (bound,) = requirement.specifier
        assert bound.operator == ">=", f"{requirement} has no lowest version"
        (pinned,) = map(Version, pins[canonicalize_name(requirement.name)])
        assert Version(bound.version) == pinned, f"{requirement}: run `make lock`"


def test_actions_are_pinned_by_their_commits() -> None:
    """A tag can be moved to other code; the comment says which version the commit is."""
    workflows = (ROOT / ".github" / "workflows").glob("*.y*ml")
    uses = [line for path in workflows for line in path.read_text().splitlines() if "uses:" in line]
    assert uses
    for line in uses:
        assert re.fullmatch(r" *- uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+(\.\d+)*", line), line
