"""Real requests and responses of LLM SDKs, in every form in which an application may have them.

The files are in the shapes that the providers document. `real` makes them the classes of the SDK, so that the same
test runs on both: those of `openai` and `anthropic` always, the others where the extra `[sdks]` is installed.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import marshal
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pydantic
import pytest

from helicone_logging.llm.providers.requests import read_request
from helicone_logging.llm.providers.responses import read_response
from helicone_logging.llm.providers.snapshots import NotPlainError, snapshot

Form = Callable[[Any], Any]

_FOLDER = Path(__file__).resolve().parents[1] / "llm" / "providers" / "fixtures"
_ALWAYS_INSTALLED = ("openai", "anthropic")
_NAMESPACES = ("google",)  # which other packages than the SDK's are in, too


def load(name: str) -> Any:
    return json.loads((_FOLDER / f"{name}.json").read_text(encoding="utf-8"))


def as_dict(data: Any) -> Any:
    return data


def as_json(data: Any) -> Any:
    return json.dumps(data)


def as_json_bytes(data: Any) -> Any:
    return json.dumps(data).encode()


PLAIN = [as_dict, as_json, as_json_bytes]


def real(*places: str) -> Form:
    """The SDK's own class, or union of classes, at the first place that this version has: `package.module:Name`.

    What a copy of its object says, as a record takes one that waits, is held to be what the object says.
    """

    def make(data: Any) -> Any:
        kind = _find(places)
        if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
            validate = kind.model_validate
        else:
            validate = pydantic.TypeAdapter(kind).validate_python
        made = [validate(item) for item in data] if isinstance(data, list) else validate(data)
        _check_copy(made)
        return made

    make.__name__ = places[0].partition(":")[2]
    return make


def _check_copy(made: Any) -> None:
    with contextlib.suppress(NotPlainError):
        copied = snapshot(made)
        assert marshal.loads(marshal.dumps(copied)) == copied
        assert read_response(copied) == read_response(made)
        asked = read_request(made)
        if asked is not None and "llm_request" not in asked:  # else it is not known, and stays what it was
            assert read_request(copied) == asked


def sdk(module: str) -> ModuleType:
    package = module.partition(".")[0]
    with warnings.catch_warnings(), pytest.MonkeyPatch.context() as patch:
        warnings.simplefilter("ignore")  # what an SDK says about itself while it is imported is not ours to mend
        patch.setitem(os.environ, "LITELLM_LOCAL_MODEL_COST_MAP", "True")  # else it asks the network, three times
        if package in _ALWAYS_INSTALLED:
            return importlib.import_module(module)
        named = ".".join(module.split(".")[:2]) if package in _NAMESPACES else package
        pytest.importorskip(named, reason="needs the [sdks] extra")
        return importlib.import_module(module)


def _find(places: tuple[str, ...]) -> Any:
    for place in places[:-1]:
        module, _, name = place.partition(":")
        try:
            return getattr(sdk(module), name)
        except ImportError:
            continue
    module, _, name = places[-1].partition(":")
    return getattr(sdk(module), name)
