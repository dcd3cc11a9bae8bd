"""Places where exports lie and where a replay keeps its progress: folders, and prefixes of S3 buckets.

Places are pickled, with the names alone: a worker makes a client of its own.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Generator, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from posixpath import normpath
from tempfile import NamedTemporaryFile
from typing import Final, TypeAlias

from typing_extensions import override

from streamfn._clients import OnFirstUse, error_code
from streamfn._misuse import Misuse
from streamfn.sources.export._client import S3Client, make_s3

_GONE: Final = frozenset({"404", "NoSuchKey"})

_NEW: Final = ".new"
"""The end of the names of files that are being written."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder of this machine."""

    path: Path

    def read(self, name: str, /) -> bytes | None:
        """Give what a file holds, or None if there is none."""
        try:
            return (self.path / name).read_bytes()
        except FileNotFoundError:
            return None

    def write(self, name: str, content: bytes, /) -> None:
        """Write another file beside it, and put that in its place; a disk that is full is left as it was."""
        target = self.path / name
        target.parent.mkdir(parents=True, exist_ok=True)
        with NamedTemporaryFile(dir=target.parent, prefix=".", suffix=_NEW, delete=False) as beside:
            try:
                beside.write(content)
                beside.flush()
                os.fsync(beside.fileno())
                beside.close()  # Windows moves no open file
                Path(beside.name).replace(target)
            except BaseException:
                with suppress(OSError):
                    beside.close()  # what could not be written is written once more here
                Path(beside.name).unlink(missing_ok=True)
                raise
        self._keep_the_names(target.parent)

    def _keep_the_names(self, folder: Path) -> None:
        """Have the disk keep the folder, too, or after a loss of power it might know the files as they were before."""
        with suppress(OSError):  # Windows opens no folders
            opened = os.open(folder, os.O_RDONLY)
            try:
                os.fsync(opened)
            finally:
                os.close(opened)

    def sweep(self) -> None:
        """Remove what processes have left that were killed while they wrote."""
        for left in self.path.glob(f"*/.*{_NEW}"):
            left.unlink(missing_ok=True)

    def names(self, folder: str, /) -> Iterator[str]:
        """Give the names of the files in a folder, in their order."""
        found = sorted((self.path / folder).glob("*")) if (self.path / folder).is_dir() else []
        return (f"{folder}/{each.name}" for each in found if not each.name.startswith("."))

    @contextmanager
    def local(self, name: str, /) -> Generator[Path | None]:
        """Give the file itself."""
        path = self.path / name
        yield path if path.is_file() else None

    def folders(self) -> Iterator[str]:
        """Give the names of the folders in it."""
        found = sorted(self.path.iterdir()) if self.path.is_dir() else []
        return (each.name for each in found if each.is_dir())

    def within(self, folder: str, /) -> Folder:
        """Give the place of a folder."""
        return Folder(self.path / folder)

    @override
    def __str__(self) -> str:
        """Name it as a location."""
        return str(self.path)


@dataclass(frozen=True, slots=True)
class Bucket:
    """A prefix of a bucket of S3, with a slash at its end unless it is empty."""

    name: str
    prefix: str
    client: OnFirstUse[S3Client] = field(
        default_factory=lambda: OnFirstUse(make_s3, None), compare=False, repr=False
    )

    def read(self, name: str, /) -> bytes | None:
        """Give what an object holds, or None if there is none."""
        try:
            return self.client().get_object(Bucket=self.name, Key=self.key_of(name))["Body"].read()
        except Exception as error:
            if error_code(error) in _GONE:
                return None
            raise

    def write(self, name: str, content: bytes, /) -> None:
        """Put an object, which S3 shows whole or not at all."""
        self.client().put_object(Bucket=self.name, Key=self.key_of(name), Body=content)

    def names(self, folder: str, /) -> Iterator[str]:
        """Give the names of the objects in a folder, in their order, which is that of S3's lists."""
        below = f"{self.prefix}{folder}/"
        page = self.client().list_objects_v2(Bucket=self.name, Prefix=below)
        while True:
            for each in page.get("Contents", ()):
                yield each.get("Key", "").removeprefix(self.prefix)
            if (token := page.get("NextContinuationToken")) is None:
                return
            page = self.client().list_objects_v2(Bucket=self.name, Prefix=below, ContinuationToken=token)

    @contextmanager
    def local(self, name: str, /) -> Generator[Path | None]:
        """Give a copy of an object, for as long as it is needed."""
        try:
            body = self.client().get_object(Bucket=self.name, Key=self.key_of(name))["Body"]
        except Exception as error:
            if error_code(error) not in _GONE:
                raise
            yield None
            return
        with NamedTemporaryFile(prefix="streamfn-", suffix=".json.gz") as copy:
            shutil.copyfileobj(body, copy)
            copy.flush()
            yield Path(copy.name)

    def folders(self) -> Iterator[str]:
        """Give none: a list of all that a bucket holds may be long, so its exports are named in full."""
        return iter(())

    def key_of(self, name: str, /) -> str:
        """Give the key of an object."""
        return normpath(f"{self.prefix}{name}")

    def within(self, folder: str, /) -> Bucket:
        """Give the place of a folder."""
        return Bucket(self.name, f"{self.prefix}{folder}/", self.client)

    @override
    def __reduce__(self) -> tuple[type[Bucket], tuple[str, str]]:
        """Leave the client behind."""
        return Bucket, (self.name, self.prefix)

    @override
    def __str__(self) -> str:
        """Name it as a location."""
        return f"s3://{self.name}/{self.prefix}".rstrip("/")


Place: TypeAlias = Folder | Bucket
"""Files by their names, in which slashes make folders."""

Location: TypeAlias = str | os.PathLike[str]
"""A folder, or a prefix of a bucket as ``s3://bucket/prefix``."""


def place_at(location: Location, client: S3Client | None = None) -> Place:
    """Find the place that a location names. Fails with `Misuse` for one of another file system.

    >>> place_at("s3://backups/2024/")
    Bucket(name='backups', prefix='2024/')
    """
    text = os.fspath(location)
    for scheme in ("s3://", "s3a://", "s3n://"):  # the latter two are Hadoop's
        if text.startswith(scheme):
            bucket, _, prefix = text.removeprefix(scheme).partition("/")
            prefix = prefix.strip("/")
            return Bucket(bucket, f"{prefix}/" if prefix else "", OnFirstUse(make_s3, client))
    path = text.removeprefix("file://")
    if "://" in path:
        raise Misuse(f"a location is a folder or s3://bucket/prefix, got {path.partition('://')[0]}://…")
    return Folder(Path(path))
