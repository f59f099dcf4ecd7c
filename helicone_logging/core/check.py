"""Checks of options: plain values in, typed values out, or an error that names option, value and remedy.

Numbers and truth values may come as text, as `logging.config.fileConfig` and the environment give them. `words` say
what else an option may be, as the error tells it.
"""

from __future__ import annotations

import importlib
import inspect
import logging
import math
import os
import re
import sys
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, NoReturn, TypeVar, cast

from helicone_logging.errors import ConfigurationError

_Option = TypeVar("_Option")
_TRUE = {"1", "true", "yes", "on"}
_FALSE = {"0", "false", "no", "off", ""}
_NO_LINE = r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]"  # ends and controls of lines, and what no UTF-8 can carry
MAX_BODY_BYTES = 10_000_000
"""What a body may have: Helicone's server answers 500 to more than 10 MB (since March 2026)."""

_WORD = r"[A-Za-z]{0,20}"  # which no key is
_PAGE = "https://helicone-logging.readthedocs.io/en/latest/options.html"
_MAX_SECONDS = 4_000_000  # 46 days, which locks and sockets can wait for on every platform


def refuse(option: str, value: object, remedy: str) -> NoReturn:
    """Raises the error for an option that cannot work.

    Args:
        option: its name.
        value: what it was set to; shown by `repr`, cut at 100 characters.
        remedy: what to do instead, as a sentence's end.

    Raises:
        ConfigurationError: always.
    """
    try:
        shown = repr(value)
    except Exception:  # noqa: BLE001 - of the application's own object
        shown = f"<{type(value).__name__}>"
    shown = shown if len(shown) <= 100 else shown[:99] + "…"
    raise ConfigurationError(f"{option}={shown} cannot work: {remedy}")


def refuse_unknown(given: Collection[str], makers: Sequence[type], meant: Mapping[str, str]) -> None:
    """Refuses options that do not exist.

    Args:
        given: their names.
        makers: the class that is made, and those to which it hands options on.
        meant: what to do instead, by the name that was given.

    Raises:
        ConfigurationError: no class has one of them; it names the nearest that there is.
    """
    known = _options_of(makers) if given else frozenset()
    for name in given:
        if name not in known:
            raise ConfigurationError(f"{makers[0].__name__} has no option {name!r}: {_hint(name, known, meant)}")


def _options_of(makers: Iterable[type]) -> frozenset[str]:
    parameters = [parameter for maker in makers for parameter in inspect.signature(maker).parameters.values()]
    return frozenset(it.name for it in parameters if it.kind is not it.VAR_KEYWORD)


def _hint(name: str, known: Iterable[str], meant: Mapping[str, str]) -> str:
    if name in meant:
        return meant[name]
    import difflib  # loads slowly

    nearest = difflib.get_close_matches(name, known, 1)
    return f"did you mean {nearest[0]!r}?" if nearest else f"{_PAGE} has them all"


def integer(option: str, value: object, *, least: int, most: int | None = None, words: str = "") -> int:
    """Returns an option as an int that is within limits; without `most`, of any size."""
    up_to = "" if most is None else f" and at most {most:,}"
    remedy = f"give {words and words + 'or '}a whole number of at least {least}{up_to}"
    number = _number(option, value, remedy)
    if number != int(number) or number < least or (most is not None and number > most):
        refuse(option, value, remedy)
    return int(number)


def seconds(option: str, value: object, *, zero: bool = True) -> float:
    """Returns an option as a length of time of up to 4,000,000 seconds."""
    remedy = f"give a number of seconds {'of at least' if zero else 'above'} 0 and at most {_MAX_SECONDS:,}"
    number = _number(option, value, remedy)
    if not 0 <= number <= _MAX_SECONDS or (number == 0 and not zero):
        refuse(option, value, remedy)
    return float(number)


def fraction(option: str, value: object) -> float:
    """Returns an option as a number from 0.0 to 1.0."""
    remedy = "give a number from 0 to 1, such as 0.1 for a tenth"
    number = _number(option, value, remedy)
    if not 0 <= number <= 1:
        refuse(option, value, remedy)
    return float(number)


def _number(option: str, value: object, remedy: str) -> int | float:
    if isinstance(value, str):
        try:
            value = float(value) if not value.strip().lstrip("+-").isdecimal() else int(value)
        except ValueError:
            refuse(option, value, remedy)
    if isinstance(value, bool) or not isinstance(value, int | float):
        refuse(option, value, remedy)
    if isinstance(value, float) and not math.isfinite(value):  # which fails on the largest ints
        refuse(option, value, remedy)
    return value


def truth(option: str, value: object) -> bool:
    """Returns an option as True or False; `true`, `yes`, `on`, `1` and their opposites are taken as text."""
    if isinstance(value, str) and value.strip().lower() in _TRUE | _FALSE:
        return value.strip().lower() in _TRUE
    if isinstance(value, int) and value in {0, 1}:
        return bool(value)
    refuse(option, value, "give True or False")


def level(option: str, value: object) -> int | str:
    """Returns an option that is a level of logging; the error shows words only, as a key may stand in its place."""
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    if isinstance(value, str) and isinstance(logging.getLevelName(value), int):
        return value
    remedy = 'give a level such as "INFO"'
    if value is None or (isinstance(value, str) and re.fullmatch(_WORD, value)):
        refuse(option, value, remedy)
    raise ConfigurationError(f"{option} cannot work: {remedy}; a key goes into api_key=")


def choice(option: str, value: object, choices: Sequence[str], *, words: str = "") -> str:
    """Returns an option that is one of several words."""
    if isinstance(value, str) and value in choices:
        return value
    listed = ", ".join(map(repr, choices))
    refuse(option, value, f"give {words}{'one of ' if len(choices) > 1 else ''}{listed}")


def text(option: str, value: object) -> str:
    """Returns an option that is text of one line with something in it, in any script."""
    if isinstance(value, str) and value.strip() and not re.search(_NO_LINE, value):
        return value.strip()
    refuse(option, value, "give text of one line that is not empty")


def names(option: str, value: object, *, words: str = "") -> list[str]:
    """Returns an option that is a list of names."""
    if not isinstance(value, str) and isinstance(value, Collection) and all(isinstance(name, str) for name in value):
        return list(value)
    refuse(option, value, f"give {words}a list of names")


def path(option: str, value: object) -> str:
    """Returns an option that is the path of a file, absolute, so that a change of directory does not move it."""
    if not isinstance(value, str | os.PathLike) or not os.fspath(value) or "\0" in str(value):
        refuse(option, value, "give a path as text")
    try:
        os.fsencode(value)
    except UnicodeError:
        refuse(option, value, "give a path that the file system can hold")
    expanded = os.path.expanduser(str(value))  # noqa: PTH111 - pathlib loads slowly
    if expanded[0] == "~" == str(value)[0]:
        refuse(option, value, "give the whole path, as there is no home directory for it here")
    return os.path.abspath(expanded)  # noqa: PTH100


def converted(option: str, value: _Option) -> _Option:
    """Returns an option with what `ext://` and `cfg://` in it stand for, as `dictConfig` resolves its own values.

    Its mappings and lists convert what is asked for by key, so those who copy or iterate them get the text instead.

    Args:
        option: its name.
        value: of any type; one that is not from `dictConfig` is returned as it is.
    """
    config: Any = sys.modules.get("logging.config")  # which loads slowly; where nobody has loaded it, nobody converts
    if config is None:
        return value
    try:
        return cast("_Option", _converted(value, config))
    except Exception as error:
        raise ConfigurationError(f"{option} cannot work: {type(error).__name__}: {error}") from error


def _converted(value: Any, config: Any) -> object:
    if isinstance(value, config.ConvertingDict):
        return {key: _converted(value[key], config) for key in value}
    if isinstance(value, config.ConvertingList | config.ConvertingTuple):
        items = (_converted(value[place], config) for place in range(len(value)))
        return tuple(items) if isinstance(value, tuple) else list(items)
    return value


def mapping(option: str, value: object) -> dict[str, Any]:
    """Returns an option that maps text to values; None is empty."""
    value = converted(option, value)
    if value is None:
        return {}
    if isinstance(value, Mapping) and all(isinstance(key, str) for key in value):
        return dict(value)
    refuse(option, value, "give a mapping with text as keys")


def texts(option: str, value: object, example: str) -> dict[str, str]:
    """Returns an option that maps text to text, as in the example; None is empty."""
    remedy = f"give a mapping of text to text, such as {example}"
    value = converted(option, value)
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(isinstance(part, str) for pair in value.items() for part in pair):
        refuse(option, value, remedy)
    return dict(value)


def function(option: str, value: object, takes: Sequence[str] = (), *, words: str = "") -> Callable[..., Any]:
    """Returns an option that is a callable, or the dotted path of one, which is imported here.

    Args:
        option: its name.
        value: what was given.
        takes: names of what it is called with; one that says that it takes another number is refused.
        words: what else may be given.
    """
    remedy = f'give {words}a callable, or the dotted path of one such as "package.module.function"'
    found = value
    if isinstance(value, str) and "." in value.strip("."):
        module, _, name = value.rpartition(".")
        try:
            found = getattr(importlib.import_module(module), name)
        except Exception as error:  # such as an error of the module's own
            raise ConfigurationError(f"{option}={value!r} cannot work: {error}; {remedy}") from error
    if not callable(found):
        refuse(option, value, remedy)
    if takes and not _can_take(found, len(takes)):
        refuse(option, value, f"give a callable that takes {', '.join(takes)}")
    return found


def _can_take(function: Callable[..., object], count: int) -> bool:
    """Whether a callable takes so many arguments, or does not say what it takes."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # of C, or one that only looks like a callable
        return True
    try:
        signature.bind(*range(count))
    except TypeError:
        return False
    return True
