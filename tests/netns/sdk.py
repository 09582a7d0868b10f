# SPDX-License-Identifier: Apache-2.0
"""An installation under test, and cubes that are built against it."""

import os
import shutil

from daemon import BUILD
from network import run

# Folders of the build, so that compilations are found in the cache the next time; tests side by side have their own.
FOLDER = BUILD / "tests/sdk" / os.environ.get("PYTEST_XDIST_WORKER", "gw0")


def install(root, *options):
    """An installation below /usr, staged: nothing in it may know where it lies."""
    shutil.rmtree(root, ignore_errors=True)
    run("cmake", "--install", BUILD, "--prefix", "/usr", *options, env={**os.environ, "DESTDIR": str(root)})
    return root / "usr"


def build_cube(prefix, source, *options):
    """Builds cubes outside of the tree and runs their tests; returns the build folder."""
    folder = FOLDER / f"build-{source.name}"
    shutil.rmtree(folder, ignore_errors=True)
    environment = {**os.environ, "CCACHE_BASEDIR": str(FOLDER), "CCACHE_NOHASHDIR": "1",
                   "CMAKE_CXX_COMPILER_LAUNCHER": "ccache"}
    run("cmake", "-S", source, "-B", folder, "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={prefix}",
        "-DCMAKE_COMPILE_WARNING_AS_ERROR=ON", "-DCMAKE_CXX_FLAGS=-Wall -Wextra", *options, env=environment)
    run("cmake", "--build", folder, env=environment)
    run("ctest", "--test-dir", folder, "--output-on-failure", "--no-tests=error")
    return folder
