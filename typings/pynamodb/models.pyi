from collections.abc import Mapping

from typing_extensions import Self, override

class Model:
    attribute_values: dict[str, object]
    @override
    def __init_subclass__(cls, discriminator: str = ...) -> None: ...
    @classmethod
    def from_raw_data(cls, data: Mapping[str, object]) -> Self: ...
