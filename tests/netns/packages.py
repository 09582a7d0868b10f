# SPDX-License-Identifier: Apache-2.0
"""Service packages that tests make for themselves."""

from daemon import ROOT
from network import run


def package(folder, name, model, source=None):
    """A service package: its model, and its objects when there is a source."""
    target = folder / name
    target.mkdir(parents=True)
    (target / f"{name}.yang").write_text(model)
    if source:
        arch = run("gcc", "-print-multiarch").strip()
        for hook in ("tc", "xdp"):
            run("clang-19", "-O2", "-g", "-target", "bpf", "-mcpu=v3", "-std=gnu11", f"-I{ROOT}/sdk/bpf",
                f"-I/usr/include/{arch}", f"-DPCN_HOOK_{hook.upper()}", "-c", source, "-o", target / f"{name}.{hook}.o")


def model(name, nodes=""):
    """A standard cube with these nodes of its own."""
    return f"""module {name} {{
  yang-version 1.1; namespace "urn:polycube:{name}"; prefix {name};
  import polycube-base {{ prefix pcn; }}
  pcn:service "Test service"; pcn:service-version "1.0.0";
  revision 2026-01-01;
  list {name} {{ key name; uses pcn:standard-cube; {nodes} }}
}}
"""
