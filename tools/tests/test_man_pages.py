# SPDX-License-Identifier: Apache-2.0
"""Manual pages say what the programs' own help says: no option is missing in them, none is there that does not exist."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
BIN = Path(os.environ.get("POLYCUBE_BUILD", ROOT / "build")) / "bin"
PAGES = ROOT / "docs/man"
PROGRAMS = {
    "polycubed.8": [BIN / "polycubed", "--help"],
    "polycube-service.8": [BIN / "polycube-service", "--help"],
    "polycubectl.1": [BIN / "polycubectl", "?"],
    "polycube-new-cube.1": [ROOT / "sdk/new-cube/polycube-new-cube", "--help"],
}


def options_of_page(text):
    """Flags of the entries `.It Fl ...`: in mdoc, Fl puts one dash before its argument."""
    found = set()
    for entry in re.findall(r"^\.It (Fl .*)$", text, re.MULTILINE):
        found |= {f"-{name}" for name in re.findall(r"\bFl ([\w-]+)", entry)}
    return found


def options_of_help(text):
    """Words with a dash at the beginning of lines that describe options."""
    found = set()
    for line in text.splitlines():
        head = re.match(r" {0,2}(--?[a-z][\w-]*(?:[ =|][^ ,]+)?(?:, ?--?[a-z][\w-]*)*)", line)
        if head:
            found |= set(re.findall(r"(?<![\w-])--?[a-z][\w-]*", head.group(1)))
    return found


def keywords_of_page(text):
    return set(re.findall(r"^\.It Cm (\w+)", text, re.MULTILINE))


def keywords_of_help(text):
    return set(re.findall(r"^(\w+) +command ", text, re.MULTILINE))


def help_of(page):
    done = subprocess.run(list(map(str, PROGRAMS[page])), capture_output=True, text=True, timeout=30,
                          env={**os.environ, "POLYCUBECTL_URL": "http+unix:///nonexistent", "HOME": "/nonexistent"})
    return done.stdout


@pytest.mark.parametrize("page", PROGRAMS)
def test_options_are_those_of_the_help(page):
    options = options_of_help(help_of(page))
    assert len(options) > 2
    assert options_of_page((PAGES / page).read_text()) == options


def test_commands_are_those_of_the_help():
    keywords = keywords_of_help(help_of("polycubectl.1"))
    assert "rollback" in keywords
    assert keywords_of_page((PAGES / "polycubectl.1").read_text()) == keywords


def test_settings_are_those_of_the_installed_file():
    """That the file has all, and only what the daemon understands, is a test of the daemon's options."""
    page = (PAGES / "polycubed.conf.5").read_text()
    entries = " ".join(re.findall(r"^\.It Cm (.*)$", page, re.MULTILINE))
    settings = re.findall(r"^#([a-z-]+):", (ROOT / "packaging/polycubed.conf").read_text(), re.MULTILINE)
    assert set(re.findall(r"[a-z-]+", entries)) == {*settings, "loglevel"}


@pytest.mark.parametrize("page", sorted(path.name for path in PAGES.iterdir()))
def test_they_are_well_formed(page):
    lint = subprocess.run(["mandoc", "-T", "lint", "-W", "warning", PAGES / page], capture_output=True, text=True)
    assert lint.returncode == 0 and not lint.stdout, lint.stdout


def test_a_difference_is_found():
    page = ".It Fl -socket Ar PATH\ntext\n.It Fl l Ar LEVEL , Fl -log-level Ar LEVEL\n.It Fl hide Ns = Ns Ar k\n"
    assert options_of_page(page) == {"--socket", "-l", "--log-level", "-hide"}
    text = ("  -h,--help      Print\n  --config,--configfile TEXT=/x-y/--z  file --no\n                 --neither\n"
            "-json, -yaml       show: one\n-hide=k1,k2.k3     show\n-interval=S|none   a\n-f FILE            b -c\n")
    assert options_of_help(text) == {"-h", "--help", "--config", "--configfile", "-json", "-yaml", "-hide", "-interval",
                                     "-f"}
