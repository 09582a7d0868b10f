# SPDX-License-Identifier: Apache-2.0
"""The Debian packages: they install, run, are upgraded under traffic, and leave nothing behind.

The system into which they are installed is a copy of this machine's that lasts as long as the test: an overlay in a mount
namespace, with BPF file system, /run and /tmp of its own. `./run package --check` takes a minimal Debian system for it.
"""

import gzip
import os
import shlex
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from daemon import BUILD, ROOT
from network import end, eventually, run

BASE = os.environ.get("POLYCUBE_TEST_SYSTEM", "/")
SETUP = """
set -e
cd "$1"
mkdir upper work root
mount -t overlay -o lowerdir="$2",upperdir=upper,workdir=work overlay root
for folder in dev proc sys; do mkdir -p root/$folder; mount --rbind /$folder root/$folder; done
for folder in run tmp; do mount -t tmpfs tmpfs root/$folder; done
mount -t bpf bpf root/sys/fs/bpf
mkdir root/tmp/packages
mount --bind "$3" root/tmp/packages
rm -rf root/etc/polycube root/var/lib/polycube
[ "$2" = / ] || cp /etc/resolv.conf root/etc/
echo ready
exec sleep infinity
"""
# What dpkg, apt and their triggers keep for themselves.
ADMINISTRATION = ("var/lib/dpkg", "var/lib/apt", "var/lib/systemd", "var/cache", "var/log", "etc/ld.so.cache",
                  "etc/group-", "etc/gshadow-", "etc/.pwd.lock", "run", "tmp", "etc/resolv.conf")


class System:
    """A Debian system of its own, which ends with close()."""

    def __init__(self, lab, packages):
        self.lab = lab
        self.packages = packages
        self.folder = Path(tempfile.mkdtemp(prefix="polycube-system-", dir="/var/tmp"))
        lab.closing(lambda: shutil.rmtree(self.folder))
        self.holder = subprocess.Popen(["unshare", "--mount", "--propagation", "private", "--kill-child", "--fork",
                                        "sh", "-c", SETUP, "sh", self.folder, BASE, packages], stdout=subprocess.PIPE,
                                       text=True, start_new_session=True)
        lab.closing(self.close)
        assert self.holder.stdout.readline() == "ready\n"
        self.pid = int(run("pgrep", "-P", self.holder.pid).split()[0])

    def close(self):
        os.killpg(self.holder.pid, signal.SIGKILL)
        self.holder.wait()

    def command(self, *words):
        """A command line that is run in it, in the network of the lab."""
        return self.lab.host.command(*self.command_outside(*words))

    def command_outside(self, *words):
        """The same in the network of the machine."""
        return ["nsenter", f"--mount=/proc/{self.pid}/ns/mnt", f"--root=/proc/{self.pid}/root{self.folder}/root",
                "env", "-i", "-C", "/", "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C.UTF-8",
                *map(str, words)]

    def run(self, *words, **options):
        return run(*self.command(*words), **options)

    def files(self):
        """Files that are not the base's, and those of the base that are gone or changed, with their contents."""
        found = {}
        upper = self.folder / "upper"
        for path in upper.rglob("*"):
            name = str(path.relative_to(upper))
            if path.is_dir() and not path.is_symlink() or name.startswith(ADMINISTRATION):
                continue
            found[name] = path.read_bytes() if path.is_file() else "no file"
        return found


def add_higher(package):
    """Puts the same package in a higher version beside it."""
    tree = package.with_suffix("")
    run("dpkg-deb", "-R", package, tree)
    control = tree / "DEBIAN/control"
    version = run("dpkg-deb", "-f", package, "Version").strip()
    control.write_text(control.read_text().replace(version, f"{version}+1"))
    name, _, _ = package.name.partition("_")
    run("dpkg-deb", "--root-owner-group", "-Znone", "-b", tree, package.with_name(f"{name}_higher.deb"))
    shutil.rmtree(tree)


@pytest.fixture
def packages(lab):
    """A folder with the packages of this build, in two versions."""
    folder = lab.folder / "packages"
    run(ROOT / "tools/package.sh", BUILD, folder, env={**os.environ, "DEB_BUILD_OPTIONS": "noautodbgsym"})
    for package in list(folder.glob("*.deb")):
        add_higher(package)
    return folder


@pytest.fixture
def system(lab, packages):
    made = System(lab, packages)
    if BASE != "/":
        needed = ", ".join(run("dpkg-deb", "-f", file, "Depends").strip() for file in packages.glob("*_higher.deb"))
        needed = ", ".join(part for part in needed.split(", ") if not part.startswith("polycube"))
        run(*made.command_outside("apt-get", "-qq", "update"))
        run(*made.command_outside("apt-get", "-qq", "satisfy", "-y", "--no-install-recommends", needed))
    return made


def install(system, *names, version):
    kind = "higher" if version == 2 else "amd64"
    files = [f"/tmp/packages/{path.name}" for name in names
             for path in system.packages.glob(f"{name}_*{kind}.deb")]
    assert len(files) == len(names)
    return system.run("dpkg", "--force-unsafe-io", "--auto-deconfigure", "-i", *files)


class Unit:
    """What systemd does with polycubed.service, as far as its life is concerned."""

    def __init__(self, lab, system):
        self.lab, self.system = lab, system
        self.process = None
        lab.closing(self.kill)

    def settings(self):
        text, = (self.system.folder / "upper").glob("**/lib/systemd/system/polycubed.service")
        return dict(line.split("=", 1) for line in text.read_text().splitlines() if "=" in line and line[0] != "#")

    def start(self):
        command = self.system.command(*shlex.split(self.settings()["ExecStart"]))
        with open(self.lab.folder / "unit.log", "ab") as log:
            self.process = self.lab.host.popen(*command, stdout=log, stderr=log)
        eventually(lambda: subprocess.run(self.system.command("polycubectl", "cubes", "show"),
                                          capture_output=True).returncode == 0, "the daemon answers")

    def ctl(self, *words, **options):
        return self.system.run("polycubectl", *words, **options)

    def stop(self):
        self.process.terminate()
        assert self.process.wait(30) == 0

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.wait()


def test_install_run_upgrade_remove_purge(lab, system):
    everything = ("polycube", "polycubectl", "polycube-cubes", "polycube-dev")
    before = system.files()
    install(system, *everything, version=1)
    assert system.run("getent", "group", "polycube").startswith("polycube:")
    for page in ("man8/polycubed.8", "man5/polycubed.conf.5", "man8/polycube-service.8", "man1/polycubectl.1"):
        assert b".Sh NAME" in gzip.decompress((system.folder / f"upper/usr/share/man/{page}.gz").read_bytes())
    settings = Unit(lab, system).settings()
    assert (settings["Type"], settings["StateDirectory"], settings["RuntimeDirectory"]) == \
        ("notify", "polycube", "polycube")

    unit = Unit(lab, system)
    unit.start()
    a, b = lab.station("a"), lab.station("b")
    unit.ctl("simpleforwarder", "add", "fwd")
    unit.ctl("fwd", "ports", "add", "p1", f"peer={a.port}")
    unit.ctl("fwd", "ports", "add", "p2", f"peer={b.port}")
    unit.ctl("fwd", "actions", "add", "p1", "action=forward", "outport=p2")
    unit.ctl("fwd", "actions", "add", "p2", "action=forward", "outport=p1")
    a.neighbours(b)
    ping = lab.ping(a, b, count=100000)

    # Not without its cubes, whose control planes are for this version.
    with pytest.raises(AssertionError, match="breaks polycube-cubes|would be broken"):
        system.run("dpkg", "-i", "/tmp/packages/polycube_higher.deb")

    # An upgrade: packets go on while the files are replaced and one daemon follows the other.
    install(system, *everything, version=2)
    unit.stop()
    unit.start()
    assert "fwd" in unit.ctl("cubes", "show")
    assert ping.running()
    ping.process.send_signal(signal.SIGINT)
    sent, lost = ping.result()
    assert sent > 0 and lost == 0

    other = lab.host.popen(*system.command_outside("polycubed", "--transient", "--state-dir", "/tmp/other", "--socket",
                                                   "/tmp/other.sock"))
    lab.closing(lambda: end(other))
    eventually(lambda: system.run("ls", "/tmp/other.sock", check=False), "another daemon serves")

    # A removal: daemon and data path go, the configuration stays, and comes back with the package.
    system.run("dpkg", "--remove", *everything)
    assert unit.process.wait(30) == 0
    assert other.poll() is None  # which is none of the package's
    other.terminate()
    assert other.wait(30) == 0
    assert not a.reaches(b)
    assert "polycube" not in system.run("ls", "/sys/fs/bpf")
    assert set(lab.host.devices()) <= lab.host_devices
    left = {name for name in system.files() if name not in before}
    assert {"etc/polycube/polycubed.conf", "var/lib/polycube/configuration.db"} <= left
    assert not [name for name in left if name.startswith("usr/")]
    install(system, *everything, version=2)
    unit.start()
    a.ping(b)

    # Nothing is left, not even when the daemon is still there.
    system.run("dpkg", "--purge", *everything)
    assert unit.process.wait(30) == 0
    after = system.files()
    assert set(after) - set(before) <= {"etc/group", "etc/gshadow"}
    assert "polycube" not in system.run("cat", "/etc/group", "/etc/gshadow")
    assert all(after[name] == content for name, content in before.items())
    upper = system.folder / "upper"
    folders = [path for path in upper.rglob("*polycube*")
               if path.is_dir() and not str(path.relative_to(upper)).startswith(ADMINISTRATION)]
    assert not folders


@pytest.mark.skipif(BASE == "/", reason="test_sdk.py builds cubes against an installation")
def test_authors_need_nothing_else(system):
    install(system, "polycube", "polycube-dev", version=1)
    system.run("polycube-new-cube", "mycube", "/tmp/mycube")
    system.run("cmake", "-S", "/tmp/mycube", "-B", "/tmp/mycube/build")
    system.run("cmake", "--build", "/tmp/mycube/build")
    system.run("ctest", "--test-dir", "/tmp/mycube/build", "--no-tests=error")
