"""Ids of tool calls that carry a thought signature to clients which keep nothing else of a call.

Google's models want the signature of a call back (https://ai.google.dev/gemini-api/docs/thought-signatures), and most
clients of OpenAI's form keep id, name and arguments only. So the signature stands behind the id, as LiteLLM has it, but
in the URL-safe alphabet without padding, which every upstream's rule for ids allows. Any other upstream
gets the bare id.
"""

MARK = "__thought__"
_TO_URL = str.maketrans("+/", "-_")
_FROM_URL = str.maketrans("-_", "+/")


def join(call_id: str, signature: str | None) -> str:
    """Return the id that a client gets."""
    if not signature:
        return call_id
    return f"{call_id}{MARK}{signature.rstrip('=').translate(_TO_URL)}"


def split(call_id: str) -> tuple[str, str | None]:
    """Return the upstream's id and the signature in plain base64, None where there is none."""
    bare, mark, carried = call_id.partition(MARK)
    if not mark or not carried:
        return bare or call_id, None
    text = carried.rstrip("=").translate(_FROM_URL)
    return bare, text + "=" * (-len(text) % 4)
