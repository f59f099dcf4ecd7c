"""TLS is verified, certificates of one's own work, and a failure keeps the records."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from pathlib import Path

import fault_server as fault
import pytest
import trustme
from fault_client import hasten
from recording_server import PATIENCE

MISFIT = re.compile("certificate verify failed|doesn't match")  # OpenSSL's words, and those of urllib3 1.26


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


def context_of(certificate: trustme.LeafCert) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    return context


@pytest.fixture
def secure(authority) -> Iterator[fault.FaultServer]:
    with fault.FaultServer(context_of(authority.issue_cert("127.0.0.1"))) as server:
        yield server


@pytest.fixture
def bundle(authority, tmp_path) -> str:
    """The path of the authority's certificate."""
    path = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(path)
    return str(path)


def test_a_ca_of_ones_own_is_trusted_by_verify(secure, bundle, client_of, names) -> None:
    client = client_of(secure.url, verify=bundle, max_connections=1)
    client.log(*names(10))
    client.settle()
    assert secure.stored == dict.fromkeys(names(10), 1)
    assert secure.connections == 1


@pytest.mark.parametrize("variable", ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"])
def test_a_ca_of_ones_own_is_trusted_by_the_variables_of_requests(
    variable, secure, bundle, client_of, monkeypatch
) -> None:
    monkeypatch.setenv(variable, bundle)
    client = client_of(secure.url)
    client.log("r")
    client.settle()
    assert secure.stored == {"r": 1}


@pytest.mark.parametrize("verify", [False, "false"])
def test_verification_can_be_switched_off_on_purpose_only(verify, secure, client_of, recwarn) -> None:
    client = client_of(secure.url, verify=verify)
    client.log("r")
    client.settle()
    assert secure.stored == {"r": 1}


@pytest.mark.parametrize("host", ["127.0.0.1", "elsewhere.example"])
def test_a_certificate_that_does_not_fit_keeps_the_record_until_it_does(
    host, secure, authority, bundle, client_of, capfd
) -> None:
    issuer = trustme.CA() if host == "127.0.0.1" else authority
    right, secure.context = secure.context, context_of(issuer.issue_cert(host))
    client = client_of(secure.url, verify=bundle)
    client.log("r")
    assert MISFIT.search(client.wait_for_trouble())
    told = client.wait_until_told(capfd)
    assert client.counts() == (1, 0, 0, 0, 1)
    assert secure.seen == []
    secure.context = right
    client.settle()
    assert secure.stored == {"r": 1}
    (line,) = (told + capfd.readouterr().err).splitlines()
    assert MISFIT.search(line)


def test_an_unknown_authority_is_not_trusted_by_default(secure, client_of) -> None:
    client = client_of(secure.url)
    client.log("r")
    assert "certificate verify failed" in client.wait_for_trouble()
    assert client.counts() == (1, 0, 0, 0, 1)
    assert secure.seen == []


@pytest.mark.parametrize("oldest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3], ids=lambda version: version.name)
@pytest.mark.parametrize("in_one_file", [True, False])
def test_a_client_certificate_is_shown_where_it_is_asked_for(
    in_one_file, oldest, secure, authority, bundle, client_of, tmp_path
) -> None:
    secure.context.verify_mode = ssl.CERT_REQUIRED
    secure.context.minimum_version = secure.context.maximum_version = oldest
    authority.configure_trust(secure.context)
    certificate = authority.issue_cert("client@example.com")
    whole, chain, key = (str(tmp_path / name) for name in ("whole.pem", "chain.pem", "key.pem"))
    certificate.private_key_and_cert_chain_pem.write_to_path(whole)
    certificate.cert_chain_pems[0].write_to_path(chain)
    certificate.private_key_pem.write_to_path(key)

    without = client_of(secure.url, verify=bundle, shutdown_timeout=0)
    without.log("nobody")
    without.wait_for_trouble()
    without.handler.close()
    assert secure.stored == {}

    client = client_of(secure.url, verify=bundle, cert=whole if in_one_file else (chain, key))
    client.log("somebody")
    client.settle()
    assert secure.stored == {"somebody": 1}


def test_a_server_that_speaks_no_tls_keeps_the_record(faulty, client_of, capfd) -> None:
    faulty.always(fault.garbage())
    client = client_of(faulty.url.replace("http:", "https:"), shutdown_timeout=0, timeout=0.2)
    client.log("r")
    while "SSL" not in (client.handler.stats().last_error or "") and "imeout" not in (
        client.handler.stats().last_error or ""
    ):
        client.handler.flush(0.02)
    assert client.counts() == (1, 0, 0, 0, 1)


def test_faults_over_tls_are_as_over_plain_http(secure, bundle, client_of, names, monkeypatch) -> None:
    hasten(monkeypatch, secure)
    client = client_of(secure.url, verify=bundle)
    faulty = [fault.reset_before_answer(), fault.half_line(), fault.garbage(), fault.drip(), fault.answer(503)]
    secure.script(*faulty, fault.endless_body(200), fault.half_body(200), fault.close_after_answer())
    client.log(*names(20))
    client.settle()
    assert client.counts() == (20, 20, 0, 0, 0)
    assert secure.stored == dict.fromkeys(names(20), 1)


def test_a_certificate_file_that_vanished_keeps_the_record(secure, bundle, client_of, tmp_path) -> None:
    path = tmp_path / "moved.pem"
    path.write_bytes(b"")
    client = client_of(secure.url, verify=str(path))
    path.unlink()
    client.log("r")
    assert "moved.pem" in client.wait_for_trouble()
    assert client.counts() == (1, 0, 0, 0, 1)
    path.write_bytes(Path(bundle).read_bytes())
    assert client.handler.flush(PATIENCE)
    assert secure.stored == {"r": 1}
