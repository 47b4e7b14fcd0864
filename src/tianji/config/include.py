"""`include:` files: read once each, breadth first, and merged key by key."""

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from tianji.config.problems import Findings, Place
from tianji.config.tree import Items, Map

_KEY = "include"


class Gathered(NamedTuple):
    """The merged top-level mapping and every file that was read for it, the root first."""

    tree: Map
    files: tuple[Path, ...]


def gather(root: Path, read: Callable[[Path], object], findings: Findings) -> Gathered:
    """Read `root` and everything it includes.

    Lists of the same top-level key are joined, the including file's first; any other value of an included file
    replaces the earlier one whole. `read` returns a file's value, or None after reporting why it cannot.
    """
    tree = Map(Place(root, 0))
    files: list[Path] = []
    seen = {root.resolve()}
    waiting: deque[Path] = deque([root])
    while waiting:
        file = waiting.popleft()
        files.append(file)
        value = read(file)
        if isinstance(value, Map):
            for path in _included(value, file, root, findings):
                if path.resolve() not in seen:
                    seen.add(path.resolve())
                    waiting.append(path)
            tree = _merge(tree, value, findings)
        elif value is not None:
            findings.error(Place(file, 1), "", "the top level must be a mapping", "begin with a section: `model_list:`")
    return Gathered(tree, tuple(files))


def _included(value: Map, file: Path, root: Path, findings: Findings) -> list[Path]:
    entries = value.get(_KEY)
    if entries is None:
        return []
    if not isinstance(entries, Items) or not all(isinstance(entry, str) for entry in entries):
        findings.error(value.at(_KEY), _KEY, "must be a list of file names", "write `include: [other.yaml]`")
        return []
    found = [_locate(str(entry), place, file, root, findings) for _, entry, place in entries.members()]
    return [path for path in found if path is not None]


def _locate(entry: str, place: Place, file: Path, root: Path, findings: Findings) -> Path | None:
    if not entry or "\0" in entry:
        findings.error(place, _KEY, "the name of an included file is empty or not possible", "name a file")
        return None
    near, far = file.parent / entry, root.parent / entry
    if near.is_file():
        if far.is_file() and near.resolve() != far.resolve():
            findings.warning(
                place, _KEY, f"{near} is used, although {far} exists too", "rename one, or write an absolute path"
            )
        return near
    if far.is_file():
        findings.warning(
            place, _KEY, f"{near} does not exist, so {far} was used", "write the path from the including file"
        )
        return far
    findings.error(
        place, _KEY, f"{near} does not exist", "correct the name; it counts from the including file's folder"
    )
    return None


def _merge(base: Map, added: Map, findings: Findings) -> Map:
    members = {key: (key, value, place) for key, value, place in base.members() if key != _KEY}
    for key, value, place in added.members():
        if key == _KEY:
            continue
        earlier = members.get(key)
        if earlier is None:
            members[key] = (key, value, place)
            continue
        _, old, where = earlier
        if isinstance(old, Items) and isinstance(value, Items):
            pairs = [(item, at) for _, item, at in (*old.members(), *value.members())]
            members[key] = (key, Items(old.place, pairs), where)
        else:
            findings.warning(
                place, key, f"replaces the whole section written at {where}", "put the section into one file only"
            )
            members[key] = (key, value, place)
    return Map(added.place if not base else base.place, members.values())
