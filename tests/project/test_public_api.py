"""What the package offers: a sorted list of names, each with a docstring, with types for those who check theirs."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
from importlib import resources
from types import FunctionType, ModuleType

import pytest

import helicone_logging

OPTIONAL = {"django", "flask", "celery"}


def public_modules() -> list[str]:
    found = pkgutil.walk_packages(helicone_logging.__path__, "helicone_logging.")
    return [one.name for one in found if not one.name.rpartition(".")[2].startswith("_")]


def public_members(module: ModuleType) -> dict[str, object]:
    """Classes and functions that are at home in a module and meant for others."""
    return {
        name: member
        for name, member in vars(module).items()
        if not name.startswith("_") and issubclass(type(member), FunctionType | type)  # a lazy object is not woken
        if getattr(member, "__module__", None) == module.__name__
    }


def test_all_is_sorted_and_every_name_is_there() -> None:
    assert helicone_logging.__all__ == sorted(helicone_logging.__all__)
    assert len(set(helicone_logging.__all__)) == len(helicone_logging.__all__)
    for name in helicone_logging.__all__:
        assert hasattr(helicone_logging, name)


def test_nothing_public_is_left_out_of_all() -> None:
    offered = {name for name, member in vars(helicone_logging).items() if not inspect.ismodule(member)}
    assert {name for name in offered if not name.startswith("_")} == {
        name for name in helicone_logging.__all__ if name[0] != "_"
    }


@pytest.mark.parametrize("name", [name for name in helicone_logging.__all__ if name != "__version__"])
def test_every_exported_name_says_what_it_is(name: str) -> None:
    member = getattr(helicone_logging, name)
    documentation = inspect.getdoc(member)
    assert documentation
    assert documentation.splitlines()[0].endswith((".", ":"))
    assert re.search(r"^\.\. versionadded:: \d\.\d$", documentation, re.MULTILINE)
    if inspect.isclass(member):
        for method_name, method in vars(member).items():
            if inspect.isfunction(method) and not method_name.startswith("_"):
                assert inspect.getdoc(method), f"{name}.{method_name}"


@pytest.mark.parametrize("name", ["HeliconeHandler", "OTELTraceFormatter", "TraceContextFilter"])
def test_every_option_is_described_where_it_is_taken(name: str) -> None:
    member = getattr(helicone_logging, name)
    documentation = inspect.getdoc(member) or ""
    arguments = documentation.partition("Args:\n")[2].partition("\n\n")[0]
    described = set(re.findall(r"^    \*{0,2}(\w+): ", arguments, re.MULTILINE))
    assert described == set(inspect.signature(member).parameters)


@pytest.mark.parametrize("name", public_modules())
def test_every_module_says_what_it_is_for(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert module.__doc__.splitlines()[0].endswith((".", ":"))


def test_the_version_is_one() -> None:
    assert re.fullmatch(r"\d+\.\d+\.\d+(\.?(dev|a|b|rc)\d+)?", helicone_logging.__version__)


def test_types_are_shipped() -> None:
    assert resources.files("helicone_logging").joinpath("py.typed").is_file()
    assert resources.files("helicone_logging.receiver").joinpath("otel_trace.schema.json").is_file()


@pytest.mark.parametrize("name", ["asgi", "wsgi", "testing", *sorted(OPTIONAL)])
def test_what_integrations_offer_says_what_it_is(name: str) -> None:
    module = importlib.import_module(f"helicone_logging.{name}")
    members = public_members(module)
    assert members
    assert [name for name, member in members.items() if not inspect.getdoc(member)] == []


def test_the_receiver_s_all_is_sorted() -> None:
    from helicone_logging import receiver

    classes = sorted(receiver.__all__)
    assert receiver.__all__ == classes
    assert all(inspect.getdoc(getattr(receiver, name)) for name in classes)
