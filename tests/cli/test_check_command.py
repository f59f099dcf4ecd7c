"""`helicone-logging check` names the step that fails and the remedy, and never shows the key."""

from __future__ import annotations

import socket
import ssl

import fault_server as fault
import pytest
import trustme
from collector_server import Answer, CollectorServer
from recording_proxy import RecordingProxy

from helicone_logging.cli import main
from helicone_logging.receiver import Receiver

KEY = "sk-helicone-never-shown-1234567"


@pytest.fixture(autouse=True)
def key(monkeypatch) -> None:
    monkeypatch.setenv("HELICONE_API_KEY", KEY)


@pytest.fixture
def faulty():
    with fault.FaultServer() as server:
        yield server


@pytest.fixture
def check(capfd):
    """Runs the command; returns its exit status and what it said, which holds no key."""

    def run(*arguments: str) -> tuple[int, str]:
        status = main(["check", *arguments])
        said = capfd.readouterr()
        assert KEY[:14] not in said.out + said.err
        return status, said.out + said.err

    return run


def test_all_is_well_only_when_a_marked_span_was_accepted(check) -> None:
    with Receiver(port=0, api_key=KEY) as receiver:
        status, said = check("--endpoint", receiver.url)
        (row,) = receiver.rows()
    assert status == 0
    steps = [line.split()[:2] for line in said.splitlines() if " ok: " in line]
    assert steps == [["dns", "ok:"], ["tcp", "ok:"], ["key", "ok:"], ["schema", "ok:"]]
    assert "All is well" in said
    assert f"Look for the session {row.session_id} on {receiver.url};" in said
    assert row.session_path == "/helicone-logging check"
    assert row.properties["check"] == "helicone-logging"


def test_a_collector_gets_no_key_and_what_becomes_of_the_span_is_its_own(check, monkeypatch) -> None:
    with CollectorServer() as collector:
        status, said = check("--endpoint", f"{collector.url}/v1/traces")
        (request,) = collector.requests
        assert collector.names() == ["helicone-logging check"]
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
        assert check("--wire", "otlp")[0] == 0
    assert status == 0
    assert KEY not in str(request.headers)
    assert "The Collector took it; what becomes of it is up to its exporters." in said
    assert "Helicone;" not in said


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (401, "check `headers` or OTEL_EXPORTER_OTLP_HEADERS"),
        (404, "the path is usually /v1/traces"),
        (503, "no whole answer came"),
    ],
)
def test_a_collector_that_refuses_is_told_with_a_remedy_of_its_own(answer, told, check) -> None:
    with CollectorServer() as collector:
        collector.usual = Answer(answer)
        status, said = check("--endpoint", collector.url, "--wire", "otlp")
    assert status == 1
    assert told in said
    assert "HELICONE_API_KEY" not in said


def test_the_endpoint_may_come_from_the_environment(check, faulty, monkeypatch) -> None:
    monkeypatch.setenv("HELICONE_TRACE_ENDPOINT", faulty.url)
    status, said = check()
    assert status == 0
    assert f"{faulty.url}/v1/trace/log" in said
    assert list(faulty.stored) == ["helicone-logging check"]


def test_a_local_endpoint_needs_no_key(check, faulty, monkeypatch) -> None:
    monkeypatch.delenv("HELICONE_API_KEY")
    status, said = check("--endpoint", faulty.url)
    assert status == 0
    assert "none was asked for" in said


def test_it_says_when_handlers_are_switched_off_here(check, faulty, monkeypatch) -> None:
    monkeypatch.setenv("HELICONE_LOGGING_DISABLED", "1")
    status, said = check("--endpoint", faulty.url)
    assert status == 0
    assert "But HELICONE_LOGGING_DISABLED is set" in said


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--endpoint", "ftp://127.0.0.1"], "endpoint='ftp://127.0.0.1' cannot work"),
        (["--endpoint", "http://api.helicone.ai"], "would travel unencrypted"),
        (["--timeout", "soon"], "timeout='soon' cannot work"),
    ],
)
def test_settings_that_cannot_work_are_named(arguments, words, check) -> None:
    status, said = check(*arguments)
    assert status == 1
    assert words in said


def test_a_missing_key_is_named(check, monkeypatch) -> None:
    monkeypatch.delenv("HELICONE_API_KEY")
    status, said = check()
    assert status == 1
    assert "set HELICONE_API_KEY; to try it here, run `helicone-logging serve` and give --endpoint" in said
    assert "enabled" not in said


def test_a_name_that_does_not_resolve_fails_at_dns(check, monkeypatch) -> None:
    def fail(*args: object, **kwargs: object) -> object:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", fail)
    status, said = check("--endpoint", "https://helicone.invalid")
    assert status == 1
    assert "WRONG     dns: the name of helicone.invalid does not resolve" in said
    assert "remedy    look for a mistake in the name" in said


def test_a_port_that_nobody_listens_on_fails_at_tcp(check, faulty) -> None:
    with faulty.refusing():
        status, said = check("--endpoint", faulty.url)
    assert status == 1
    assert "dns       ok" in said
    assert "WRONG     tcp: no connection" in said
    assert "remedy    nothing listens there" in said


def test_a_connection_that_does_not_come_about_fails_at_tcp(check, monkeypatch) -> None:
    def time_out(*args: object, **kwargs: object) -> object:
        raise TimeoutError("timed out")

    monkeypatch.setattr(socket, "create_connection", time_out)
    status, said = check("--endpoint", "http://127.0.0.1:9")
    assert status == 1
    assert "nothing answered in time" in said
    assert "a firewall may be in the way" in said


@pytest.fixture
def secure(tmp_path, monkeypatch):
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1", "helicone.invalid").configure_cert(context)
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    with fault.FaultServer(context) as server:
        yield server


def test_tls_is_checked_against_the_bundle_that_requests_would_use(check, secure, tmp_path, monkeypatch) -> None:
    status, said = check("--endpoint", secure.url)
    assert status == 1
    assert "WRONG     tls: the certificate of 127.0.0.1 is not trusted" in said
    assert "REQUESTS_CA_BUNDLE" in said
    assert secure.seen == []

    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    status, said = check("--endpoint", secure.url)
    assert status == 0
    assert "tls       ok: TLSv1." in said


def test_a_bundle_that_is_not_there_fails_at_tls(check, secure, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    status, said = check("--endpoint", secure.url)
    assert status == 1
    assert "WRONG     tls: " in said


def test_a_port_that_speaks_plain_http_fails_at_tls(check, faulty) -> None:
    faulty.always(fault.garbage())
    status, said = check("--endpoint", faulty.url.replace("http:", "https:"), "--timeout", "0.5")
    assert status == 1
    assert "WRONG     tls: no encrypted connection" in said
    assert "plain http" in said


@pytest.mark.parametrize(
    ("behaviour", "problem", "remedy"),
    [
        (fault.answer(401, f'{{"error": "{KEY}"}}'), "key: it was refused: HTTP 401", "set HELICONE_API_KEY"),
        (fault.answer(400, "Invalid token."), "key: it was refused: HTTP 400 Invalid token.", "set HELICONE_API_KEY"),
        (fault.answer(422, '{"message": "Validation Failed"}'), "schema: the span was refused", "update both"),
        (fault.answer(413), "schema: the span was refused: HTTP 413", "update both"),
        (fault.answer(404), "path: the server knows no such path: HTTP 404", "usually /v1/trace/log"),
        (
            fault.answer(308, headers={"Location": "http://127.0.0.1:1/"}),
            "send: the server leads elsewhere",
            "redirect",
        ),
        (fault.answer(429), "rate: the server asks to wait: HTTP 429", "batch_size"),
        (fault.answer(500), "server: it failed: HTTP 500", "try again later"),
        (fault.reset_before_answer(), "send: no whole answer came", "may not speak HTTP"),
        (fault.garbage(), "send: no whole answer came", "may not speak HTTP"),
        (fault.silence(), "send: no whole answer came", "longer than 0.5 seconds: see --timeout"),
        (fault.drip(), "send: no whole answer came", "longer than 0.5 seconds: see --timeout"),
    ],
    ids=lambda value: value.name if isinstance(value, fault.Behaviour) else "",
)
def test_an_answer_that_is_no_success_is_explained(behaviour, problem, remedy, check, faulty) -> None:
    faulty.always(behaviour)
    status, said = check("--endpoint", faulty.url, "--timeout", "0.5")
    assert status == 1
    wrong, advice = said.splitlines()[-2:]
    assert wrong.startswith(f"WRONG     {problem}")
    assert advice.startswith("remedy    ")
    assert remedy in advice


def test_a_refused_public_key_is_told_of_the_other_kind(check, faulty, monkeypatch) -> None:
    monkeypatch.setenv("HELICONE_API_KEY", "pk-helicone-xyz")
    faulty.always(fault.answer(401))
    status, said = check("--endpoint", faulty.url)
    assert status == 1
    assert "begins with sk-" in said


def test_a_server_that_asks_for_a_key_where_none_is_set_is_explained(check, faulty, monkeypatch) -> None:
    monkeypatch.delenv("HELICONE_API_KEY")
    faulty.always(fault.answer(401))
    status, said = check("--endpoint", faulty.url)
    assert status == 1
    assert "set HELICONE_API_KEY to a key from Helicone's settings" in said


def test_behind_a_proxy_the_proxy_is_what_is_looked_up(check, secure, tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
    with RecordingProxy(secure.port) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://ada:lovelace@{proxy.address}")
        status, said = check("--endpoint", "https://helicone.invalid")
    assert status == 0
    assert "dns       ok: the proxy 127.0.0.1" in said
    assert "lovelace" not in said
    assert list(secure.stored) == ["helicone-logging check"]


def test_a_proxy_that_is_down_is_named_without_its_credentials(check, faulty, monkeypatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", f"http://ada:lovelace@127.0.0.1:{faulty.port}")
    with faulty.refusing():
        status, said = check("--endpoint", "https://helicone.invalid")
    assert status == 1
    assert "tcp: no connection to the proxy 127.0.0.1" in said
    assert "lovelace" not in said


def test_a_ca_file_that_does_not_exist_is_named(check, tmp_path, monkeypatch) -> None:
    missing = tmp_path / "authority.pem"
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(missing))
    status, said = check("--endpoint", "https://127.0.0.1:1")
    assert status == 1
    assert f"tls: the CA certificates are looked for in {missing}, which does not exist" in said
    assert "REQUESTS_CA_BUNDLE" in said


def test_a_bad_timeout_is_named_as_the_flag_that_it_is(check) -> None:
    status, said = check("--timeout", "soon", "--endpoint", "http://127.0.0.1:1")
    assert status == 1
    assert "--timeout='soon' cannot work" in said


def test_an_endpoint_on_this_machine_is_looked_up_itself_where_proxies_are_set(check, faulty, monkeypatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    status, said = check("--endpoint", faulty.url)
    assert status == 0
    assert "proxy" not in said
