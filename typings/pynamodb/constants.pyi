NUMBER: str
