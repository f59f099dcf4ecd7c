"""What one module needs must not be loaded by those who do not use it."""

from __future__ import annotations

import subprocess
import sys

import pytest

FRAMEWORKS = ("django", "flask", "werkzeug", "celery", "starlette", "asgiref", "opentelemetry")


def loaded_by(module):
    code = f"import {module}, sys; print(*sys.modules)"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    return set(ran.stdout.split())


@pytest.mark.parametrize(
    "module", ["context", "context.filter", "context.tracing", "context.propagation", "wsgi", "asgi", "flask"]
)
def test_a_module_loads_no_framework(module):
    assert loaded_by(f"helicone_logging.{module}").isdisjoint(FRAMEWORKS)


@pytest.mark.parametrize(
    ("module", "others"),
    [("django", {"flask", "celery", "opentelemetry"}), ("celery", {"flask", "opentelemetry"})],
)
def test_an_integration_loads_its_own_framework_only(module, others):
    assert loaded_by(f"helicone_logging.{module}").isdisjoint(others)
    assert f"helicone_logging.{module}" in loaded_by(f"helicone_logging.{module}")
