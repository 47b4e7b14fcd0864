"""YAML 1.1 as PyYAML's safe loader reads it, with the file and line of every key and item kept.

Differences from `yaml.safe_load`, none of which breaks a file that loads there: dates and timestamps stay the text that
was written, keys are always text, and duplicate keys (the last one wins) are reported.
"""

from pathlib import Path
from typing import Final

import yaml
from yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from tianji.config.problems import Findings, Place
from tianji.config.tree import Items, Map

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAG: Final = "tag:yaml.org,2002:"
_MERGE: Final = _TAG + "merge"
_TEXT_TAGS: Final = frozenset({_TAG + "str", _TAG + "value", _TAG + "timestamp"})
_LARGEST_INTEGER: Final = 1 << 64  # nothing that is configured needs more, and text of such numbers is costly
_MAX_VALUES: Final = 1_000_000  # counted with every alias written out
_MAX_DEPTH: Final = 100


def read(file: Path, data: bytes, findings: Findings) -> object:
    """Return the one document in `data`, or None after reporting why it cannot be read. Empty text is None too."""
    try:
        loader = _LOADER(data)
        try:
            root = loader.get_single_node()
            return _Builder(file, loader, findings).build(root, 0) if root is not None else None
        finally:
            loader.dispose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(file, mark.line + 1 if mark else 0)
        problem = error.problem or error.context or "the text is not YAML"
        findings.error(place, "", f"not valid YAML: {problem}", _syntax_remedy(data, place.line))
    except (yaml.YAMLError, UnicodeDecodeError):
        findings.error(Place(file, 0), "", "not valid YAML: the file holds bytes that are not text", "save it as UTF-8")
    except RecursionError:
        findings.error(Place(file, 0), "", "nested too deeply", f"keep nesting below {_MAX_DEPTH} levels")
    return None


def _syntax_remedy(data: bytes, line: int) -> str:
    lines = data.splitlines()
    text = lines[line - 1] if 0 < line <= len(lines) else b""
    if b"\t" in text[: len(text) - len(text.lstrip())]:
        return "indent with spaces: YAML does not allow tabs there"
    return "correct this line or the one before it"


class _Builder:
    """Turns composed nodes into placed values. Aliased nodes are built once and shared."""

    def __init__(self, file: Path, loader: yaml.SafeLoader, findings: Findings) -> None:
        self._file = file
        self._loader = loader
        self._findings = findings
        self._built: dict[int, tuple[object, int]] = {}
        self._open: set[int] = set()
        self._values = 0

    def build(self, node: Node, depth: int) -> object:
        """Return the value of `node`; what cannot be built is reported and becomes null."""
        value, size = self._measured(node, depth)
        if size > _MAX_VALUES:
            self._error(node, f"more than {_MAX_VALUES:,} values once its aliases are written out", "use fewer aliases")
            return None
        return value

    def _measured(self, node: Node, depth: int) -> tuple[object, int]:
        if isinstance(node, ScalarNode):
            return self._scalar(node), 1
        key = id(node)
        if key in self._built:
            return self._built[key]
        if key in self._open or depth >= _MAX_DEPTH:
            self._error(node, "nested too deeply, or inside itself", f"keep nesting below {_MAX_DEPTH} levels")
            return None, 1
        self._open.add(key)
        built = self._mapping(node, depth) if isinstance(node, MappingNode) else self._sequence(node, depth)
        self._open.remove(key)
        self._built[key] = built
        return built

    def _place(self, node: Node) -> Place:
        return Place(self._file, node.start_mark.line + 1)

    def _error(self, node: Node, message: str, remedy: str) -> None:
        self._findings.error(self._place(node), "", message, remedy)

    def _scalar(self, node: ScalarNode) -> object:
        if node.tag in _TEXT_TAGS:
            return node.value
        if node.tag == _TAG + "null":
            return None
        construct = {
            _TAG + "bool": self._loader.construct_yaml_bool,
            _TAG + "float": self._loader.construct_yaml_float,
            _TAG + "int": self._loader.construct_yaml_int,
        }.get(node.tag)
        if construct is None:
            self._error(node, f"the YAML tag {node.tag} is not allowed", "write a plain value")
            return None
        try:
            value = construct(node)
        except (ValueError, KeyError, IndexError, OverflowError):
            self._error(node, "looks like a number or boolean and is none", "quote it if it is meant as text")
            return None
        if isinstance(value, int) and not -_LARGEST_INTEGER < value < _LARGEST_INTEGER:
            self._error(node, "an integer of more than 64 bits", "write a smaller number, or quote it as text")
            return None
        return value

    def _sequence(self, node: Node, depth: int) -> tuple[object, int]:
        if not isinstance(node, SequenceNode) or node.tag != _TAG + "seq":
            self._error(node, f"the YAML tag {node.tag} is not allowed", "write a plain list")
            return None, 1
        total, members = 1, []
        for child in node.value:
            value, size = self._measured(child, depth + 1)
            total += size
            members.append((value, self._place(child)))
        return Items(self._place(node), members), total

    def _mapping(self, node: MappingNode, depth: int) -> tuple[object, int]:
        if node.tag != _TAG + "map":
            self._error(node, f"the YAML tag {node.tag} is not allowed", "write a plain mapping")
            return None, 1
        members, total = self._merged(node, depth)
        seen: dict[str, Place] = {}
        for key_node, value_node in node.value:
            if key_node.tag == _MERGE:
                continue
            place = self._place(key_node)
            if not isinstance(key_node, ScalarNode):
                self._error(key_node, "a key must be text", "write one word, or quote it")
                continue
            key = key_node.value
            if key in seen:
                self._findings.warning(
                    place, key, f"written twice: line {seen[key].line} is ignored, line {place.line} counts", "keep one"
                )
            seen[key] = place
            value, size = self._measured(value_node, depth + 1)
            total += size
            members.append((key, value, place))
        return Map(self._place(node), members), total

    def _merged(self, node: MappingNode, depth: int) -> tuple[list[tuple[str, object, Place]], int]:
        """Members that `<<` brings in, in the order that lets a later one win, and their number."""
        members: list[tuple[str, object, Place]] = []
        total = 1
        for key_node, value_node in node.value:
            if key_node.tag != _MERGE:
                continue
            sources = value_node.value if isinstance(value_node, SequenceNode) else [value_node]
            for source in reversed(sources):  # the first of a list wins
                value, size = self._measured(source, depth + 1)
                total += size
                if isinstance(value, Map):
                    members.extend(value.members())
                else:
                    self._error(value_node, "`<<` needs a mapping, or a list of mappings", "name an anchor of one")
        return members, total
