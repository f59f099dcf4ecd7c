"""The configurations of Collectors hang together, and say what the guide says of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
FOLDER = ROOT / "examples" / "collector"
GUIDE = (ROOT / "docs" / "fleet.md").read_text(encoding="utf-8")
CONFIGURATIONS = ("agent", "gateway")
KINDS = ("extensions", "receivers", "processors", "exporters")


def load(name: str) -> dict[str, Any]:
    loaded = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    assert isinstance(loaded, dict)
    return loaded


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_every_component_is_defined_and_used(name: str) -> None:
    config = load(name)
    service = config["service"]
    (pipeline,) = service["pipelines"].values()
    used = {"extensions": service["extensions"], **pipeline}
    assert {kind: sorted(config[kind]) for kind in KINDS} == {kind: sorted(used[kind]) for kind in KINDS}
    assert list(service["pipelines"]) == ["traces"]
    assert "batch" not in config["processors"]


@pytest.mark.parametrize("name", CONFIGURATIONS)
def test_the_queue_is_on_disk_batches_by_itself_and_never_gives_up(name: str) -> None:
    config = load(name)
    exporter = config["exporters"]["otlp_http"]
    queue = exporter["sending_queue"]
    assert queue["storage"] in config["extensions"]
    assert 0 < queue["batch"]["min_size"] <= queue["batch"]["max_size"] <= queue["queue_size"]
    assert queue["sizer"] == "items"
    assert exporter["retry_on_failure"] == {"max_elapsed_time": "0s"}
    assert exporter["compression"] == "gzip"


def test_the_agent_takes_otlp_over_http_from_this_machine_and_has_no_key() -> None:
    config = load("agent")
    assert config["receivers"]["otlp"]["protocols"] == {"http": {"endpoint": "${env:LISTEN:-127.0.0.1}:4318"}}
    assert config["exporters"]["otlp_http"]["endpoint"] == "${env:GATEWAY}"
    assert "HELICONE" not in (FOLDER / "agent.yaml").read_text(encoding="utf-8")


def test_the_gateway_sends_what_helicone_takes() -> None:
    exporter = load("gateway")["exporters"]["otlp_http"]
    assert exporter["traces_endpoint"] == "${env:HELICONE_TRACES}"
    assert exporter["encoding"] == "proto"
    assert exporter["timeout"] == "60s"
    assert exporter["headers"] == {"Authorization": "Bearer ${env:HELICONE_API_KEY}"}
    assert exporter["sending_queue"]["batch"]["max_size"] == 50
    (condition,) = load("gateway")["processors"]["filter"]["traces"]["span"]
    assert set(re.findall(r'attributes\["([\w.]+)"\] == nil', condition)) == {
        "gen_ai.system", "gen_ai.prompt.0.content",
    }  # fmt: skip
    assert " and " in condition


def test_the_proxy_turns_what_a_collector_drops_into_what_it_keeps() -> None:
    text = (FOLDER / "nginx.conf").read_text(encoding="utf-8")
    assert text.count("{") == text.count("}")
    (statuses,) = re.findall(r"error_page ([\d ]+) =503 @later;", text)
    assert {"401", "403", "408", "500", "520", "522", "524"} <= set(statuses.split())
    assert "proxy_intercept_errors on;" in text
    assert "proxy_ssl_verify on;" in text


def test_kubernetes_has_an_agent_on_each_node_and_applications_find_it() -> None:
    agent, application = yaml.safe_load_all((FOLDER / "kubernetes.yaml").read_text(encoding="utf-8"))
    assert (agent["kind"], application["kind"]) == ("DaemonSet", "Deployment")
    for one in (agent, application):
        assert one["spec"]["selector"]["matchLabels"] == one["spec"]["template"]["metadata"]["labels"]
    (container,) = agent["spec"]["template"]["spec"]["containers"]
    volumes = {volume["name"] for volume in agent["spec"]["template"]["spec"]["volumes"]}
    assert {mount["name"] for mount in container["volumeMounts"]} == volumes
    mounted = {mount["mountPath"] for mount in container["volumeMounts"]}
    assert load("agent")["extensions"]["file_storage"]["directory"] in mounted
    variables = {one["name"]: one for one in application["spec"]["template"]["spec"]["containers"][0]["env"]}
    assert variables["NODE_IP"]["valueFrom"]["fieldRef"]["fieldPath"] == "status.hostIP"
    assert variables["OTEL_EXPORTER_OTLP_ENDPOINT"]["value"] == "http://$(NODE_IP):4318"
    assert "HELICONE_API_KEY" not in variables


def test_the_guide_s_table_of_sizes_adds_up() -> None:
    rows = re.findall(
        r"^\| ([\d,]+) \| [\d,]+ \| ([\w %]+) \| ([\d.]+)[^|]*\| ([\d.]+) % \| (\d+) \|", GUIDE, re.MULTILINE
    )
    assert len(rows) == 6
    limit = 100_000 / 300
    for spans, alone, together, share, consumers in rows:
        rate = int(spans.replace(",", ""))
        assert alone == ("too many" if rate > limit else f"{100 * rate / limit:.0f} %")
        bodies = max(rate / 50, 0.5)  # one every two seconds at the least, as `flush_timeout` says
        assert float(together) == bodies
        assert abs(float(share) - 100 * bodies / limit) < 0.51
        assert int(consumers) == max(1, round(2 * bodies))


def test_the_guide_shows_every_file() -> None:
    linked = set(re.findall(r"examples/collector/([\w.]+)", GUIDE))
    assert linked == {file.name for file in FOLDER.iterdir()}
