"""The process around the service: where it may listen, and TLS to a client that checks it."""

import shutil
import socket
import ssl
import subprocess
import threading
from pathlib import Path

import pytest
import uvicorn

from securefed.adapters.custodian_http.client import Caller, CustodianClient
from securefed.adapters.custodian_http.service import Patience, service
from securefed.adapters.custodian_http.serving import Listening
from securefed.adapters.custodian_http.signed_request import RequestGuard
from securefed.adapters.ed25519_keys import verify
from securefed.adapters.memory import MemoryEntropy
from securefed.errors import ConfigInvalid, CustodianUnreachable
from tests.adapters.sealing.parties import COORDINATOR
from tests.custody import STUDY, Custody

FILE = Path("c.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost", "127.0.0.9"])
def test_this_machine_needs_no_certificate(host: str) -> None:
    assert Listening(host=host).scheme == "http"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "example.org", ""])  # noqa: S104
def test_other_machines_need_one(host: str) -> None:
    with pytest.raises(ConfigInvalid, match="needs a certificate"):
        Listening(host=host)
    assert Listening(host=host, certificate=FILE, certificate_key=FILE).scheme == "https"
    for half in ({"certificate": FILE}, {"certificate_key": FILE}):
        with pytest.raises(ConfigInvalid, match="given together"):
            Listening(host="127.0.0.1", **half)


@pytest.mark.parametrize(
    "address", ["", "custodian", "ftp://a", "http://", "http://a/b", "file:///etc"]
)
def test_what_is_no_address_is_refused(address: str) -> None:
    custody = Custody()
    caller = Caller(signer=COORDINATOR, verify=verify, clock=custody.clock, entropy=MemoryEntropy())
    with pytest.raises(ConfigInvalid, match="not the address"):
        CustodianClient(address, custody.signer.key, caller)


@pytest.mark.slow
def test_a_certificate_that_the_client_does_not_know_is_refused(tmp_path: Path) -> None:
    certificate, key = tmp_path / "c.pem", tmp_path / "k.pem"
    openssl = shutil.which("openssl")
    if openssl is None:
        pytest.skip("openssl, which makes the certificate, is not installed")
    about = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost", "-days", "2"]
    new = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(key)]
    made = [openssl, "req", "-x509", *new, *about, "-out", str(certificate)]
    subprocess.run(made, check=True, capture_output=True)
    custody = Custody()
    guard = RequestGuard(custody.signer.key, verify, custody.clock)
    config = uvicorn.Config(
        service(custody.party, guard, tmp_path, Patience()),
        http="h11",
        ws="none",
        lifespan="off",
        log_level="critical",
        ssl_certfile=certificate,
        ssl_keyfile=key,
    )
    server = uvicorn.Server(config)
    bound = socket.create_server(("127.0.0.1", 0))
    thread = threading.Thread(target=server.run, args=([bound],))
    thread.start()
    caller = Caller(signer=COORDINATOR, verify=verify, clock=custody.clock, entropy=MemoryEntropy())
    address = f"https://localhost:{bound.getsockname()[1]}"
    try:
        known = CustodianClient(address, custody.signer.key, caller, certificate)
        assert known.cards(STUDY)
        with pytest.raises(CustodianUnreachable) as caught:
            CustodianClient(address, custody.signer.key, caller).cards(STUDY)
        assert isinstance(caught.value.__cause__, ssl.SSLCertVerificationError)
    finally:
        server.should_exit = True
        thread.join()
        bound.close()
