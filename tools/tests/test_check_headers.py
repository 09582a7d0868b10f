# SPDX-License-Identifier: Apache-2.0
import pytest

import check_headers


@pytest.fixture
def tree(tmp_path):
    def write(path, text):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)

    def run(*arguments):
        return check_headers.main([*arguments, str(tmp_path)])

    write.run = run
    return write


def test_complete_header_passes(tree):
    tree("src/base/good.h", "#pragma once\n#include <string>\ninline std::string f() { return {}; }\n")
    assert tree.run() == 0


def test_header_that_needs_another_fails(tree, capsys):
    tree("src/base/bad.h", "#pragma once\nstd::string f();\n")
    assert tree.run() == 1
    assert "bad.h does not compile alone" in capsys.readouterr().out


def test_header_without_guard_fails(tree):
    tree("src/base/bad.h", "struct Twice {};\n")
    assert tree.run() == 1


def test_header_with_warning_fails(tree):
    tree("sdk/control/bad.h", "#pragma once\ninline int f(int unused) { return 0; }\n")
    assert tree.run() == 1


def test_bpf_header_passes(tree):
    tree("sdk/bpf/polycube/good.h", "#pragma once\n#include <linux/types.h>\nstruct s { __u32 a; };\n")
    assert tree.run() == 0


def test_bpf_header_fails_on_one_hook_only(tree, capsys):
    tree("sdk/bpf/polycube/bad.h", "#pragma once\n#ifdef PCN_HOOK_XDP\nstruct s { __u32 a; };\n#endif\n")
    assert tree.run() == 1
    assert "clang-19" in capsys.readouterr().out


GOOD_ABI = """#pragma once
#include <linux/types.h>
struct key { __u32 port; };
#ifdef __cplusplus
static_assert(sizeof(key) == 4, "");
#else
_Static_assert(sizeof(struct key) == 4, "");
#endif
"""


def test_abi_header_passes(tree):
    tree("cubes/x/abi/x.h", GOOD_ABI)
    assert tree.run("--abi") == 0


def test_abi_header_without_assertion_fails(tree, capsys):
    tree("cubes/x/abi/x.h", "#pragma once\n#include <linux/types.h>\nstruct key { __u32 port; };\n")
    assert tree.run("--abi") == 1
    assert "static_assert" in capsys.readouterr().out


def test_abi_header_that_only_one_compiler_takes_fails(tree):
    tree("cubes/x/abi/x.h", GOOD_ABI + "#ifndef __bpf__\n#error\n#endif\n")
    assert tree.run("--abi") == 1
    tree("cubes/x/abi/x.h", GOOD_ABI + "#ifdef __bpf__\n#error\n#endif\n")
    assert tree.run("--abi") == 1


def test_abi_header_with_extension_fails(tree):
    tree("cubes/x/abi/x.h", GOOD_ABI + "struct tail { int n; int items[0]; };\n")
    assert tree.run("--abi") == 1
