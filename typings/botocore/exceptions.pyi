from typing import TypedDict

class _Error(TypedDict):
    Code: str
    Message: str

class _Response(TypedDict):
    Error: _Error

class BotoCoreError(Exception): ...

class ClientError(Exception):
    response: _Response
    def __init__(self, error_response: _Response, operation_name: str) -> None: ...

class EndpointConnectionError(Exception): ...
class NoCredentialsError(BotoCoreError): ...

class ParamValidationError(BotoCoreError):
    def __init__(self, *, report: str) -> None: ...
