from typing import final

@final
class ResponseReader: ...
