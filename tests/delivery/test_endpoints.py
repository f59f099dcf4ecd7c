"""Where traces go: the URL, the key's region, and what must not travel together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helicone_logging import ConfigurationError, HeliconeHandler
from helicone_logging.core.secret import Secret
from helicone_logging.delivery.endpoints import HELICONE, HELICONE_EU, checked_key, endpoint_for

KEY = "sk-helicone-abc"
SECRET = "pass-word"
PATH = "/v1/trace/log"
DEFAULT_ENDPOINT, EU_ENDPOINT = HELICONE + PATH, HELICONE_EU + PATH


def url_of(endpoint: object, key: str | None = KEY, *, allow_insecure: bool = False) -> str:
    return endpoint_for(endpoint, None if key is None else Secret(key), PATH, allow_insecure=allow_insecure)


@pytest.mark.parametrize("endpoint", [None, ""])
@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("sk-helicone-abc", DEFAULT_ENDPOINT),
        ("pk-helicone-abc", DEFAULT_ENDPOINT),
        ("sk-helicone-eu-abc", EU_ENDPOINT),
        ("pk-helicone-eu-abc", EU_ENDPOINT),
        ("anything", DEFAULT_ENDPOINT),
    ],
)
def test_without_an_endpoint_the_key_tells_the_region(endpoint, key, expected) -> None:
    assert url_of(endpoint, key) == expected


@pytest.mark.parametrize(
    ("endpoint", "expected"),
    [
        ("https://api.helicone.ai", "https://api.helicone.ai/v1/trace/log"),
        ("https://api.helicone.ai/", "https://api.helicone.ai/v1/trace/log"),
        ("https://api.helicone.ai//", "https://api.helicone.ai/v1/trace/log"),
        ("  https://api.helicone.ai\n", "https://api.helicone.ai/v1/trace/log"),
        ("HTTPS://API.helicone.ai", "https://API.helicone.ai/v1/trace/log"),
        ("https://gateway.example/ours/v1/trace/log", "https://gateway.example/ours/v1/trace/log"),
        ("https://gateway.example/?team=a@b", "https://gateway.example/v1/trace/log?team=a@b"),
        ("https://gateway.example:8443", "https://gateway.example:8443/v1/trace/log"),
        ("https://my_host.internal.", "https://my_host.internal./v1/trace/log"),
        ("http://localhost:8585", "http://localhost:8585/v1/trace/log"),
        ("http://helicone.localhost", "http://helicone.localhost/v1/trace/log"),
        ("http://127.0.0.1:8585", "http://127.0.0.1:8585/v1/trace/log"),
        ("http://127.9.9.9", "http://127.9.9.9/v1/trace/log"),
        ("http://[::1]:8585", "http://[::1]:8585/v1/trace/log"),
        ("https://[2001:db8::1]", "https://[2001:db8::1]/v1/trace/log"),
    ],
)
def test_an_origin_gets_the_path_and_a_whole_url_stays(endpoint, expected) -> None:
    assert url_of(endpoint) == expected


@pytest.mark.parametrize(
    "endpoint",
    [
        "api.helicone.ai",
        "//api.helicone.ai",
        "ftp://api.helicone.ai",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://",
        "https:///v1/trace/log",
        "https://:443",
        "https://host:0",
        "https://host:99999",
        "https://host:abc",
        "https://[::1",
        "https://[nonsense]",
        "https://*.helicone.ai",
        "https://.helicone.ai",
        "https://a..b",
        "https://-a.example",
        f"https://{'a' * 64}.example",
        "https://hélicone.ai",
        "https://api.helicone.ai/\r\nX-Injected: 1",
        "https://api.helicone.ai/a b",
        "https://api.helicone.ai\\.evil.example",
        "https://api.helicone.ai\x00",
        "https://api.helicone.ai/v1/trace/log#fragment",
        b"https://api.helicone.ai",
        5,
        ["https://api.helicone.ai"],
    ],
    ids=ascii,
)
def test_a_url_that_cannot_work_is_refused_with_option_value_and_remedy(endpoint) -> None:
    with pytest.raises(ConfigurationError) as caught:
        url_of(endpoint)
    message = str(caught.value)
    assert message.startswith("endpoint=")
    assert repr(endpoint)[:20] in message
    assert "cannot work: " in message
    assert message.isprintable()


@pytest.mark.parametrize("port", ["0", "99999", "abc"])
def test_a_port_that_there_is_not_is_told_as_that(port) -> None:
    with pytest.raises(ConfigurationError, match="the port behind the host has to be a number from 1 to 65535"):
        url_of(f"http://localhost:{port}")


@pytest.mark.parametrize(
    "endpoint",
    [
        f"https://ada:{SECRET}@api.helicone.ai",
        f"https://{SECRET}@api.helicone.ai",
        f"ftp://ada:{SECRET}@api.helicone.ai",
        f"https://ada:{SECRET}@host:99999",
        f"ada:{SECRET}@api.helicone.ai",
        f"https://ada:{SECRET}@api.helicone.ai/a b",
    ],
)
def test_a_password_in_a_url_is_refused_and_not_shown(endpoint) -> None:
    with pytest.raises(ConfigurationError, match="endpoint holds a user name or password") as caught:
        url_of(endpoint)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    "endpoint",
    ["http://api.helicone.ai", "http://10.0.0.1", "http://localhost.evil.example", "http://2130706433", "http://[::2]"],
)
def test_the_key_travels_in_the_clear_to_this_machine_only(endpoint) -> None:
    with pytest.raises(ConfigurationError, match=r"use https, or set allow_insecure=True"):
        url_of(endpoint)
    assert url_of(endpoint, allow_insecure=True).startswith(endpoint)


@pytest.mark.parametrize("endpoint", [None, "https://api.helicone.ai", "http://10.0.0.1"])
def test_a_remote_endpoint_needs_a_key(endpoint) -> None:
    with pytest.raises(ConfigurationError, match=r"api_key is missing, .* set `api_key` or HELICONE_API_KEY"):
        url_of(endpoint, None)


def test_an_endpoint_on_this_machine_needs_no_key() -> None:
    assert url_of("http://localhost:8585", None) == "http://localhost:8585/v1/trace/log"


@given(endpoint=st.text() | st.text().map("http://{}".format) | st.text().map("https://a.example/{}".format))
def test_any_text_gives_a_url_or_a_configuration_error(endpoint) -> None:
    try:
        url = url_of(endpoint)
    except ConfigurationError:
        return
    assert url.startswith(("http://", "https://"))
    assert url.isascii()
    assert url.isprintable()
    assert " " not in url


@pytest.mark.parametrize("nothing", [None, ""])
def test_no_key_is_none(nothing) -> None:
    assert checked_key(nothing) is None


def test_blanks_around_a_key_are_left_out() -> None:
    assert checked_key(f" {KEY}\n") == Secret(KEY)


@pytest.mark.parametrize("key", [" ", "\n", "a\0b", "schlüssel", "a\u200bb", "a\x7f"], ids=ascii)
def test_a_key_that_cannot_stand_in_a_header_is_refused_and_not_shown(key) -> None:
    with pytest.raises(ConfigurationError) as caught:
        checked_key(key)
    assert str(caught.value) == "api_key has characters that no key has; copy it again from Helicone's settings"


@pytest.mark.parametrize(
    ("key", "told"),
    [
        *((key, "has blanks or line breaks inside") for key in ("a b", "a\nb", "a\r\nX: 1", "Bearer sk-abc")),
        *((key, "has quotes around the key; leave them out") for key in ("'sk-abc'", '"sk-abc"', "'sk-abc", '""')),
        *((f"sk-{kind}-abc", "is a key of OpenAI's, which would be") for kind in ("proj", "svcacct", "admin")),
        ("sk-ant-api03-abc", "is a key of Anthropic's, which would be sent to Helicone; give one from Helicone's"),
        ("sk-helicone-...", "is the placeholder of the documentation; give one from Helicone's settings"),
    ],
)
@pytest.mark.parametrize("option", ["api_key", "HELICONE_API_KEY"])
def test_a_key_that_cannot_be_right_is_refused_with_a_remedy_and_not_shown(option, key, told, monkeypatch) -> None:
    if option == "api_key":
        given = {"api_key": key}
    else:
        given = {}
        monkeypatch.setenv(option, key)
    with pytest.raises(ConfigurationError) as caught:
        HeliconeHandler(endpoint="http://127.0.0.1:1", **given)
    message = str(caught.value)
    assert message.startswith(f"{option} {told}")
    assert key.strip("'\"") not in message or key == '""'
    assert "abc" not in message


@pytest.mark.parametrize("key", ["sk-abcdefg-abcdefg-abcdefg-abcdefg", "sk-abc", "sk-or-v1-abc", "anything", "it's"])
def test_any_other_key_is_taken(key) -> None:
    assert checked_key(key) == Secret(key)


@pytest.mark.parametrize("key", [5, b"sk-helicone", ["sk"], True])
def test_a_key_that_is_no_text_is_refused_and_not_shown(key) -> None:
    with pytest.raises(ConfigurationError, match=rf"^api_key is a {type(key).__name__}; give the key as text$"):
        checked_key(key)
