"""Print the ten longest files, functions and classes; fail where one is over its limit without a reason.

Limits: file 500 lines, Cython file 400, function 60, class 20 methods. A file that has to be longer says why in a
line that starts with "Size:" in its module docstring.
"""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
FILE, CYTHON_FILE, FUNCTION, METHODS = 500, 400, 60, 20
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef)


def excused(text: str) -> bool:
    """Whether the module docstring gives a reason for its size."""
    head = text.split('"""')[1] if text.count('"""') > 1 else ""
    return "\nSize:" in head


def python_parts(path: Path, text: str) -> Iterator[tuple[str, int, int, str]]:
    """Yield (kind, size, limit, name) for each function and class of a Python file."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, FUNCTIONS):
            yield "function", (node.end_lineno or node.lineno) - node.lineno + 1, FUNCTION, f"{path}:{node.name}"
        elif isinstance(node, ast.ClassDef):
            methods = sum(isinstance(child, FUNCTIONS) for child in node.body)
            yield "class", methods, METHODS, f"{path}:{node.name}"


def measure() -> Iterator[tuple[str, int, int, str]]:
    """Yield (kind, size, limit, name) for everything that is measured."""
    for folder, pattern in (("src", "*.py"), ("ext", "*.pyx"), ("tests", "*.py"), ("bench", "*.py")):
        for full in sorted((ROOT / folder).rglob(pattern)):
            path, text = full.relative_to(ROOT), full.read_text(encoding="utf-8")
            limit = CYTHON_FILE if full.suffix == ".pyx" else FILE
            yield "file", text.count("\n"), sys.maxsize if excused(text) else limit, str(path)
            if full.suffix == ".py":
                yield from python_parts(path, text)


def main() -> int:
    """Print the report; 1 when a limit is broken."""
    rows = sorted(measure(), key=lambda row: -row[1])
    for kind in ("file", "function", "class"):
        print(f"longest, by {kind}:")  # noqa: T201  a report for the terminal
        for _, size, _, name in [row for row in rows if row[0] == kind][:10]:
            print(f"  {size:5d}  {name}")  # noqa: T201
    broken = [row for row in rows if row[1] > row[2]]
    for kind, size, limit, name in broken:
        print(f"too long: {kind} {name}: {size} > {limit}")  # noqa: T201
    return bool(broken)


if __name__ == "__main__":
    sys.exit(main())
