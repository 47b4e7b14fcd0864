"""Which server serves: what `--edge` names, and what `auto` is."""

from typing import Final

import msgspec

AUTO: Final = "auto"
GRANIAN: Final = "granian"
NATIVE: Final = "native"
EDGES: Final = (AUTO, GRANIAN, NATIVE)
VARIABLE: Final = "TIANJI_EDGE"  # says what `--edge` does
TABLE: Final = 'docs/deploy.md, under "Two servers",'  # where all that differs stands


class Choice(msgspec.Struct, frozen=True):
    """The server, and what is to be said of it, if anything. surprised: WebSockets would come unexpected, and badly."""

    edge: str
    said: str = ""
    surprised: bool = False


def choose(named: str, conversations: str, *, wish: str = "", successor: bool = False) -> Choice:
    """Choose the server of a gateway.

    named: what `--edge` says
    conversations: what says that they will be held, as `tianji.realtime.expected` has it; "" for nothing
    wish: the flag that means Granian, such as `--granian_threads`; "" for none
    successor: it takes the sockets of a process over, which only the native edge gives away and takes
    """
    if named == NATIVE:
        return Choice(NATIVE)
    if named == GRANIAN or wish:
        flag = wish if named == AUTO else "--edge granian"
        return Choice(GRANIAN, _warning(flag, conversations) if conversations else "")
    if successor:
        return Choice(NATIVE, "native edge: this process takes the place of one that serves with it")
    if conversations:
        return Choice(NATIVE, f"native edge: {conversations}; --edge granian overrides")
    reason = "nothing in the configuration means realtime sessions"
    return Choice(GRANIAN, f"Granian edge: {reason}; --edge native overrides", surprised=True)


def _warning(flag: str, conversations: str) -> str:
    return (
        f"warning: {flag} has Granian serve, and {conversations}: Granian pings no client, takes 160 KiB for a silent "
        f"one and cuts off who breaks the protocol without a close frame; {TABLE} compares the two"
    )
