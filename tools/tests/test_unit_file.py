# SPDX-License-Identifier: Apache-2.0
"""systemd understands the unit: each section, setting and value of it."""

import subprocess
from pathlib import Path

UNIT = Path(__file__).resolve().parents[2] / "packaging/debian/polycube.polycubed.service"


def verify(folder, text):
    file = folder / "polycubed.service"
    file.write_text(text.replace("/usr/bin/polycubed", "/bin/true"))
    done = subprocess.run(["systemd-analyze", "verify", "--man=no", file], capture_output=True, text=True)
    return done.stdout + done.stderr


def test_the_unit_is_understood(tmp_path):
    assert verify(tmp_path, UNIT.read_text()) == ""


def test_what_is_not_understood_is_found(tmp_path):
    assert "WatchDog" in verify(tmp_path, UNIT.read_text().replace("WatchdogSec", "WatchDogSec"))
