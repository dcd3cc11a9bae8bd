"""The wheel that a user installs: built as a release would build it, and tried apart from the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel with the locked backend, which needs no network."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def test_wheel_holds_the_package_alone(wheel: Path) -> None:
    """Tests, examples and stubs stay out; the typing marker and the licence come along."""
    names = zipfile.ZipFile(wheel).namelist()
    metadata = "streamfn-0.1.0.dist-info"
    assert {"streamfn", metadata} == {name.partition("/")[0] for name in names}
    assert "streamfn/py.typed" in names
    assert f"{metadata}/licenses/LICENSE" in names


def test_wheel_holds_every_module(wheel: Path) -> None:
    """What the checkout can import, the wheel can."""
    expected = {str(path.relative_to(ROOT)) for path in (ROOT / "streamfn").rglob("*.py")}
    actual = {name for name in zipfile.ZipFile(wheel).namelist() if name.endswith(".py")}
    assert expected == actual


def test_wheel_imports_from_a_clean_folder(wheel: Path, tmp_path: Path) -> None:
    """The package works from where it was installed, with nothing of the checkout beside it."""
    zipfile.ZipFile(wheel).extractall(tmp_path)
    program = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import streamfn; print(streamfn.__file__)"
    command = [sys.executable, "-I", "-c", program]
    done = subprocess.run(command, cwd=tmp_path, check=True, capture_output=True, text=True)
    assert tmp_path / "streamfn" / "__init__.py" == Path(done.stdout.strip())
