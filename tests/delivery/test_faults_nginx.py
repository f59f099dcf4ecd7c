"""Behind a real nginx, an endpoint that is down, or a wrong URL, is an outage and loses no record."""

from __future__ import annotations

import pytest
from nginx import Nginx, executable

pytestmark = pytest.mark.servers
RECORDS = 200
QUICK = {"max_backoff": 0.05, "batch_size": 20, "flush_interval": 0.05}


@pytest.fixture
def nginx(tmp_path) -> Nginx:
    return Nginx(tmp_path, executable())


@pytest.mark.parametrize("spool", [False, True], ids=["memory", "disk"])
def test_records_outlast_an_endpoint_that_is_restarted_behind_nginx(
    spool, nginx, faulty, client_of, names, tmp_path, capfd
) -> None:
    logged = names(RECORDS)
    options = {**QUICK, "max_attempts": 2, "spool_path": str(tmp_path / "spool") if spool else None}
    with nginx.running(f"proxy_pass http://127.0.0.1:{faulty.port};"):
        client = client_of(nginx.url, **options)
        with faulty.refusing():
            client.log(*logged[:-1])
            assert "HTTP 502" in client.wait_for_trouble()
            assert "HTTP 502" in client.wait_until_told(capfd)
            assert client.counts() == (RECORDS - 1, 0, 0, 0, RECORDS - 1)
        client.log(logged[-1])
        client.settle()
    assert client.counts() == (RECORDS, RECORDS, 0, 0, 0)
    assert faulty.stored == dict.fromkeys(logged, 1)


@pytest.mark.parametrize("status", [404, 405, 415])
def test_records_outlast_a_wrong_url_that_nginx_sets_right(status, nginx, faulty, client_of, names, capfd) -> None:
    logged = names(RECORDS)
    with nginx.running(f"return {status};"):
        client = client_of(nginx.url, **QUICK, max_attempts=2)
        client.log(*logged)
        assert f"HTTP {status}" in client.wait_for_trouble()
        for _ in range(3):
            assert client.handler.flush(0.2) is False
        assert client.counts() == (RECORDS, 0, 0, 0, RECORDS)
        told = capfd.readouterr().err
        assert told.count("the URL takes no traces; check `endpoint`") == 1
        assert f"{nginx.url}/v1/trace/log" in told
        nginx.reload(f"proxy_pass http://127.0.0.1:{faulty.port};")
        client.settle()
    assert faulty.stored == dict.fromkeys(logged, 1)
