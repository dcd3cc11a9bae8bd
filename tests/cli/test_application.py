"""What is the same for all commands: help, exit codes, and lines in place of tracebacks."""

from __future__ import annotations

import re
import subprocess
import sys
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from runpy import run_module

import pytest
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

from streamfn import ConfigurationError, NotAStreamEvent, cli
from streamfn.cli import main
from streamfn.cli._application import COMMANDS, help_of, run
from streamfn.cli._common import ExitCode, look_here, run_command, use_account
from tests.cli.commands import ROOT, Ran, call, streamfn


@pytest.mark.parametrize("command", COMMANDS)
def test_help_has_an_example_the_json_and_the_exit_codes(command: str) -> None:
    ran = streamfn(command, "--help")
    assert (ran.code, ran.err) == (0, "")
    assert f"\n    streamfn {command} " in ran.out
    for part in ("Example", "--json", "Exit code:\n    0 "):
        assert part in ran.out
    assert max(map(len, ran.out.splitlines())) <= 80


def _names_of_the_command_line() -> frozenset[str]:
    """Return the names of its functions and classes that are no words, such as `print_line`."""
    modules = [module for name, module in sys.modules.items() if name.startswith(cli.__name__)]
    defined = {
        name
        for module in modules
        for name, value in vars(module).items()
        if getattr(value, "__module__", "").startswith(cli.__name__)
    }
    return frozenset(name for name in defined if name != name.lower().replace("_", ""))


@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_help_speaks_of_no_function_or_class_of_the_command_line(command: str) -> None:
    """The renaming of a function once changed words of the help that were spelt like it."""
    ran = call(*filter(None, [command]), "--help")
    assert ran.code == 0
    assert _names_of_the_command_line() & set(re.findall(r"\w+", ran.out)) == set()


def test_all_commands_are_listed_and_it_is_told_apart_what_is_none() -> None:
    ran = call("--help")
    assert ran.code == 0
    assert [name for name in COMMANDS if f"\n  {name} " not in ran.out] == []
    nothing = call("nothing")
    assert (nothing.code, nothing.out) == (2, "")
    assert "No such command 'nothing'" in nothing.err
    assert call().code == 2


def test_the_version_is_that_of_the_package() -> None:
    assert call("--version") == Ran(0, f"streamfn {version('streamfn')}\n", "")


def test_help_loads_nothing_heavy() -> None:
    program = """
import sys
sys.argv = ["streamfn", "invoke", "--help"]
from streamfn.cli import main
try:
    main()
except SystemExit:
    print("\\n", [name for name in ("boto3", "cattrs", "pyspark", "rich") if name in sys.modules])
"""
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1].strip() == "[]"


def _no_typer(name: str) -> str | None:
    return None if name == "typer" else name


def test_without_what_the_extra_brings_it_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(cli, "find_spec", _no_typer)
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    assert capsys.readouterr().err.endswith("install streamfn[cli]\n")


def test_the_script_is_the_same_as_the_module(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["streamfn", "graph", "tests.cli.app:process"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("flowchart LR\n")
    with pytest.raises(SystemExit) as told:
        run(["--version"])
    assert told.value.code == 0


def test_the_module_runs_when_it_is_called_and_not_when_it_is_imported(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "argv", ["streamfn", "--version"])
    import_module("streamfn.cli.__main__")
    monkeypatch.delitem(sys.modules, "streamfn.cli.__main__")  # which runpy would warn of
    with pytest.raises(SystemExit) as ended:
        run_module("streamfn.cli", run_name="__main__")
    assert ended.value.code == 0


def test_modules_are_looked_for_where_the_command_is_called(tmp_path: Path) -> None:
    (tmp_path / "here.py").write_text("from tests.cli.app import process\n")
    (tmp_path / "broken.py").write_text("\nraise KeyError('no_such_variable')\n")
    (tmp_path / "no_python.py").write_text("\n\ndef\n")
    assert streamfn("graph", "here:process", cwd=tmp_path).code == 0
    (tmp_path / "needy.py").write_text("import no_such_module\n")
    (tmp_path / "misused.py").write_text("from streamfn import Table\n\nTable('prod-Card', int)\n")
    for name, said in (
        ("broken", "it raised KeyError (broken.py, line 2): 'no_such_variable'"),
        ("no_python", "it raised SyntaxError (no_python.py, line 3): invalid syntax"),
        ("needy", "there is no module no_such_module, which it needs (needy.py, line 1)"),
        (
            "misused",
            "it raised ConfigurationError: a table's model is a dataclass, an attrs class or a TypedDict",
        ),
    ):
        ran = call("graph", f"{name}:process", cwd=tmp_path)
        assert (ran.code, ran.out) == (2, "")
        assert said in ran.err


def test_a_cause_that_was_never_raised_is_nowhere(capsys: pytest.CaptureFixture[str]) -> None:
    def fail() -> int:
        raise ConfigurationError("it cannot be") from ValueError("a secret")

    assert run_command(fail) == 2
    assert capsys.readouterr().err == "streamfn: it cannot be\n"


def test_the_folder_comes_first_and_once() -> None:
    look_here()
    look_here()
    assert sys.path[:2].count("") == 1
    assert sys.path[0] == ""


def test_exits(capsys: pytest.CaptureFixture[str]) -> None:
    """What the user can mend is a line; what is wrong here is raised."""

    def fails(error: BaseException) -> int:
        raise error

    assert run_command(lambda: 1) == 1
    assert run_command(lambda: fails(ConfigurationError("two\nlines"))) == ExitCode.MISUSE
    assert capsys.readouterr().err == "streamfn: two lines\n"
    assert run_command(lambda: fails(NotAStreamEvent("no event"))) == ExitCode.MISUSE
    assert run_command(lambda: fails(KeyboardInterrupt())) == 130
    with pytest.raises(ZeroDivisionError):
        run_command(lambda: fails(ZeroDivisionError()))


def test_what_aws_says_without_words_is_its_code(capsys: pytest.CaptureFixture[str]) -> None:
    from botocore.exceptions import ClientError

    def refuse() -> int:
        raise ClientError({"Error": {"Code": "404", "Message": ""}}, "HeadBucket")

    assert run_command(refuse) == 2
    assert capsys.readouterr().err == "streamfn: AWS refused: 404\n"


def test_an_error_is_no_error_of_aws_where_its_client_was_never_loaded(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, "botocore.exceptions")

    def fail() -> int:
        raise LookupError

    with pytest.raises(LookupError):
        run_command(fail)


def test_the_account_is_named_as_aws_names_it() -> None:
    environment = {
        "AWS_ACCESS_KEY_ID": "x",
        "AWS_SECRET_ACCESS_KEY": "y",
        "AWS_DEFAULT_PROFILE": "other",
        "AWS_ENDPOINT_URL_SQS": "https://sqs.example",
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true",
        "HOME": "/root",
    }
    untouched = dict(environment)
    use_account(None, None, None, environment)
    assert environment == untouched
    use_account("http://127.0.0.1:4566", "eu-west-1", "mine", environment)
    assert environment == {
        "AWS_PROFILE": "mine",
        "AWS_DEFAULT_REGION": "eu-west-1",
        "AWS_REGION": "eu-west-1",
        "AWS_ENDPOINT_URL": "http://127.0.0.1:4566",
        "HOME": "/root",
    }


def test_a_docstring_is_help_whose_examples_keep_their_lines() -> None:
    def command() -> int:
        """Do it.

        Examples:
          streamfn it
        """
        return 0

    assert help_of(command) == "Do it.\n\n\b\nExamples:\n  streamfn it"
    command.__doc__ = None
    assert help_of(command) == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (NoCredentialsError(), "(pass --profile, or set AWS_PROFILE or AWS_ACCESS_KEY_ID)"),
        (
            ClientError({"Error": {"Code": "ExpiredTokenException", "Message": "it is late"}}, "Query"),
            "AWS refused: ExpiredTokenException: it is late (sign in again)",
        ),
        (BotoCoreError(), "BotoCoreError: An unspecified error occurred\n"),
    ],
    ids=["credentials", "token", "no hint"],
)
def test_what_to_do_about_aws_is_told(
    error: Exception, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> int:
        raise error

    assert run_command(fail) == 2
    assert said in capsys.readouterr().err


def test_a_client_made_at_import_without_a_region_is_told_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    (tmp_path / "without_region.py").write_text(
        "import boto3\n\nboto3.session.Session().client('s3control')\n"
    )
    ran = call("graph", "without_region:process", cwd=tmp_path)
    assert "it raised NoRegionError (without_region.py, line 3): You must specify a region." in ran.err
    assert "(pass --region, or set AWS_REGION)" in ran.err


def test_a_ledger_outside_of_lambda_is_told_of_before_anything_is_read(tmp_path: Path) -> None:
    (tmp_path / "unscoped.py").write_text(
        "from streamfn import lambda_handler, retry\n"
        "from streamfn.ledgers import DynamoDBLedger\n"
        "from tests.cli.app import process\n\n"
        "handler = lambda_handler(process, retry(ledger=DynamoDBLedger('card-ledger')))\n"
    )
    (tmp_path / "event.json").write_text('{"Records": [{"eventID": "1"}]}')
    for arguments in (("tail", "unscoped:handler"), ("invoke", "unscoped:handler", "event.json", "--answer")):
        ran = call(*arguments, cwd=tmp_path)
        assert (2, "") == (ran.code, ran.out)
        assert 'retry(ledger=…, scope="cards-worker")' in ran.err
