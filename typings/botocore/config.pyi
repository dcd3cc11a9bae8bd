from collections.abc import Mapping

class Config:
    connect_timeout: float
    read_timeout: float
    retries: Mapping[str, int | str]
    def __init__(
        self,
        *,
        connect_timeout: float = ...,
        read_timeout: float = ...,
        retries: Mapping[str, int | str] = ...,
    ) -> None: ...
