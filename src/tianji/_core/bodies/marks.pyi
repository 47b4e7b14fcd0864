from typing import Final

LINE: Final[int]
BASE64: Final[int]
DATA: Final[int]
WIDE: Final[int]

def marks(text: bytes) -> int: ...
