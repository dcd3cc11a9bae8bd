from collections.abc import Sequence

from cfnlint.config import ManualArgs

class _Rule:
    id: str

class _Match:
    rule: _Rule
    message: str
    path: Sequence[str | int]

def lint(s: str, *, config: ManualArgs) -> list[_Match]: ...
