from typing import final

@final
class Tally: ...
