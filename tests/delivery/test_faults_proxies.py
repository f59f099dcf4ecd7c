"""Proxies are used as requests uses them, and the key goes only where it belongs."""

from __future__ import annotations

import ssl
from base64 import b64encode

import fault_server as fault
import pytest
import trustme
from fault_client import KEY
from recording_proxy import RecordingProxy

from helicone_logging import ConfigurationError

TARGET = "http://helicone.invalid"  # a name only the proxy knows


@pytest.fixture
def proxy(faulty):
    with RecordingProxy(faulty.port) as recording:
        yield recording


def test_the_proxies_option_sends_through_a_proxy(faulty, proxy, client_of, names) -> None:
    client = client_of(TARGET, allow_insecure=True, proxies={"http": proxy.url}, max_connections=1)
    client.log(*names(5))
    client.settle()
    assert faulty.stored == dict.fromkeys(names(5), 1)
    assert proxy.lines == [f"POST {TARGET}/v1/trace/log HTTP/1.1"]


def test_an_answer_that_takes_for_ever_behind_a_proxy_frees_its_thread_after_timeout(
    faulty, proxy, client_of, names
) -> None:
    options = {"allow_insecure": True, "max_connections": 1, "timeout": 2}
    client = client_of(TARGET, proxies={"http": proxy.url}, **options)
    faulty.script(fault.drip())
    client.log(*names(3))
    client.settle()
    assert set(faulty.stored) == set(names(3))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"])
def test_proxy_variables_are_respected(variable, faulty, proxy, client_of, monkeypatch) -> None:
    monkeypatch.setenv(variable, proxy.url)
    client = client_of(TARGET, allow_insecure=True)
    client.log("r")
    client.settle()
    assert faulty.stored == {"r": 1}
    assert len(proxy.lines) == 1


@pytest.mark.parametrize("no_proxy", ["helicone.invalid", ".invalid", "*"])
@pytest.mark.parametrize("variable", ["NO_PROXY", "no_proxy"])
def test_no_proxy_is_respected(variable, no_proxy, proxy, client_of, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv(variable, no_proxy)
    client = client_of(TARGET, allow_insecure=True, shutdown_timeout=0)
    client.log("r")
    while client.handler.stats().last_error is None:
        client.handler.flush(0.02)
    assert proxy.lines == []


@pytest.mark.parametrize("how", ["option", "HTTP_PROXY", "ALL_PROXY"])
def test_an_endpoint_on_this_machine_is_never_reached_through_a_proxy(
    how, faulty, proxy, client_of, monkeypatch
) -> None:
    """It would carry the key in clear to another machine."""
    if how != "option":
        monkeypatch.setenv(how, proxy.url)
    client = client_of(faulty.url, proxies={"http": proxy.url, "all": proxy.url} if how == "option" else None)
    client.log("r")
    client.settle()
    assert faulty.stored == {"r": 1}
    assert proxy.lines == []


def test_no_proxy_for_another_host_changes_nothing(faulty, proxy, client_of, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", proxy.url)
    monkeypatch.setenv("NO_PROXY", "example.com,10.0.0.0/8")
    client = client_of(TARGET, allow_insecure=True)
    client.log("r")
    client.settle()
    assert len(proxy.lines) == 1


@pytest.mark.parametrize("how", ["option", "variable"])
def test_https_goes_through_a_tunnel_in_which_the_proxy_sees_no_key(how, client_of, tmp_path, monkeypatch) -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("helicone.invalid").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    with fault.FaultServer(context) as secure, RecordingProxy(secure.port) as proxy:
        if how == "variable":
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        client = client_of(
            "https://helicone.invalid",
            verify=str(tmp_path / "authority.pem"),
            proxies={"https": proxy.url} if how == "option" else None,
        )
        client.log("r")
        client.settle()
        assert secure.stored == {"r": 1}
        assert secure.seen[0].headers["authorization"] == f"Bearer {KEY}"
        (line,) = proxy.lines
        assert line.startswith("CONNECT helicone.invalid:443 ")
        assert KEY not in proxy.heads[0]


@pytest.mark.parametrize("status", [403, 407, 502])
def test_a_proxy_that_refuses_the_tunnel_keeps_the_record_and_is_named(status, faulty, client_of, capfd) -> None:
    with RecordingProxy(faulty.port, status) as proxy:
        proxies = {"https": f"http://ada:secret-of-ada@{proxy.address}"}
        client = client_of("https://helicone.invalid", proxies=proxies, shutdown_timeout=0, max_backoff=0.05)
        client.log("r")
        while len(proxy.lines) < 3:
            client.handler.flush(0.02)
        assert client.counts() == (1, 0, 0, 0, 1)
        error = client.handler.stats().last_error
        assert f"{status}" in error
        assert error.endswith(f"; the proxy is {proxy.address}")
        client.handler.close()
    told = capfd.readouterr().err
    assert ("check user and password in `proxies`" in told) is (status == 407)
    assert "secret-of-ada" not in error + told


def test_a_407_of_a_proxy_in_between_names_it(faulty, proxy, client_of, capfd) -> None:
    client = client_of(TARGET, allow_insecure=True, proxies={"http": proxy.url}, max_connections=1)
    faulty.script(fault.answer(407))
    client.log("r")
    client.settle()
    told = capfd.readouterr().err
    assert "check user and password in `proxies`" in told
    assert f"the proxy is {proxy.address}" in told


@pytest.mark.parametrize("how", ["option", "variable"])
def test_plain_http_to_another_machine_needs_allow_insecure_through_a_proxy_too(how, proxy, client_of, monkeypatch):
    if how == "variable":
        monkeypatch.setenv("HTTP_PROXY", proxy.url)
    with pytest.raises(ConfigurationError, match="allow_insecure=True"):
        client_of(TARGET, proxies={"http": proxy.url} if how == "option" else None)
    assert proxy.lines == []


def test_the_credentials_of_a_proxy_are_sent_to_it_and_never_shown(faulty, proxy, client_of, capfd) -> None:
    client = client_of(
        TARGET, allow_insecure=True, proxies={"http": f"http://ada:secret-of-ada@{proxy.address}"}, max_connections=1
    )
    faulty.script(fault.reset_before_answer(), fault.reset_before_answer(), fault.answer(407))
    client.log("r")
    client.settle()
    assert f"Proxy-Authorization: Basic {b64encode(b'ada:secret-of-ada').decode()}" in proxy.heads[0]
    shown = capfd.readouterr().err + repr(client.handler) + repr(client.handler.stats())
    assert "helicone_logging: " in shown
    assert "secret-of-ada" not in shown


def test_a_proxy_that_is_down_keeps_the_record_and_shows_no_credentials(
    dead_endpoint, faulty, client_of, capfd
) -> None:
    address = dead_endpoint.removeprefix("http://")
    client = client_of(TARGET, allow_insecure=True, proxies={"http": f"http://ada:secret-of-ada@{address}"})
    client.log("r")
    shown = client.wait_until_told(capfd) + repr(client.handler.stats())
    assert client.counts() == (1, 0, 0, 0, 1)
    assert "refused" in shown
    assert "secret-of-ada" not in shown


def test_netrc_never_takes_the_place_of_the_key(faulty, client_of, tmp_path, monkeypatch) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login ada password lovelace\ndefault login ada password lovelace\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    for key in (KEY, None):
        client = client_of(faulty.url, api_key=key)
        client.log("r")
        client.settle()
    assert [seen.headers.get("authorization") for seen in faulty.seen] == [f"Bearer {KEY}", None]
