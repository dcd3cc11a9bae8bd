"""The site: it is built strictly, shows every public name, and what it has a reader type or deploy is so."""

import json
import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
from cfnlint.api import lint
from cfnlint.config import ManualArgs
from samtranslator.translator.transform import transform
from samtranslator.yaml_helper import yaml_parse
from typer.core import TyperGroup
from typer.main import get_command

from streamfn import retry
from streamfn._wire import is_map
from streamfn.cli._application import application
from streamfn.dead_letters import MemoryDeadLetters
from streamfn.ledgers import MemoryLedger
from streamfn.mappings._needs import needs_of
from streamfn.mappings._rules import judge
from tests.sam import NoManagedPolicies

ROOT = Path(__file__).parents[2]
PAGES = sorted((ROOT / "docs").glob("*.md"))
BLOCK = re.compile(r"^```(?P<language>\w+)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
REFERENCE = sorted((ROOT / "docs" / "api").glob("*.md"))
MODULES = [
    "streamfn",
    "streamfn.dead_letters",
    "streamfn.ledgers",
    "streamfn.mappings",
    "streamfn.sources",
    "streamfn.sources.export",
    "streamfn.spark",
    "streamfn.testing",
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
    assert [] == [page.stem for page in PAGES if page.stem != "index" and not (site / page.stem).is_dir()]


def test_the_reference_has_every_public_name(site: Path) -> None:
    """With what it says of itself, and doctests as code."""
    shown = "".join((site / "api" / page.stem / "index.html").read_text() for page in REFERENCE)
    missing = [
        f"{module}.{name}"
        for module in MODULES
        for name in import_module(module).__all__
        if f'id="{module}.{name}"' not in shown
    ]
    assert [] == missing
    assert "&gt;&gt;&gt;" not in re.sub(r"<code>.*?</code>", "", shown, flags=re.DOTALL)


def blocks(language: str) -> Iterator[tuple[str, str]]:
    """List the blocks of a language, each with the page that it is on."""
    for page in [*PAGES, ROOT / "README.md"]:
        for found in BLOCK.finditer(page.read_text()):
            if found["language"] == language:
                yield page.name, found["text"]


def test_blocks_are_of_languages_that_are_checked() -> None:
    """Python and consoles are run, files (Python's as `py`) are for those, and this module looks at the others."""
    known = {"python", "console", "py", "sh", "yaml", "json", "mermaid", "text", "dockerfile"}
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
