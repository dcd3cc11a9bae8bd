from typing import Protocol

class _PolicyLoader(Protocol):
    def load(self) -> dict[str, str]: ...

def transform(
    input_fragment: dict[str, object], parameter_values: dict[str, object], managed_policy_loader: _PolicyLoader
) -> dict[str, object]: ...
