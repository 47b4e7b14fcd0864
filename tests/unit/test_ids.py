"""Names are never given twice, not even by a forked child."""

import os
import re

from tianji._core.bodies.names import Names


def test_names_differ() -> None:
    names = Names(24)
    given = [names.new() for _ in range(1000)]
    assert len(set(given)) == 1000
    assert all(re.fullmatch(rb"[0-9a-f]{24}", name) for name in given)


def test_a_forked_child_gives_other_names() -> None:
    names = Names(24)
    names.new()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writer, b"".join(names.new() for _ in range(100)))
        os._exit(0)
    os.close(writer)
    told = b""
    while part := os.read(reader, 4096):
        told += part
    os.close(reader)
    os.waitpid(child, 0)
    others = {told[at : at + 24] for at in range(0, len(told), 24)}
    assert len(others) == 100
    assert not others & {names.new() for _ in range(300)}
