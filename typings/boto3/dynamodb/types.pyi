from collections.abc import Mapping

class TypeDeserializer:
    def deserialize(self, value: Mapping[str, object]) -> object: ...
    def _deserialize_b(self, value: str) -> object: ...  # of bytes, by boto3's own; Lambda sends base64 text

class Binary:
    value: bytes | bytearray
    def __init__(self, value: bytes | bytearray) -> None: ...
