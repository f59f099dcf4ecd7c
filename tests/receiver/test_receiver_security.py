"""The receiver answers this machine's own pages and programs, and no web page of a stranger's."""

from __future__ import annotations

import contextlib
import http.client
import json
from collections.abc import Iterator, Mapping

import pytest
from receiver_client import PATH, connect, get, payload, post, request

from helicone_logging.receiver import Receiver

KEY = "sk-helicone-7f3a"
READ = ("/", "/session/order-1234", "/session?id=x", "/span/1/payload", "/nowhere")
READ_API = ("/api/spans", "/api/requests", "/api/sessions", "/api/export", "/api/stream?poll=1")
EVERY = (*READ, *READ_API, "/healthz", "/assets/page.css", "/assets/page.js", "/favicon.ico", PATH)


@pytest.fixture
def guarded() -> Iterator[Receiver]:
    with Receiver(port=0, api_key=KEY) as running:
        assert post(running, payload(), Authorization=f"Bearer {KEY}").status == 200
        yield running


def headers_of(receiver: Receiver, path: str, headers: Mapping[str, str] | None = None) -> tuple[int, dict[str, str]]:
    with contextlib.closing(connect(receiver)) as connection:
        connection.request("GET", path, headers=dict(headers or {}))
        answer = connection.getresponse()
        answer.read()
        return answer.status, {name.lower(): value for name, value in answer.getheaders()}


@pytest.mark.parametrize("path", EVERY)
def test_a_name_that_is_bound_to_this_machine_anew_reads_nothing(path: str, receiver: Receiver) -> None:
    for host in ("evil.example", "evil.example:8585", "127.0.0.1.evil.example", "localhost.evil.example", "192.0.2.1"):
        answer = request(receiver, "GET", path, headers={"Host": host})
        assert answer.status == 421
        assert b"start it with --host and that name" in answer.body


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost:1", "LOCALHOST", "[::1]:8585"])
def test_the_names_of_this_machine_are_answered(host: str, receiver: Receiver) -> None:
    assert request(receiver, "GET", "/", headers={"Host": host}).status == 200


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"}, {"Origin": "http://localhost:1"},
    ],
)  # fmt: skip
def test_a_page_of_another_site_writes_nothing(headers: dict[str, str], receiver: Receiver) -> None:
    body = json.dumps(payload()).encode()
    sent = {"Content-Type": "application/json", **headers}
    assert request(receiver, "POST", PATH, body, sent).status == 403
    assert request(receiver, "DELETE", "/api/spans", headers=headers).status == 403
    assert receiver.spans() == []


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded", "multipart/form-data", ""])
def test_what_a_form_can_send_is_not_taken(kind: str | None, receiver: Receiver) -> None:
    headers = {} if kind is None else {"Content-Type": kind}
    assert request(receiver, "POST", PATH, json.dumps(payload()).encode(), headers).status == 415
    assert receiver.spans() == []


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
def test_a_page_of_another_site_has_nothing_loaded_but_may_link_here(site: str, receiver: Receiver) -> None:
    for path in EVERY[:-1]:
        for kind in ("empty", "script", "image", "iframe"):
            assert headers_of(receiver, path, {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": kind})[0] == 403
    assert headers_of(receiver, "/", {"Sec-Fetch-Site": site, "Sec-Fetch-Dest": "document"})[0] == 200


def test_the_own_page_may_write(receiver: Receiver) -> None:
    own = {"Origin": receiver.url, "Sec-Fetch-Site": "same-origin", "Content-Type": "application/json; charset=utf-8"}
    assert request(receiver, "POST", PATH, json.dumps(payload()).encode(), own).status == 200
    assert request(receiver, "DELETE", "/api/spans", headers=own).status == 204
    assert receiver.spans() == []


@pytest.mark.parametrize("path", EVERY)
def test_every_answer_bears_the_headers_that_keep_a_page_to_itself(path: str, receiver: Receiver) -> None:
    for host in (None, "evil.example"):
        _, headers = headers_of(receiver, path, {} if host is None else {"Host": host})
        policy = headers["content-security-policy"]
        for part in ("default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "trusted-types 'none'"):
            assert part in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["cross-origin-opener-policy"] == headers["cross-origin-resource-policy"] == "same-origin"
        is_asset = path.startswith(("/assets/", "/favicon")) and host is None
        assert ("no-store" in headers["cache-control"]) != is_asset
        assert "access-control-allow-origin" not in headers


@pytest.mark.parametrize("path", [*READ, *READ_API])
def test_with_a_key_nobody_reads_without_it(path: str, guarded: Receiver) -> None:
    answer = get(guarded, path)
    assert answer.status == 401
    assert b"order" not in answer.body
    assert KEY.encode() not in answer.body
    assert request(guarded, "GET", path, headers={"Authorization": "Bearer wrong"}).status == 401
    assert request(guarded, "GET", path, headers={"Authorization": f"Bearer {KEY}"}).status in (200, 404)


def test_nobody_deletes_without_the_key(guarded: Receiver) -> None:
    assert request(guarded, "DELETE", "/api/spans").status == 401
    assert len(guarded.spans()) == 1


def test_the_link_of_a_run_works_once_and_leaves_a_cookie_and_a_clean_url(guarded: Receiver) -> None:
    assert KEY not in guarded.page_url
    path = guarded.page_url.removeprefix(guarded.url)
    assert request(guarded, "HEAD", path).status == 401  # a look at where a link leads does not spend it
    status, headers = headers_of(guarded, path)
    assert (status, headers["location"]) == (303, "/")
    for part in ("HttpOnly", "SameSite=Strict", "Path=/"):
        assert part in headers["set-cookie"]
    cookie = headers["set-cookie"].partition(";")[0]
    for readable in ("/", "/session/order-1234", "/api/spans"):
        assert request(guarded, "GET", readable, headers={"Cookie": cookie}).status == 200
    assert get(guarded, path).status == 401
    assert headers_of(guarded, path, {"Cookie": cookie})[0] == 303
    assert request(guarded, "GET", "/", headers={"Cookie": f"{cookie}x"}).status == 401


def test_a_wrong_token_spends_nothing(guarded: Receiver) -> None:
    assert get(guarded, "/?token=wrong").status == 401
    assert headers_of(guarded, guarded.page_url.removeprefix(guarded.url))[0] == 303


def test_where_other_machines_reach_it_reading_is_guarded_also_without_a_key() -> None:
    with Receiver(port=0, allow_remote=True) as running:
        assert post(running, payload()).status == 200
        assert get(running, "/api/spans").status == 401
        assert headers_of(running, running.page_url.removeprefix(running.url))[0] == 303


def test_on_every_address_other_names_are_refused_and_addresses_are_answered() -> None:
    with Receiver("0.0.0.0", 0, allow_remote=True) as running:
        port = int(running.url.rpartition(":")[2])
        for host, status in (("192.0.2.1:8585", 200), ("evil.example", 421)):
            with contextlib.closing(http.client.HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
                connection.request("GET", "/healthz", headers={"Host": host})
                assert connection.getresponse().status == status


def test_its_repr_shows_no_secret(guarded: Receiver) -> None:
    assert KEY not in repr(guarded._guard)
    assert guarded._guard.token not in repr(guarded._guard)
