"""Compile each .pyx below ext/ into src/, at the same place. TIANJI_BUILD picks one of PROFILES, or none of them."""

import multiprocessing
import os
import sys
from pathlib import Path

from Cython.Build import cythonize
from Cython.Compiler import Options
from setuptools import Extension, setup
from setuptools.command.build_py import build_py

EXT = Path("ext")
PYX = sorted(EXT.rglob("*.pyx"))
HEADERS = sorted(map(str, EXT.glob("include/*.h")))
PROFILE = os.environ.get("TIANJI_BUILD", "release")
SANITIZERS = ["-fsanitize=address,undefined"]
NOTHING = "none"  # `make` links the package first and compiles it afterwards, once
PROFILES = {  # name: compiler flags, linker flags, macros
    "release": (["-O3", "-g0"], [], []),
    "profile": (["-O3", "-g", "-fno-omit-frame-pointer"], [], []),
    "debug": (["-O0", "-g3", "-UNDEBUG"], [], []),
    # Python 3.13+: unless sys.monitoring is switched off, Cython.Coverage silently records nothing
    "trace": (["-O0"], [], [("CYTHON_TRACE", "1"), ("CYTHON_TRACE_NOGIL", "1"), ("CYTHON_USE_SYS_MONITORING", "0")]),
    "asan": (["-O1", "-g3", "-UNDEBUG", "-fno-omit-frame-pointer", *SANITIZERS], SANITIZERS, []),
}
if PROFILE not in (*PROFILES, NOTHING):
    sys.exit(f"TIANJI_BUILD={PROFILE!r}: expected one of {', '.join(PROFILES)}")
if not PYX:  # otherwise an sdist without ext/ builds a valid, empty py3-none-any wheel
    sys.exit("no .pyx under ext/: the source tree is incomplete")
cflags, ldflags, macros = PROFILES.get(PROFILE, ([], [], []))
checked = PROFILE in ("debug", "trace", "asan")
Options.warning_errors = True


def extension(pyx: Path) -> Extension:
    """Describe one module: its name mirrors its path below ext/."""
    own = [str(p) for p in (pyx, pyx.with_suffix(".pxd")) if p.exists()]
    name = ".".join(pyx.relative_to(EXT).with_suffix("").parts)
    return Extension(
        name,
        [str(pyx)],
        include_dirs=[str(EXT / "include")],
        define_macros=macros,
        depends=own + HEADERS,
        extra_compile_args=cflags,
        extra_link_args=ldflags,
    )


class BuildPackage(build_py):
    """Puts the quickstart's configuration into the package, where `serve --quickstart` looks without a source tree."""

    def run(self) -> None:
        """Copy the modules, then examples/quickstart.yaml."""
        super().run()
        if not self.editable_mode:
            target = Path(self.build_lib, "tianji", "examples", "quickstart.yaml")
            self.mkpath(str(target.parent))
            self.copy_file("examples/quickstart.yaml", str(target))


def compiled() -> list[Extension]:
    """Translate what is newer than its C, and describe all modules."""
    modules: list[Extension] = cythonize(
        [extension(p) for p in PYX],
        include_path=[str(EXT)],
        # A change of flags rebuilds nothing, so each profile gets its own folder;
        # Cython.Coverage finds a .c only beside its .pyx, so trace writes there.
        build_dir=None if PROFILE == "trace" else f"build/{PROFILE}",
        compiler_directives={
            "language_level": 3,
            "wraparound": False,
            "cdivision": True,
            "auto_pickle": False,
            "embedsignature": True,
            "boundscheck": checked,
            "initializedcheck": checked,
            "nonecheck": checked,
            "linetrace": PROFILE == "trace",
        },
        annotate=bool(os.environ.get("TIANJI_ANNOTATE")),
        # elsewhere a helper process would run this file again
        nthreads=(os.cpu_count() or 1) if multiprocessing.get_start_method() == "fork" else 0,
        emit_linenums=PROFILE != "release",
    )
    return modules


setup(
    cmdclass={"build_py": BuildPackage},
    ext_modules=[] if PROFILE == NOTHING else compiled(),
    options={"build": {"build_base": f"build/{PROFILE}"}},
)
