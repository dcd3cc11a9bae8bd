from typing import Protocol, TypeAlias

Json: TypeAlias = bool | int | float | str | list[Json] | dict[str, Json] | None

class _PolicyLoader(Protocol):
    def load(self) -> dict[str, str]: ...

def transform(
    input_fragment: dict[str, Json], parameter_values: dict[str, Json], managed_policy_loader: _PolicyLoader
) -> dict[str, Json]: ...
