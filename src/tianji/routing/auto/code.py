"""How much of a text is program code, told line by line."""

import re
from typing import Final

_FENCE: Final = "```"
# A line of code ends like one, begins like one, or is written in one of the ways that prose is not.
_CODE: Final = re.compile(
    r"""(?:
        (?:[#]include|import|from|package|use|using|namespace|export|require)[ ][\w.<"{*@/][^?!]*[^.?!]$
      | (?:def|class|fn|func|function|struct|enum|interface|impl|trait|public|private|protected|static|const|let|var
         |async|await|return|else|elif|if|for|while|switch|case|try|except|catch|finally|with|match)\b
        .*[:;{}()=,\[\]]$
      | (?:return|yield|raise|del|break|continue|pass)(?:[ ][\w.]+)?$
      | (?:SELECT|INSERT|UPDATE|DELETE|CREATE|ALTER|DROP|FROM|WHERE|JOIN)\b[ ].*
      | [$>][ ]\S.*
      | (?://|/\*|\*/|<!--|</?[a-zA-Z]|@\w).*
      | .*(?:[;{}]|\)[ ]?:|=>|->|\\|\([\w\s,.'"=]*\))$
      | [\w.\[\]'"]+[ ]?(?:[-+*/|&^%:]?=|:=)[ ]?\S.*
    )""",
    re.VERBOSE,
)
MOST_LINES: Final = 200
LONGEST_LINE: Final = 200  # characters


def code_share(text: str) -> float:
    """Return how much of `text` is code, 0 to 1: the characters of its lines of code by those of all lines.

    What stands between fences of Markdown is code whatever it looks like. The first 200 lines count, and of a line the
    first 200 characters, so that no text takes long.
    """
    code = prose = 0
    fenced = False
    for line in text.splitlines()[:MOST_LINES]:
        words = line[:LONGEST_LINE].strip()
        if words.startswith(_FENCE):
            fenced = not fenced
        elif fenced or _CODE.match(words):
            code += len(words)
        else:
            prose += len(words)
    return code / (code + prose) if code else 0.0
