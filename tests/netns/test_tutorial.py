# SPDX-License-Identifier: Apache-2.0
"""docs/tutorial.md does what it says: one shell runs its commands in order, and they print what the page shows.

In shown output `...` stands for any text of a line, and as a line of its own for any number of lines. The shell has
namespaces of its own for devices, mounts and processes, so nothing of the machine is touched and nothing stays.
"""

import os
import re
import shlex
import shutil
import subprocess
import threading
from dataclasses import dataclass

from daemon import ROOT
from sdk import FOLDER

PAGE = ROOT / "docs/tutorial.md"
# Folders that the page writes to are empty ones.
WORLD = """
set -e
mount --make-rprivate /
for folder in /run /opt /var/lib/polycube; do mkdir -p $folder; mount -t tmpfs tmpfs $folder; done
mount -t bpf bpf /sys/fs/bpf
ip link set lo up
exec bash --norc
"""


@dataclass
class Command:
    line: int
    text: str
    shown: list  # lines of output; None: not shown


def blocks(text):
    """Yields (line number, language, lines) of the fenced blocks."""
    opened = None
    for number, line in enumerate(text.splitlines(), 1):
        fence = re.fullmatch(r"```(\w*)", line)
        if fence and opened is None:
            opened = (number + 1, fence.group(1), [])
        elif fence:
            yield opened
            opened = None
        elif opened:
            opened[2].append(line)
    assert opened is None, f"the block of line {opened[0]} does not end"


def commands(text):
    for number, language, lines in blocks(text):
        if language == "sh":
            yield Command(number, "\n".join(lines), None)
        elif language == "cpp":  # an excerpt of what polycube-new-cube has made
            code = shlex.quote("\n".join(lines))
            yield Command(number, f'[[ "$(cat */control/*.cpp)" == *{code}* ]]', None)
        elif language == "console":
            made = []
            for offset, line in enumerate(lines):
                if line.startswith("$ "):
                    made.append(Command(number + offset, line[2:], []))
                else:
                    made[-1].shown.append(line)
            yield from made


def matches(shown, printed):
    pattern = "".join("(?:.*\n)*?" if line == "..." else ".*".join(map(re.escape, line.split("..."))) + "\n"
                      for line in shown)
    return re.fullmatch(pattern, "".join(f"{line.rstrip()}\n" for line in printed.strip("\n").splitlines())) is not None


class Shell:
    """A bash that is told one command after the other, as by somebody who reads the page."""

    def __init__(self, folder):
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        self.folder = folder
        environment = {**os.environ, "CMAKE_CXX_COMPILER_LAUNCHER": "ccache", "LC_ALL": "C.UTF-8"}
        self.process = subprocess.Popen(
            ["unshare", "--net", "--mount", "--pid", "--fork", "--kill-child", "--mount-proc", "bash", "-c", WORLD],
            cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        # Only a page that waits for what never comes reaches this.
        self.limit = threading.Timer(1800, self.process.kill)
        self.limit.start()

    def run(self, command):
        """(exit status, what was printed)"""
        script, printed = self.folder / "command", self.folder / "printed"
        script.write_text(command)
        self.process.stdin.write(f'eval "$(<{script})" >{printed} 2>&1 </dev/null; echo "status $?"\n')
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        while answer and not answer.startswith("status "):
            answer = self.process.stdout.readline()
        assert answer, f"the shell ended at: {command}"
        return int(answer.split()[1]), printed.read_text(errors="replace")

    def close(self):
        self.limit.cancel()
        self.process.kill()
        self.process.wait()


def test_output_is_compared():
    assert matches(["a", "...", "b c...e"], "a\nx\ny\nb cde\n")
    assert matches([], "") and matches(["..."], "") and matches(["..."], "x\ny\n")
    assert not matches(["a"], "a\nb\n") and not matches(["a", "b"], "a\n") and not matches([], "x\n")


def test_the_page_says_what_happens():
    shell = Shell(FOLDER / "tutorial")
    try:
        done = 0
        for command in commands(PAGE.read_text()):
            status, printed = shell.run(command.text)
            where = f"{PAGE.name}:{command.line}: {command.text}\nprinted:\n{printed}"
            refused = bool(command.shown) and command.shown[0].startswith("error:")
            assert (status != 0) == refused, f"status {status} of {where}"
            assert command.shown is None or matches(command.shown, printed), where
            done += 1
        assert done > 40, "the page has been read to its end"
    finally:
        shell.close()
