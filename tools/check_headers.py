#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compiles every header alone: check_headers.py [--abi] [--jobs N] ROOT

Without --abi: headers of src/ and sdk/control/ as C++20 (g++), headers of sdk/bpf/ for BPF (clang-19), once a hook.
With --abi: */*/abi/*.h (of cubes and examples) by both compilers, pedantically; each must state its layout by static assertions.
"""

import argparse
import concurrent.futures
import re
import subprocess
import sys
import tempfile
from pathlib import Path

WARNINGS = ["-Wall", "-Wextra", "-Werror"]
ASSERTION = re.compile(r"\b(_Static_assert|static_assert)\s*\(|\bPCN_\w*ASSERT\w*\s*\(")
# What tests get from CMake, and so the headers that only tests include.
TEST_DEFINES = [f'-DPOLYCUBE_TEST_{name}_DIR="."' for name in ("SOURCE", "YANG", "SERVICES", "CUBES")]
LIBRARIES = ["libbpf", "libyang", "libnl-3.0", "libnl-route-3.0"]


def library_flags():
    done = subprocess.run(["pkg-config", "--cflags", *LIBRARIES], capture_output=True, text=True, check=True)
    return done.stdout.split()


def multiarch():
    return subprocess.run(["g++", "-print-multiarch"], capture_output=True, text=True, check=True).stdout.strip()


def cxx_command(root, includes, extra):
    folders = [flag for folder in includes for flag in ("-I", str(root / folder))]
    return ["g++", "-std=c++20", "-fsyntax-only", *WARNINGS, *folders, *extra, "-x", "c++", "-"]


def bpf_command(root, includes, extra):
    folders = [flag for folder in includes for flag in ("-I", str(root / folder))]
    return ["clang-19", "-target", "bpf", "-mcpu=v3", "-std=gnu11", "-O2", "-g", *WARNINGS, "-Wno-unused-parameter",
            "-Wno-unused-function",
            "-Wno-undefined-internal", "-fsyntax-only", *folders, f"-I/usr/include/{multiarch()}", *extra, "-x", "c",
            "-"]


def compile_alone(header, command):
    """Includes the header twice, so that a missing guard shows. Returns the compiler's complaint or None."""
    text = f'#include "{header}"\n#include "{header}"\n'
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return None if done.returncode == 0 else f"{header} does not compile alone ({command[0]}):\n{done.stderr}"


def generate_messages(root, folder):
    """What the compiler of protocol buffers makes of the SDK's messages, as the build does."""
    plugin = subprocess.run(["which", "grpc_cpp_plugin"], capture_output=True, text=True).stdout.strip()
    for proto in sorted((root / "sdk/control").rglob("*.proto")):
        subprocess.run(["protoc", f"-I{proto.parent}", f"--cpp_out={folder}", f"--grpc_out={folder}",
                        f"--plugin=protoc-gen-grpc={plugin}", str(proto)], check=True)


def headers_jobs(root, generated):
    generate_messages(root, generated)
    cxx = cxx_command(root, ["src", "sdk/control", "sdk/bpf"],
                      [*library_flags(), *TEST_DEFINES, "-isystem", str(generated)])
    for folder in ("src", "sdk/control"):
        for header in sorted((root / folder).rglob("*.h")):
            # A .bpf.h belongs to BPF programs.
            if not header.name.endswith(".bpf.h"):
                yield header.resolve(), cxx
    for hook in ("PCN_HOOK_TC", "PCN_HOOK_XDP"):
        bpf = bpf_command(root, ["sdk/bpf"], [f"-D{hook}"])
        for header in sorted((root / "sdk/bpf").rglob("*.h")):
            yield header.resolve(), bpf


def abi_jobs(root):
    for header in sorted(root.glob("*/*/abi/*.h")):
        cube = header.parent.parent.relative_to(root)
        yield header.resolve(), cxx_command(root, ["sdk/bpf", str(cube)], ["-pedantic"])
        yield header.resolve(), bpf_command(root, ["sdk/bpf", str(cube)], ["-pedantic", "-DPCN_HOOK_TC"])


def abi_complaints(root):
    for header in sorted(root.glob("*/*/abi/*.h")):
        if not ASSERTION.search(header.read_text()):
            yield f"{header}: states neither sizes nor offsets by static_assert"


def main(arguments):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--abi", action="store_true")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("root", type=Path)
    options = parser.parse_args(arguments)

    complaints = list(abi_complaints(options.root)) if options.abi else []
    with tempfile.TemporaryDirectory() as generated:
        jobs = list(abi_jobs(options.root) if options.abi else headers_jobs(options.root, generated))
        with concurrent.futures.ThreadPoolExecutor(options.jobs) as pool:
            complaints += filter(None, pool.map(lambda job: compile_alone(*job), jobs))
    for complaint in complaints:
        print(complaint)
    print(f"{len({header for header, _ in jobs})} headers")
    return 1 if complaints else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
