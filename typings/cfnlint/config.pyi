from typing import TypedDict

class ManualArgs(TypedDict, total=False):
    include_checks: list[str]
    regions: list[str]
