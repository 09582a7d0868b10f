# SPDX-License-Identifier: Apache-2.0
"""The API over TCP: TLS with certificates on both sides, and clients that have none, a wrong one, or hang."""

import signal
import subprocess

import pytest

from certificates import Authority, hashed
from daemon import POLYCUBECTL, POLYCUBED
from network import eventually, run

ADDRESS = "10.99.0.1"
PORT = 443
URL = f"https://{ADDRESS}:{PORT}"  # a port for which it takes a capability
LONG_AGO = ("200101000000Z", "200201000000Z")


@pytest.fixture
def authority(lab):
    made = Authority(lab.folder / "ca")
    made.issue("daemon", alternative=f"IP:{ADDRESS},IP:127.0.0.1")
    made.issue("client", "operator")
    return made


@pytest.fixture
def listening(lab, authority):
    """A daemon with more options of TLS than those that it always has here."""
    lab.host.run("ip", "addr", "add", f"{ADDRESS}/32", "dev", "lo")

    def start(*options, ca=True):
        return lab.daemon("--listen", f"{ADDRESS}:{PORT}", "--cert", str(authority.folder / "daemon.crt"), "--key",
                          str(authority.folder / "daemon.key"),
                          *(("--cacert", str(authority.certificate)) if ca else ()), *map(str, options))

    return start


def curl(lab, authority, who="client", path="/restconf", url=URL, options=()):
    """Status that curl got, 0 when there was no answer."""
    mine = ("--cert", authority.folder / f"{who}.crt", "--key", authority.folder / f"{who}.key") if who else ()
    done = subprocess.run(lab.host.command("curl", "-sS", "--max-time", "20", "-o", "/dev/null", "-w", "%{http_code}",
                                           "--cacert", authority.certificate, *mine, *options, url + path),
                          capture_output=True, text=True, timeout=30, check=False)
    return int(done.stdout or 0)


def refused(lab, daemon, authority, who, reason):
    assert curl(lab, authority, who) == 0
    eventually(lambda: reason in daemon.log_text(), f"the log says '{reason}': {daemon.log_text()}")


def test_a_certificate_of_the_authority_lets_in(lab, authority, listening):
    daemon = listening()
    assert curl(lab, authority) == 200
    for version in ("--tls-max=1.2", "--tlsv1.3"):
        assert curl(lab, authority, options=version.split("=") if "=" in version else [version]) == 200, version
    assert daemon.ctl("version")[0] == 0, "the Unix socket is served as well"


def test_polycubectl_speaks_tls(lab, authority, listening):
    listening()
    folder = authority.folder

    def ctl(*words, **environment):
        variables = {"POLYCUBECTL_URL": URL, "POLYCUBECTL_CACERT": folder / "ca.crt",
                     "POLYCUBECTL_CERT": folder / "client.crt", "POLYCUBECTL_KEY": folder / "client.key",
                     "POLYCUBECTL_LOG": "", "HOME": folder, **environment}
        done = subprocess.run(lab.host.command("env", *(f"{name}={value}" for name, value in variables.items()),
                                               POLYCUBECTL, *words),
                              capture_output=True, text=True, timeout=60, check=False)
        return done.returncode, done.stdout + done.stderr

    code, said = ctl("version")
    assert code == 0, said
    stranger = Authority(lab.folder / "other")
    stranger.issue("client")
    code, said = ctl("version", POLYCUBECTL_CACERT=stranger.certificate)
    assert code == 1 and "certificate of the daemon" in said, said
    code, said = ctl("version", POLYCUBECTL_CERT=stranger.folder / "client.crt",
                     POLYCUBECTL_KEY=stranger.folder / "client.key")
    assert code == 1 and "does not accept the certificate" in said, said
    code, said = ctl("version", POLYCUBECTL_CERT="", POLYCUBECTL_KEY="")
    assert code == 1 and "certificate" in said, said
    code, said = ctl("version", POLYCUBECTL_CERT="/nowhere", POLYCUBECTL_KEY="/nowhere")
    assert code == 1 and "/nowhere" in said, said


def test_certificates_that_do_not_let_in(lab, authority, listening):
    daemon = listening()
    refused(lab, daemon, authority, None, "peer did not return a certificate")
    authority.issue("old", dates=LONG_AGO)
    refused(lab, daemon, authority, "old", "CN=old is refused: certificate has expired")
    other = Authority(lab.folder / "other", name="other")
    other.issue("stranger")
    for kind in ("crt", "key"):
        (authority.folder / f"stranger.{kind}").write_bytes((other.folder / f"stranger.{kind}").read_bytes())
    refused(lab, daemon, authority, "stranger", "CN=stranger is refused: unable to get local issuer certificate")
    authority.issue("nameless", "two words")
    refused(lab, daemon, authority, "nameless", "has no name that a user can have")
    assert curl(lab, authority, options=("--tls-max", "1.1", "--ciphers", "DEFAULT@SECLEVEL=0")) == 0
    assert curl(lab, authority, url=URL.replace("https", "http")) == 0, "there is no HTTP without TLS"
    assert curl(lab, authority) == 200


def test_revoked(lab, authority, listening):
    authority.issue("lost")
    authority.revoke("lost")
    daemon = listening("--crl", authority.revocation_list())
    refused(lab, daemon, authority, "lost", "CN=lost is refused: it is revoked")
    assert curl(lab, authority) == 200


def test_blacklist_and_what_is_put_there_later(lab, authority, listening):
    crt, _ = authority.issue("lost")
    folder = hashed(lab.folder / "black")
    daemon = listening("--cert-blacklist", folder)
    assert curl(lab, authority, "lost") == 200
    hashed(folder, crt)
    refused(lab, daemon, authority, "lost", "CN=lost is refused: it is revoked")
    assert curl(lab, authority) == 200
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()
    assert curl(lab, authority) == 0, "a list that cannot be read refuses everybody"


def test_whitelist(lab, authority, listening):
    """Without an authority: certificates may be signed by anybody."""
    other = Authority(lab.folder / "other", name="other")
    known, _ = other.issue("known")
    old, _ = other.issue("old", dates=LONG_AGO)
    other.issue("unknown")
    for file in other.folder.glob("*known.*"):
        (authority.folder / file.name).write_bytes(file.read_bytes())
    for file in other.folder.glob("old.*"):
        (authority.folder / file.name).write_bytes(file.read_bytes())
    daemon = listening("--cert-whitelist", hashed(lab.folder / "white", known, old), ca=False)
    assert curl(lab, authority, "known") == 200
    refused(lab, daemon, authority, "unknown", "it is not in the folder of those that are accepted")
    refused(lab, daemon, authority, "old", "certificate has expired")


@pytest.mark.parametrize("name, alternative, user", [
    ("Ann", "email:Ann@Example.ORG,DNS:host.example", "Ann@example.org"),
    ("Ann", "DNS:Host.Example", "host.example"), ("ann", None, "ann")])
def test_the_certificate_names_the_author(lab, authority, listening, name, alternative, user):
    authority.issue("named", name, alternative)
    daemon = listening()
    # Of everybody in the machine's groups nobody is a certificate's user: the rules have to name them.
    rules = {"ietf-netconf-acm:nacm": {"groups": {"group": [{"name": "us", "user-name": [user]}]},
                                       "rule-list": [{"name": "us", "group": ["us"], "rule": [
                                           {"name": "all", "action": "permit"}]}]}}
    assert daemon.data("PATCH", "ietf-netconf-acm:nacm", rules).status == 204
    body = '{"helloworld:helloworld":[{"name":"hw1"}]}'
    assert curl(lab, authority, "named", "/restconf/data",
                options=("-H", "Content-Type: application/yang-data+json", "-d", body)) == 201
    newest = daemon.data("GET", "polycube:history").json["polycube:history"]["commit"][0]
    assert newest["author"] == user


def test_bodies_are_bounded_and_large_replies_come_whole(lab, authority, listening):
    daemon = listening()
    big = lab.folder / "big"
    big.write_bytes(b"x" * (20 << 20))
    assert curl(lab, authority, path="/restconf/data",
                options=("-H", "Content-Type: application/yang-data+json", "--data-binary", f"@{big}")) == 413
    text = lab.host.run("curl", "-sS", "--cacert", authority.certificate, "--cert", authority.folder / "client.crt",
                        "--key", authority.folder / "client.key", f"{URL}/polycube/schema")
    assert text == daemon.rest("GET", "/polycube/schema").text


HANG = """
import socket, sys
clients = []
for number in range(700):
    client = socket.socket()
    client.settimeout(20)
    client.connect((sys.argv[1], int(sys.argv[2])))
    if number % 2:
        client.send(b"\\x16\\x03\\x01\\x02\\x00\\x01")
    clients.append(client)
print("connected", flush=True)
sys.stdin.read()
"""


def test_clients_that_hang_in_the_handshake_keep_nobody_out(lab, authority, listening):
    daemon = listening()
    hanging = subprocess.Popen(lab.host.command("python3", "-c", HANG, ADDRESS, PORT), stdin=subprocess.PIPE,
                               stdout=subprocess.PIPE, text=True)
    try:
        assert hanging.stdout.readline() == "connected\n"
        assert curl(lab, authority) == 200
        assert daemon.ctl("version")[0] == 0
        lines = daemon.log_text().count("is refused")
        assert lines < 60, f"{lines} lines of the log are of clients that were refused"
    finally:
        hanging.communicate("")
    assert daemon.stop() == 0


def test_certificates_are_read_again(lab, authority, listening):
    daemon = listening()
    own = authority.folder / "daemon.crt"

    def served():
        return lab.host.run("sh", "-c", f"echo | openssl s_client -connect {ADDRESS}:{PORT} 2>/dev/null | "
                                        "openssl x509 -noout -serial")

    before = served()
    authority.issue("daemon", alternative=f"IP:{ADDRESS}")
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: served() != before, "the new certificate is shown")
    assert curl(lab, authority) == 200
    own.write_text("no certificate")
    daemon.process.send_signal(signal.SIGHUP)
    eventually(lambda: "the certificates of before stay in use" in daemon.log_text(), "the log tells of it")
    assert curl(lab, authority) == 200


def test_renegotiation_is_off(lab, authority, listening):
    listening()
    done = subprocess.run(lab.host.command("openssl", "s_client", "-connect", f"{ADDRESS}:{PORT}", "-tls1_2", "-cert",
                                           authority.folder / "client.crt", "-key", authority.folder / "client.key",
                                           "-CAfile", authority.certificate),
                          input="R\n", capture_output=True, text=True, timeout=30, check=False)
    assert "no renegotiation" in done.stdout + done.stderr, done.stdout + done.stderr


@pytest.mark.parametrize("options, said", [
    (["--listen", "127.0.0.1:9000"], "there is only TLS"),
    (["--listen", "127.0.0.1:9000", "--cacert", "a"], "need --cert and --key"),
    (["--port", "9000"], "there is only TLS"),
    (["--cert", "c", "--key", "k"], "--cert needs --cacert or --cert-whitelist"),
    (["--cert", "c", "--cacert", "a"], "--cert and --key go together"),
    (["--cert", "c", "--key", "k", "--cacert", "a", "--cert-whitelist", "w"], "exclude each other"),
    (["--cert", "c", "--key", "k", "--cert-blacklist", "b", "--cert-whitelist", "w"], "exclude each other"),
    (["--cert", "c", "--key", "k", "--cert-whitelist", "w", "--crl", "l"], "need --cacert"),
    (["--listen", "[::]:1", "-p", "2"], "give one of the two"),
    (["-c", "/nowhere", "-k", "/nowhere", "--cacert", "/nowhere"], "/nowhere cannot be used"),
])
def test_options_that_do_not_fit(lab, options, said):
    places = ["--transient", "--socket", str(lab.folder / "s"), "--state-dir", str(lab.folder / "state")]
    done = subprocess.run(lab.host.command(POLYCUBED, *places, *options), capture_output=True, text=True, timeout=20,
                          check=False)
    assert done.returncode == 1 and said in done.stderr + done.stdout, done.stderr


def test_the_originals_options_serve_tls_on_port_9000(lab, authority):
    lab.daemon("-c", str(authority.folder / "daemon.crt"), "-k", str(authority.folder / "daemon.key"), "--cacert",
               str(authority.certificate))
    assert curl(lab, authority, url="https://127.0.0.1:9000") == 200
    assert "0.0.0.0" not in run("ip", "netns", "exec", lab.host.name, "ss", "-Hltn").replace("0.0.0.0:*", "")
