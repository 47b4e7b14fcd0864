from typing import final

@final
class Packer:
    def pack(self, value: object) -> bytes: ...
