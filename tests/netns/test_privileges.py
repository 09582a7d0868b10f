# SPDX-License-Identifier: Apache-2.0
"""What the daemon and services of their own process may do of all that root may."""

import subprocess
from pathlib import Path

import pytest

from daemon import BUILD, POLYCUBED, ROOT, SERVICES
from remote import RemoteService, renamed

NUMBERS = {"chown": 0, "kill": 5, "setgid": 6, "setuid": 7, "net_bind_service": 10, "net_admin": 12, "net_raw": 13, "sys_admin": 21, "setfcap": 31,
           "perfmon": 38, "bpf": 39}
OF_THE_DAEMON = sum(1 << number for number in NUMBERS.values())
UNIT = ROOT / "packaging/debian/polycube.polycubed.service"
OF_A_SERVICE = 1 << NUMBERS["setfcap"]


def assert_privileges(pid, expected):
    """Of each thread, since a thread's capabilities are its own."""
    for status in Path(f"/proc/{pid}/task").glob("*/status"):
        fields = dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line)
        sets = {name: int(fields[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
        assert sets == {"Inh": 0, "Prm": expected, "Eff": expected, "Bnd": expected, "Amb": 0}, fields["Name"]
        assert fields["NoNewPrivs"] == "1", fields["Name"]


@pytest.fixture
def own(lab):
    return lab.daemon(remote=True)


def test_the_daemon_keeps_what_it_needs(lab, own):
    a, b = lab.station("a"), lab.station("b")
    own.do("simplebridge add br1")
    own.do(f"br1 ports add p1 peer={a.port}")
    own.do(f"br1 ports add p2 peer={b.port}")
    a.ping(b)
    assert_privileges(own.pid, OF_THE_DAEMON)


def test_a_service_keeps_next_to_nothing(lab, own):
    service = RemoteService(lab, own).start()
    assert_privileges(service.process.pid, OF_A_SERVICE)


def test_a_capability_that_is_missing_is_said(lab):
    """A service manager or container may have taken one away already."""
    done = subprocess.Popen(lab.host.command("setpriv", "--bounding-set", "-kill", POLYCUBED, "--transient", "--socket",
                                             lab.folder / "s", "--state-dir", lab.folder / "state"),
                            stderr=subprocess.PIPE, text=True)
    try:
        line = done.stderr.readline()
        assert "cap_kill is missing" in line, line
    finally:
        done.terminate()
        done.communicate()


def test_the_unit_takes_nothing_that_is_needed(lab):
    """In the bounding set of polycubed.service, and with the mounts that some of its settings make."""
    lines = UNIT.read_text().splitlines()
    names = " ".join(line.split("=", 1)[1] for line in lines if line.startswith("CapabilityBoundingSet=")).lower().split()
    assert set(names) == {f"cap_{name}" for name in NUMBERS} | {"cap_setpcap"}  # the last one is for giving up the others
    assert "ProtectKernelLogs=yes" in lines and "ProtectSystem=full" in lines
    bounds = ",".join(["-all", *(f"+{name.removeprefix('cap_')}" for name in names)])
    mounts = ("mount --bind /dev/null /proc/kmsg && mount --bind /dev/null /dev/kmsg && "
              "for path in /usr /etc; do mount --bind $path $path && mount -o remount,bind,ro $path || exit; done && ")
    daemon = lab.daemon(services=[BUILD / "tests/packages"], remote=True,
                        within=["unshare", "--mount", "sh", "-c", f'{mounts} exec setpriv --bounding-set {bounds} "$@"', "sh"])
    a, b = lab.station("a"), lab.station("b")
    daemon.do("programs add c first=1")
    daemon.do(f"c ports add p1 peer={a.port}")
    daemon.do(f"c ports add p2 peer={b.port}")
    source = ("#include <polycube/slave.h>\nstatic __always_inline int handle_rx(struct CTXTYPE *ctx, struct pkt_metadata *md)\n"
              "{\n\treturn pcn_pkt_redirect(ctx, md, md->in_port ^ 1);\n}\n")
    reply = daemon.data("POST", "programs:programs=c/add", {"programs:input": {"source": source}})
    assert reply.status == 200, reply.text
    a.ping(b)
    RemoteService(lab, daemon, package=renamed(lab.folder / "elsewhere", "helloworld", "mine")).start()
    assert_privileges(daemon.pid, OF_THE_DAEMON)
    assert "missing" not in daemon.log_text()


@pytest.mark.parametrize("what", ["model", "object", "folder", "above"])
def test_packages_that_others_could_change_are_not_loaded(lab, what):
    services = lab.folder / "services"
    package = services / "mine"
    package.mkdir(parents=True)
    for file in (SERVICES / "helloworld").iterdir():
        (package / file.name.replace("helloworld", "mine")).write_bytes(file.read_bytes())
    model = package / "mine.yang"
    model.write_text(model.read_text().replace("helloworld", "mine"))
    changed = {"model": model, "object": package / "mine.tc.o", "folder": package, "above": services}[what]
    daemon = lab.daemon(services=[services])
    assert "error" not in service(daemon)
    daemon.stop()
    changed.chmod(changed.stat().st_mode | 0o020)
    daemon.start()
    assert "nobody else may write it" in service(daemon)["error"]
    assert daemon.ctl("mine", "add", "m1")[0] == 2


def service(daemon):
    return daemon.data("GET", "polycube:services/service=mine").json["polycube:service"][0]
