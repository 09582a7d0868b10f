# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests: an authority that signs, lets expire and revokes."""

from network import run

CONFIG = """
[ca]
default_ca = own
[own]
dir = {folder}
database = {folder}/index
new_certs_dir = {folder}
certificate = {folder}/ca.crt
private_key = {folder}/ca.key
serial = {folder}/serial
crlnumber = {folder}/crlnumber
default_md = sha256
default_crl_days = 2
policy = any
unique_subject = no
copy_extensions = none
[any]
commonName = supplied
[req]
distinguished_name = any_name
[any_name]
[authority]
basicConstraints = critical,CA:TRUE
subjectKeyIdentifier = hash
"""
KEY = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")


class Authority:
    def __init__(self, folder, name="authority"):
        self.folder = folder
        folder.mkdir()
        self.config = folder / "config"
        self.config.write_text(CONFIG.format(folder=folder))
        (folder / "index").touch()
        for file in ("serial", "crlnumber"):
            (folder / file).write_text("1000\n")
        run("openssl", "req", "-x509", *KEY, "-days", "2", "-config", self.config, "-extensions", "authority", "-subj",
            f"/CN={name}", "-keyout", folder / "ca.key", "-out", self.certificate)

    @property
    def certificate(self):
        return self.folder / "ca.crt"

    def issue(self, file, common_name=None, alternative=None, dates=()):
        """FILE.crt and FILE.key; `dates`: begin and end, as YYMMDDHHMMSSZ."""
        crt, key, request = (self.folder / f"{file}.{kind}" for kind in ("crt", "key", "csr"))
        run("openssl", "req", *KEY, "-config", self.config, "-subj", f"/CN={common_name or file}", "-keyout", key, "-out",
            request)
        extensions = self.folder / f"{file}.ext"
        extensions.write_text(f"subjectAltName={alternative}\n" if alternative else "basicConstraints=CA:FALSE\n")
        period = ("-startdate", dates[0], "-enddate", dates[1]) if dates else ("-days", "2")
        run("openssl", "ca", "-batch", "-notext", "-config", self.config, "-in", request, "-out", crt, "-extfile",
            extensions, *period)
        return crt, key

    def revoke(self, file):
        run("openssl", "ca", "-batch", "-config", self.config, "-revoke", self.folder / f"{file}.crt")

    def revocation_list(self):
        run("openssl", "ca", "-batch", "-config", self.config, "-gencrl", "-out", self.folder / "crl.pem")
        return self.folder / "crl.pem"


def hashed(folder, *certificates):
    """A folder of certificates in OpenSSL's layout."""
    folder.mkdir(exist_ok=True)
    for certificate in certificates:
        (folder / certificate.name).write_text(certificate.read_text())
    run("openssl", "rehash", folder)
    return folder
