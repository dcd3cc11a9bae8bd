"""The site is built strictly, works from the disk and shows every public name; its examples hold."""

from __future__ import annotations

import builtins
import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import unescape
from html.parser import HTMLParser
from importlib import import_module
from inspect import get_annotations
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest
from typer.core import TyperGroup
from typer.main import get_command
from typing_extensions import override

from streamfn import retry
from streamfn._records import is_map
from streamfn.cli._application import application
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.mappings._rules import judge, needs_of

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
REFERENCE = sorted((ROOT / "docs" / "api").glob("*.md"))
MODULES = [
    "streamfn",
    "streamfn.dead_letters",
    "streamfn.ledgers",
    "streamfn.exports",
    "streamfn.mappings",
    "streamfn.redrive",
    "streamfn.sources",
    "streamfn.spark",
    "streamfn.testing",
    "streamfn.windows",
]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the site, and fail for whatever the builder warns of."""
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stderr
    return folder


def test_each_page_is_in_the_site(site: Path) -> None:
    assert [] == [page.stem for page in PAGES if not (site / f"{page.stem}.html").is_file()]


def test_the_reference_has_every_public_name(site: Path) -> None:
    """With what it says of itself, and doctests as code."""
    shown = reference_of(site)
    missing = [
        f"{module}.{name}"
        for module in MODULES
        for name in import_module(module).__all__
        if f'id="{module}.{name}"' not in shown
    ]
    assert [] == missing
    assert "&gt;&gt;&gt;" not in re.sub(r"<code>.*?</code>", "", shown, flags=re.DOTALL)


def test_the_reference_has_every_member_of_a_public_class_inherited_ones_too(site: Path) -> None:
    shown = set(re.findall(r'id="(streamfn[\w.]*)"', reference_of(site)))
    members = {
        f"{module}.{name}.{member}"
        for module in MODULES
        for name in import_module(module).__all__
        if isinstance(owner := getattr(import_module(module), name), type)
        for member in members_of(owner)
    }
    assert len(members) > 200
    assert [] == sorted(members - shown)


def members_of(owner: type) -> set[str]:
    """List the public attributes and methods that a class has from classes of this library."""
    return {
        member
        for each in owner.__mro__
        if each.__module__.startswith("streamfn")
        for member in {*vars(each), *get_annotations(each)}
        if not member.startswith("_")
    }


def test_no_signature_of_the_reference_has_a_name_that_nobody_can_write(site: Path) -> None:
    """Defaults such as `_NONE` are the library's own: a caller leaves them out."""
    signatures = [
        unescape(re.sub(r"<[^>]+>", "", found))
        for found in re.findall(
            r'<div class="doc-signature highlight">(.*?)</div>', reference_of(site), re.DOTALL
        )
    ]
    defaults = {default for signature in signatures for default in re.findall(r"= ([\w.]+)[,\s)]", signature)}
    public = {name for module in MODULES for name in import_module(module).__all__}
    members = {"NEW_AND_OLD_IMAGES"}  # of StreamViewType
    assert "series" in defaults
    assert set() == {
        default
        for default in defaults
        if default.isidentifier() and default not in public | members and not hasattr(builtins, default)
    }
    assert [] == [signature for signature in signatures if re.search(r"= [^,]*(?<!\w)_\w*", signature)]


def reference_of(site: Path) -> str:
    return "".join((site / "api" / f"{page.stem}.html").read_text() for page in REFERENCE)


def test_each_link_of_the_site_works_from_the_disk(site: Path) -> None:
    """A reader opens a file, and there is no server that would find `models/index.html` for `models/`."""
    pages = {path: Page.of(path) for path in sorted(site.rglob("*.html"))}
    dead = [
        f"{path.relative_to(site)}: {link}"
        for path, page in pages.items()
        for link in page.links
        if not works(link, path, pages)
    ]
    assert [] == dead
    assert sum(len(page.links) for page in pages.values()) > 1000


def works(link: str, path: Path, pages: dict[Path, Page]) -> bool:
    """Whether a link leads to a file, and its fragment to a place in that file; links to other hosts are let be."""
    parts = urlsplit(link)
    if parts.scheme in {"http", "https", "mailto", "data"}:
        return True
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.is_file():
        return False
    # A browser takes an empty fragment for the top, and the theme's script reads those that begin with "__".
    return target not in pages or not parts.fragment or unquote(parts.fragment) in pages[target].places


def test_nothing_of_the_site_is_of_a_foreign_host(site: Path) -> None:
    """Scripts, styles, pictures and fonts lie beside the pages: a reader without a network sees all of it."""
    pages = [Page.of(path) for path in site.rglob("*.html")]
    assert [] == [each for page in pages for each in page.parts if urlsplit(each).scheme not in {"", "data"}]
    texts = {
        path: path.read_text() for path in site.rglob("*") if path.suffix in {".html", ".css", ".js", ".svg"}
    }
    for path, text in texts.items():
        assert [] == re.findall(r"(?:url\(|@import )[\s\"']*(?:https?:)?//[^)\s]*", text), path
        assert [] == re.findall(r"unpkg|jsdelivr|cdnjs|googleapis|gstatic", text), path
        assert 'class="mermaid"' not in text, path
    # The theme asks a host for facts of a repository, which this site does not name.
    scripts = "".join(
        text for path, text in texts.items() if path.suffix == ".js" and path.parent.name != "search"
    )
    assert {"www.w3.org", "api.github.com"} >= set(re.findall(r"[\"'`]https?://([\w.-]+)", scripts))


def test_a_search_from_the_disk_has_its_index_and_its_worker(site: Path) -> None:
    """A browser lets a file read no other one, so that the index is a script, and a frame takes a worker's place."""
    index = (site / "search" / "search_index.js").read_text()
    assert index.startswith("var __index = ")
    found = json.loads(index.removeprefix("var __index = "))
    assert any("idempotency_key" in each["text"] for each in found["docs"])
    assert [] == [
        each["location"]
        for each in found["docs"]
        if not (site / each["location"].partition("#")[0]).is_file()
    ]
    for path in site.rglob("*.html"):
        assert any(Path(part).name == "iframe-worker.js" for part in Page.of(path).parts), path


def test_the_picture_of_a_graph_says_what_the_command_prints() -> None:
    page = (ROOT / "docs" / "command-line.md").read_text()
    ((printed,),) = [re.findall(r"^\$ streamfn graph [^\n]*\n(.*?)^```$", page, re.MULTILINE | re.DOTALL)]
    said = [unescape(re.sub(r"#(\d+);", r"&#\1;", label)) for label in re.findall(r'"([^"]*)"', printed)]
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", (ROOT / "docs" / "graph.svg").read_text())
    assert sorted(said) == sorted(map(unescape, drawn))


@dataclass
class Page(HTMLParser):
    """Where a page of the site leads to, what it loads, and the places in it."""

    links: list[str] = field(default_factory=list)
    parts: list[str] = field(default_factory=list)
    places: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        super().__init__()

    @classmethod
    def of(cls, path: Path) -> Page:
        page = cls()
        page.feed(path.read_text())
        return page

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        for name, value in attrs:
            if name in {"id", "name"} and value:
                self.places.add(value)
            elif name in {"href", "src", "srcset", "poster", "data"} and value is not None:
                self.links.append(value)
                if tag != "a":
                    self.parts.append(value)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """List the blocks of a language, each with the page that it is on."""
    for page in [*PAGES, ROOT / "README.md"]:
        for found in BLOCK.finditer(page.read_text()):
            if found["language"] == language:
                yield page.name, found["text"]


def test_blocks_are_of_languages_that_are_checked() -> None:
    """Python and consoles are run, files (Python's as `py`) are for those, and this module looks at the others."""
    known = {"python", "console", "py", "sh", "yaml", "json", "text", "dockerfile"}
    languages = {found["language"] for page in PAGES for found in BLOCK.finditer(page.read_text())}
    assert languages <= known


def test_what_a_reader_is_to_type_exists() -> None:
    """Targets of make, and extras of the package."""
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    told = "\n".join(text for _, text in blocks("sh"))
    assert set(re.findall(r"^make ([a-z]+)", told, re.MULTILINE)) <= targets
    assert {
        extra for found in re.findall(r"streamfn\[([a-z,]+)\]", told) for extra in found.split(",")
    } <= set(extras)


@pytest.mark.parametrize("text", sorted({text for _, text in blocks("sh")}))
def test_what_a_shell_would_run_is_what_it_takes(text: str) -> None:
    """For blocks that need AWS, or a network: the shell's syntax, and each argument of the command line."""
    checked = subprocess.run(["/bin/bash", "-n"], input=text, capture_output=True, text=True, check=False)
    assert (checked.returncode, checked.stderr) == (0, "")
    group = get_command(application())
    assert isinstance(group, TyperGroup)
    for line in text.replace("\\\n", " ").splitlines():
        for called in re.findall(r"streamfn (?=[a-z])([^)\n#]*)", line) if "pip" not in line else []:
            name, *arguments = shlex.split(called)
            command = group.commands[name]
            command.make_context(name, arguments)


def test_the_template_of_the_tutorial_can_be_deployed_and_keeps_what_its_delivery_promises() -> None:
    pytest.importorskip("cfnlint", reason="SAM's transform and cfn-lint do not support Python 3.15 yet")
    from cfnlint.api import lint
    from cfnlint.config import ManualArgs
    from samtranslator.translator.transform import transform
    from samtranslator.yaml_helper import yaml_parse

    from tests.sam import NoManagedPolicies

    (template,) = (text for page, text in blocks("yaml") if page == "tutorial.md")
    uploaded = template.replace("CodeUri: .", "CodeUri: s3://code/cards.zip")  # as `sam package` does
    deployed = transform(yaml_parse(uploaded), {}, NoManagedPolicies())
    assert [] == [
        str(match) for match in lint(json.dumps(deployed), config=ManualArgs(regions=["eu-west-1"]))
    ]
    resources: object = deployed["Resources"]
    assert is_map(resources)
    (mapping,) = (
        each["Properties"]
        for each in resources.values()
        if is_map(each) and each["Type"] == "AWS::Lambda::EventSourceMapping"
    )
    assert is_map(mapping)
    assert [] == judge(mapping, needs_of(retry(ledger=MemoryLedger(), dead_letters=MemoryDeadLetters())))
