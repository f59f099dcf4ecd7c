"""Where a handler sends to, by its options and the environment; Helicone's key goes to no Collector."""

from __future__ import annotations

import logging
import traceback
from pathlib import Path
from typing import Any

import pytest

from helicone_logging import ConfigurationError, HeliconeHandler
from helicone_logging.delivery.options import TransportOptions

KEY = "sk-helicone-the-key"
LOCAL = "http://localhost:4318/v1/traces"


def settings_of(**options: Any) -> Any:
    handler = HeliconeHandler(**options)
    assert handler._sender is not None
    return handler._sender.settings


def sent_to(**options: Any) -> TransportOptions:
    """Where a handler with these options sends to, and how."""
    transport = settings_of(**options).transport
    assert isinstance(transport, TransportOptions)
    return transport


@pytest.mark.parametrize(
    ("wire", "endpoint", "expected", "url"),
    [
        (None, "http://localhost:8585", "helicone", "http://localhost:8585/v1/trace/log"),
        (None, "http://localhost:4318/v1/traces", "otlp", LOCAL),
        (None, "http://localhost:4318/v1/traces/", "otlp", "http://localhost:4318/v1/traces/"),
        (None, "http://localhost/otlp/v1/traces?x=1", "otlp", "http://localhost/otlp/v1/traces?x=1"),
        (None, "http://localhost/other", "helicone", "http://localhost/other"),
        ("otlp", None, "otlp", LOCAL),
        ("otlp", "http://localhost:4318", "otlp", LOCAL),
        ("otlp", "http://localhost:4318/", "otlp", LOCAL),
        ("otlp", "http://localhost/ours", "otlp", "http://localhost/ours"),
        ("helicone", "http://localhost:4318/v1/traces", "helicone", LOCAL),
    ],
)
def test_the_wire_is_the_one_named_else_the_one_of_the_path(
    wire: str | None, endpoint: str | None, expected: str, url: str
) -> None:
    settings = settings_of(wire=wire, endpoint=endpoint)
    assert settings.wire.name == expected
    assert settings.transport.endpoint == url


def test_the_variable_s_path_tells_the_wire_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HELICONE_TRACE_ENDPOINT", "http://127.0.0.1:4318/v1/traces")
    assert settings_of().wire.name == "otlp"
    monkeypatch.setenv("HELICONE_TRACE_ENDPOINT", "http://127.0.0.1:8585")
    assert sent_to().endpoint == "http://127.0.0.1:8585/v1/trace/log"
    assert sent_to(wire="otlp").endpoint == "http://127.0.0.1:8585/v1/traces"


def test_a_wire_that_is_none_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="wire='grpc' cannot work: give one of 'helicone', 'otlp'"):
        HeliconeHandler(wire="grpc", endpoint="http://localhost")


@pytest.mark.parametrize("path", ["/v1/trace/log", "/v1/trace/log-python"])
def test_a_collector_is_not_where_helicone_s_own_paths_are(path: str) -> None:
    with pytest.raises(ConfigurationError, match="what listens there takes no OTLP as JSON"):
        HeliconeHandler(wire="otlp", endpoint="http://localhost:8585" + path)


def test_batches_grow_by_themselves_on_the_wire_of_a_collector_and_stay_single_on_helicone_s() -> None:
    assert settings_of(wire="otlp").delivery.batch_size == "auto"
    assert settings_of(endpoint="http://localhost").delivery.batch_size == 1
    assert settings_of(wire="otlp", batch_size=5).delivery.batch_size == 5
    assert settings_of(endpoint="http://localhost", batch_size="auto").delivery.batch_size == "auto"


# The key


def test_a_collector_is_never_sent_the_key_and_wants_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert sent_to(wire="otlp", endpoint="https://collector.example").api_key is None
    monkeypatch.setenv("HELICONE_API_KEY", KEY)
    assert sent_to(wire="otlp", endpoint="https://collector.example").api_key is None
    assert sent_to(endpoint="http://collector.example/v1/traces").api_key is None
    assert sent_to(endpoint="https://helicone.example").api_key is not None


def test_a_key_for_a_collector_is_refused_and_the_error_names_headers() -> None:
    with pytest.raises(ConfigurationError, match="`headers`") as raised:
        HeliconeHandler(wire="otlp", api_key=KEY)
    assert "api_key" in str(raised.value)
    assert KEY not in str(raised.value)
    assert sent_to(wire="otlp", api_key="").api_key is None


@pytest.mark.parametrize("name", ["Authorization", "authorization", "api-key", "X-Api-Key", "Cookie", "x-honey-token"])
def test_secret_headers_go_over_plain_http_to_this_machine_only(name: str) -> None:
    headers = {name: "Bearer the-secret"}
    for endpoint in ("http://127.0.0.1:4318", "https://collector.example"):
        assert dict(sent_to(wire="otlp", endpoint=endpoint, headers=headers).headers) == headers
    options: dict[str, Any] = {"wire": "otlp", "endpoint": "http://collector.example", "headers": headers}
    with pytest.raises(ConfigurationError, match="unencrypted; use https, or set allow_insecure=True") as raised:
        HeliconeHandler(**options)
    assert "the-secret" not in str(raised.value)
    assert sent_to(**options, allow_insecure=True).endpoint == "http://collector.example/v1/traces"


def test_what_is_not_secret_goes_over_plain_http_to_another_machine() -> None:
    headers = {"X-Scope-OrgID": "shop"}
    assert sent_to(wire="otlp", endpoint="http://collector:4318", headers=headers).headers == (*headers.items(),)


def test_secret_headers_show_in_no_locals_of_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "http://collector.example")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "authorization=Bearer the-secret")
    with pytest.raises(ConfigurationError, match="unencrypted") as raised:
        HeliconeHandler(wire="otlp", headers={"x-api-key": "the-secret-too"})
    frames = traceback.StackSummary.extract(traceback.walk_tb(raised.value.__traceback__), capture_locals=True)
    shown = [str(frame.locals) for frame in frames if "helicone_logging" in frame.filename]
    assert shown
    assert not [text for text in shown if "the-secret" in text]


def test_the_values_of_secret_headers_hide_themselves() -> None:
    transport = sent_to(wire="otlp", headers={"Authorization": "Bearer the-secret"})
    assert "the-secret" not in repr(transport) + repr(transport.headers)


def test_on_helicone_s_wire_the_handler_keeps_authorization_to_itself() -> None:
    with pytest.raises(ConfigurationError, match="the handler sets it by itself"):
        HeliconeHandler(endpoint="http://localhost", headers={"Authorization": "x"})


def test_a_url_with_a_password_is_refused_and_the_error_names_headers() -> None:
    with pytest.raises(ConfigurationError, match="give the key as `headers` instead") as raised:
        HeliconeHandler(wire="otlp", endpoint="https://ada:the-secret@collector.example")
    assert "the-secret" not in str(raised.value)


# The environment


@pytest.mark.parametrize(
    ("variables", "url"),
    [
        ({}, LOCAL),
        ({"ENDPOINT": "http://collector:4318"}, "http://collector:4318/v1/traces"),
        ({"ENDPOINT": "http://collector:4318/"}, "http://collector:4318/v1/traces"),
        ({"ENDPOINT": "http://collector:4318/otlp/"}, "http://collector:4318/otlp/v1/traces"),
        ({"ENDPOINT": " http://collector/otlp?x=1 "}, "http://collector/otlp/v1/traces?x=1"),
        ({"TRACES_ENDPOINT": "http://collector/here"}, "http://collector/here"),
        ({"TRACES_ENDPOINT": "http://collector"}, "http://collector/"),
        ({"TRACES_ENDPOINT": "http://a/b", "ENDPOINT": "http://c"}, "http://a/b"),
        ({"TRACES_ENDPOINT": "", "ENDPOINT": "http://c"}, "http://c/v1/traces"),
    ],
)
def test_opentelemetry_s_variables_say_where_the_collector_is(
    variables: dict[str, str], url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in variables.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    assert sent_to(wire="otlp").endpoint == url


def test_opentelemetry_s_variables_say_how_it_is_talked_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    files = {name: tmp_path / f"{name}.pem" for name in ("ca", "certificate", "key")}
    for file in files.values():
        file.touch()
    for name, value in {
        "HEADERS": "X-Scope-OrgID=shop%20one, authorization=Bearer%20the-secret,nonsense",
        "COMPRESSION": "gzip",
        "TIMEOUT": "2500",
        "CERTIFICATE": str(files["ca"]),
        "CLIENT_CERTIFICATE": str(files["certificate"]),
        "CLIENT_KEY": str(files["key"]),
        "PROTOCOL": "http/json",
    }.items():
        monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    transport = sent_to(wire="otlp")
    assert dict(transport.headers) == {"X-Scope-OrgID": "shop one", "authorization": "Bearer the-secret"}
    assert (transport.compression, transport.timeout) == ("gzip", 2.5)
    assert transport.verify == str(files["ca"])
    assert transport.cert == (str(files["certificate"]), str(files["key"]))
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_TIMEOUT", "1000")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_HEADERS", "a=b")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_COMPRESSION", "none")
    transport = sent_to(wire="otlp")
    assert (transport.timeout, transport.headers, transport.compression) == (1.0, (("a", "b"),), None)


def test_options_win_over_the_variables(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2500")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=search,X-Other=1")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", str(bundle))
    transport = sent_to(wire="otlp", timeout=3, headers={"X-Team": "shop"}, verify=False)
    assert (transport.timeout, transport.verify) == (3.0, False)
    assert sorted(transport.headers) == [("X-Other", "1"), ("X-Team", "shop")]


@pytest.mark.parametrize("options", [{"endpoint": "http://localhost/v1/traces"}, {"endpoint": "http://localhost"}])
def test_the_variables_count_only_where_the_wire_is_named_and_no_endpoint(
    options: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_HEADERS", "x-team=search")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TIMEOUT", "2500")
    for wire in (None, "otlp"):
        transport = sent_to(**options, wire=wire)
        assert (transport.headers, transport.timeout) == ((), 10.0)


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("PROTOCOL", "grpc", "give the HTTP port (4318); JSON is sent"),
        ("PROTOCOL", "http/protobuf", "give the HTTP port (4318); JSON is sent"),
        ("TRACES_PROTOCOL", "grpc", "OTEL_EXPORTER_OTLP_TRACES_PROTOCOL='grpc'"),
        ("COMPRESSION", "zstd", "give one of 'gzip', 'none'"),
        ("TIMEOUT", "10s", "OTEL_EXPORTER_OTLP_TIMEOUT='10s'"),
        ("TIMEOUT", "0", "OTEL_EXPORTER_OTLP_TIMEOUT='0'"),
        ("ENDPOINT", "collector:4318", "OTEL_EXPORTER_OTLP_ENDPOINT='collector:4318'"),
        ("TRACES_ENDPOINT", "ftp://collector", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT='ftp://collector'"),
        ("CERTIFICATE", "/nowhere/ca.pem", "OTEL_EXPORTER_OTLP_CERTIFICATE='/nowhere/ca.pem'"),
        ("HEADERS", "a b=c", "headers={'a b': …}"),
    ],
)
def test_a_variable_that_cannot_work_is_named(
    name: str, value: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"OTEL_EXPORTER_OTLP_{name}", value)
    with pytest.raises(ConfigurationError) as raised:
        HeliconeHandler(wire="otlp")
    assert told in str(raised.value)


def test_a_password_in_a_variable_is_not_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", "https://ada:the-secret@collector.example")
    with pytest.raises(ConfigurationError, match="OTEL_EXPORTER_OTLP_ENDPOINT holds a user name") as raised:
        HeliconeHandler(wire="otlp")
    assert "the-secret" not in str(raised.value)


def test_a_disabled_handler_checks_no_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc")
    assert HeliconeHandler(wire="otlp", enabled=False).level == logging.NOTSET
