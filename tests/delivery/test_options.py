"""Options that shape a request cannot inject anything, and errors show none of the secrets they hold."""

from __future__ import annotations

import importlib.util
import re
from types import MappingProxyType

import pytest

from helicone_logging import ConfigurationError, HeliconeHandler
from helicone_logging.delivery.options import checked_cert, checked_headers, checked_proxies, checked_verify

SECRET = "secret-of-a-proxy"


@pytest.mark.parametrize("nothing", [None, {}])
def test_nothing_is_nothing(nothing) -> None:
    assert checked_headers(nothing) == ()
    assert checked_proxies(nothing) == ()


@pytest.mark.parametrize(
    "headers",
    [
        {"X-Team": "search"},
        {"User-Agent": "ours"},
        {"x_odd.name~": "a\tb"},
        {"X-A": "1", "X-B": "é"},
        MappingProxyType({"X-Team": "search"}),
    ],
)
def test_headers_of_ones_own_are_taken(headers) -> None:
    assert checked_headers(headers) == tuple(headers.items())


@pytest.mark.parametrize(
    "name",
    ["", " ", "X Team", "X-Team:", "X-Team\r\nX-Injected", "X-Team\n", "X\0", "Ünicode", "(comment)"],
    ids=ascii,
)
def test_a_name_that_is_none_of_a_header_is_refused(name) -> None:
    with pytest.raises(ConfigurationError, match='cannot work: write the name as HTTP has it, such as "X-Team"'):
        checked_headers({name: "x"})


@pytest.mark.parametrize(
    "value",
    ["", " ", " x", "x ", "a\r\nX-Injected: 1", "a\nb", "a\rb", "a\0b", "a\x1bb", "日本", None, 5, b"x", ["x"]],
    ids=ascii,
)
def test_a_value_that_could_inject_a_header_is_refused(value) -> None:
    told = "headers={'X-Team': …} cannot work: give it a value of one line of text, without blanks around it"
    with pytest.raises(ConfigurationError, match=re.escape(told)):
        checked_headers({"X-Team": value})


@pytest.mark.parametrize(
    "name",
    [
        *("Authorization", "AUTHORIZATION", "host", "Content-Length", "Content-Type", "Content-Encoding", "Connection"),
        *("Transfer-Encoding", "Accept-Encoding", "Expect", "Upgrade", "TE", "Trailer"),
    ],
)
def test_a_header_that_the_handler_sets_by_itself_is_refused(name) -> None:
    with pytest.raises(ConfigurationError, match="leave it out; the handler sets it by itself"):
        checked_headers({name: "x"})


def test_where_no_key_is_sent_authorization_is_taken_and_nothing_else_of_the_handlers() -> None:
    given = {"Authorization": "Basic eDp5"}
    assert checked_headers(given, may_authorize=True) == tuple(given.items())
    with pytest.raises(ConfigurationError, match="leave it out; the handler sets it by itself"):
        checked_headers({"Content-Type": "x"}, may_authorize=True)


@pytest.mark.parametrize(
    "proxies",
    [
        {"https": "http://proxy:3128"},
        {"http": "p:1", "https://a.example": "https://ada:b@[::1]:2/"},
        {"all": "socks5h://p:2", "all://a.example": ""},
    ],
)
def test_proxies_are_taken_as_in_requests(proxies, monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "socks")
    assert checked_proxies(proxies) == tuple(proxies.items())


@pytest.mark.parametrize(
    ("proxies", "remedy"),
    [
        ({"HTTPS": "http://p:1"}, 'name what goes through it: "https", "http" or "all"'),
        ({f"http://ada:{SECRET}@p": "http://p:1"}, 'name what goes through it: "https", "http" or "all"'),
        *(
            ({"https": url}, 'give it the URL of a proxy, such as "http://proxy.example.com:3128"')
            for url in (None, 5, "ftp://p:1", "http://", "http://p:port", "http://p:99999", "http://[p", "http://p p")
        ),
    ],
)
def test_proxies_that_cannot_work_are_refused_where_they_are_set(proxies, remedy) -> None:
    with pytest.raises(ConfigurationError, match=r"^proxies=\{'(https?|HTTPS)': …\} cannot work: ") as caught:
        checked_proxies(proxies)
    assert remedy in str(caught.value)
    assert SECRET not in str(caught.value)


def test_a_socks_proxy_without_its_library_is_refused_with_the_command_to_install_it(monkeypatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ConfigurationError, match=r'pip install "requests\[socks\]"'):
        checked_proxies({"https": "socks5://p:1"})


@pytest.mark.parametrize("function", [checked_headers, checked_proxies])
@pytest.mark.parametrize(
    "value",
    [
        f"X: {SECRET}",
        [("X", SECRET)],
        {5: SECRET},
        {"X": f"{SECRET}\n"},
        {"X": [SECRET]},
        {"X": f"{SECRET}\r\nX-Injected: 1"},
    ],
)
def test_no_error_shows_the_value_of_a_header_or_the_password_of_a_proxy(function, value) -> None:
    with pytest.raises(ConfigurationError) as caught:
        function(value)
    assert str(caught.value).startswith(("headers", "proxies"))
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize(
    ("function", "value", "told"),
    [
        (checked_headers, "X-Team: search", 'headers of the type str cannot work: give a mapping such as {"X-Team": "'),
        (checked_headers, {5: "x"}, 'headers with a key of the type int cannot work: give a mapping such as {"X-Team"'),
        (checked_proxies, "http://p:1", 'proxies of the type str cannot work: give a mapping such as {"https": "http:'),
    ],
)
def test_what_is_no_mapping_is_named_by_its_type_and_a_mapping_is_shown(function, value, told) -> None:
    with pytest.raises(ConfigurationError) as caught:
        function(value)
    assert str(caught.value).startswith(told)


@pytest.mark.parametrize(
    ("value", "expected"), [(True, True), ("true", True), ("1", True), (False, False), ("off", False)]
)
def test_verify_may_be_text(value, expected) -> None:
    assert checked_verify(value) is expected


def test_paths_that_are_there_are_taken(tmp_path) -> None:
    path = tmp_path / "a.pem"
    path.touch()
    assert checked_verify(str(path)) == str(path)
    assert checked_verify(str(tmp_path)) == str(tmp_path)
    assert checked_cert(None) is None
    assert checked_cert(str(path)) == str(path)
    assert checked_cert((str(path), str(path))) == (str(path), str(path))
    assert checked_cert([str(path), str(path)]) == (str(path), str(path))


@pytest.mark.parametrize("path", ["", " ", "nowhere.pem", "x" * 5_000, "a\0b"], ids=lambda path: repr(path)[:10])
def test_a_path_that_is_not_there_is_refused_and_empty_text_does_not_switch_verification_off(path, tmp_path) -> None:
    there = tmp_path / "a.pem"
    there.touch()
    for option, check in (
        ("verify", lambda: checked_verify(path)),
        ("cert", lambda: checked_cert(path)),
        ("cert", lambda: checked_cert((str(there), path))),
    ):
        with pytest.raises(ConfigurationError, match=f"^{option}=.* cannot work: give the path of a file that exists"):
            check()


@pytest.mark.parametrize("value", [None, 5, 1.5, ["a.pem"]])
def test_verify_of_another_type_is_refused(value) -> None:
    with pytest.raises(ConfigurationError, match=r"^verify="):
        checked_verify(value)


@pytest.mark.parametrize("value", [True, 5, (), ("a",), ("a", "b", "c"), {"a": "b"}])
def test_cert_of_another_type_is_refused(value) -> None:
    with pytest.raises(ConfigurationError, match=r"^cert="):
        checked_cert(value)


@pytest.mark.parametrize(
    "options",
    [
        {"headers": {"X": "a\r\nX-Injected: 1"}},
        {"endpoint": "http://127.0.0.1/\r\nX-Injected: 1"},
        {"api_key": "a\r\nX-Injected: 1"},
        {"proxies": {"http": "http://127.0.0.1\r\n"}},
        {"verify": ""},
        {"cert": "nowhere.pem"},
        {"compression": "br"},
        {"timeout": 0},
        {"timeout": 1e300},
        {"max_attempts": 0},
        {"max_backoff": -1},
        {"on_reject": "nowhere.function"},
        {"on_request": 5},
    ],
    ids=str,
)
def test_the_handlers_constructor_refuses_what_cannot_work(options) -> None:
    with pytest.raises(ConfigurationError, match=f"^{next(iter(options))}"):
        HeliconeHandler(**{"endpoint": "http://127.0.0.1:9", **options})
