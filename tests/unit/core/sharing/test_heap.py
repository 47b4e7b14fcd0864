"""What was freed between blocks that live on comes back to the system when it is asked for."""

import os
import platform
import subprocess
import sys

import pytest

CODE = """
from tianji._core.sharing import heap
from tianji.edge.processes.slack import resident
heap.settle()
blocks = [bytes(100_000) + b"x" for _ in range(1000)]
full = resident()
blocks = blocks[::50]
holed = resident()
heap.trim()
print(full, holed, resident(), sum(map(len, blocks)))
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="other libraries keep their own counsel")
@pytest.mark.skipif("asan" in os.environ.get("LD_PRELOAD", ""), reason="the sanitizer has a heap of its own")
def test_trimming_gives_back_what_lies_between_the_living() -> None:
    ran = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    full, holed, trimmed, alive = map(int, ran.stdout.split())
    assert full - holed < 20_000_000, "freed memory is kept for the next request"
    assert full - trimmed > 80_000_000
    assert alive == 20 * 100_001
