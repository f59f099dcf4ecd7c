"""Options are plain values; one that cannot work is refused with its name, the value and the remedy."""

from __future__ import annotations

import contextlib
import functools
import os
import sys
import types
from pathlib import Path
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

from helicone_logging import ConfigurationError, HeliconeLoggingError
from helicone_logging.core import check

anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary() | st.lists(st.integers())


class Silent:
    def __repr__(self) -> str:
        raise RuntimeError("repr")


def refused(function, value: object, *args: object, **kwargs: object) -> str:
    with pytest.raises(ConfigurationError) as caught:
        function("some_option", value, *args, **kwargs)
    message = str(caught.value)
    assert message.startswith("some_option=")
    assert " cannot work: give " in message
    return message


def test_the_error_is_a_value_error_too() -> None:
    assert issubclass(ConfigurationError, ValueError)
    assert issubclass(ConfigurationError, HeliconeLoggingError)


def test_a_long_value_is_cut_in_the_error() -> None:
    message = refused(check.integer, "x" * 10_000, least=1)
    assert len(message) < 200
    assert "…" in message


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (1, 1),
        ("1", 1),
        (" 12 ", 12),
        ("+5", 5),
        (2.0, 2),
        ("2.0", 2),
        ("1e3", 1000),
        ("10_000", 10_000),
        (10**400, 10**400),
    ],
    ids=lambda value: str(value)[:10],
)
def test_whole_numbers_may_be_text(value, number) -> None:
    assert check.integer("some_option", value, least=1) == number
    assert isinstance(check.integer("some_option", value, least=1), int)


@pytest.mark.parametrize(
    "value",
    [
        0,
        -1,
        "0",
        "-3",
        1.5,
        "1.5",
        "",
        " ",
        "many",
        "inf",
        "nan",
        "1e400",
        "9" * 9_000,
        None,
        True,
        "True",
        [1],
        float("nan"),
        1j,
    ],
    ids=lambda value: repr(value)[:10],
)
def test_what_is_no_whole_number_of_at_least_the_least_is_refused(value) -> None:
    assert "give a whole number of at least 1" in refused(check.integer, value, least=1)


@pytest.mark.parametrize(
    ("value", "number"), [(0, 0.0), ("0", 0.0), (1, 1.0), ("0.25", 0.25), ("1e-3", 0.001), (4e6, 4e6)]
)
def test_seconds_may_be_text(value, number) -> None:
    assert check.seconds("some_option", value) == number
    assert isinstance(check.seconds("some_option", value), float)


@pytest.mark.parametrize(
    "value",
    [-1, "-0.1", "soon", "", None, True, "inf", float("nan"), 1e300, 10**400, "9" * 400, 4_000_001, "1 s"],
    ids=str,
)
def test_seconds_that_no_lock_could_wait_for_are_refused(value) -> None:
    assert "give a number of seconds of at least 0 and at most 4,000,000" in refused(check.seconds, value)


@pytest.mark.parametrize("value", [0, "0", 0.0, "-0"])
def test_no_seconds_at_all_may_be_refused(value) -> None:
    assert "give a number of seconds above 0" in refused(check.seconds, value, zero=False)


@pytest.mark.parametrize("value", [True, 1, "1", "true", "True", " YES ", "on"])
def test_truth_may_be_text(value) -> None:
    assert check.truth("some_option", value) is True


@pytest.mark.parametrize("value", [False, 0, "0", "false", "FALSE", "no", " off", ""])
def test_untruth_may_be_text(value) -> None:
    assert check.truth("some_option", value) is False


@pytest.mark.parametrize("value", [None, 2, -1, 1.5, "perhaps", "None", [], b"true"])
def test_what_is_neither_is_refused(value) -> None:
    assert refused(check.truth, value).endswith("give True or False")


def test_a_choice_is_one_of_the_words() -> None:
    assert check.choice("some_option", "b", ("a", "b")) == "b"
    for value in ("c", "A", "", None, ["a"], 1):
        assert refused(check.choice, value, ("a", "b")).endswith("give one of 'a', 'b'")
    assert refused(check.choice, "zip", ("gzip",), words="None or ").endswith("give None or 'gzip'")


@pytest.mark.parametrize("value", ["INFO", "NOTSET", 15, 0])
def test_a_level_is_a_number_or_the_name_of_one(value) -> None:
    assert check.level("some_option", value) == value


@pytest.mark.parametrize("value", ["INF", "info", "", None])
def test_a_word_that_is_no_level_is_shown(value) -> None:
    assert refused(check.level, value).endswith('give a level such as "INFO"')


@pytest.mark.parametrize("value", ["sk-helicone-abc", "sk helicone abc", "a" * 21, "a1", b"abc", ["abc"], True])
def test_what_may_be_a_key_in_the_place_of_a_level_is_not_shown(value) -> None:
    with pytest.raises(ConfigurationError) as caught:
        check.level("some_option", value)
    assert str(caught.value) == 'some_option cannot work: give a level such as "INFO"; a key goes into api_key='


def test_names_are_any_collection_of_text() -> None:
    assert check.names("some_option", ("a", "b")) == ["a", "b"]
    assert check.names("some_option", {"a"}) == ["a"]
    for value in ("ab", 5, None, ["a", 5]):
        assert refused(check.names, value, words="text, or ").endswith("give text, or a list of names")


def test_text_is_one_line_with_something_in_it() -> None:
    assert check.text("some_option", " shop é ") == "shop é"
    for text in ("\N{WOMAN}\u200d\N{PERSONAL COMPUTER}", "می\u200cخواهم", "a\u00a0b", "\N{IDEOGRAPHIC SPACE}店"):
        assert check.text("some_option", text) == text.strip()
    for value in ("", "  ", "a\nb", "a\u2028b", "a\0", "\ud800", None, 5, b"shop"):
        refused(check.text, value)


def test_a_path_is_absolute_so_that_a_change_of_directory_does_not_move_it(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME" if os.name != "nt" else "USERPROFILE", str(tmp_path))
    expected = str(tmp_path / "queue.db")
    assert check.path("some_option", "queue.db") == expected
    assert check.path("some_option", Path("queue.db")) == expected
    assert check.path("some_option", "~/queue.db") == expected
    assert check.path("some_option", expected) == expected
    for value in ("", "a\0b", "a\ud800", None, 5, b""):
        refused(check.path, value)


def test_a_path_in_a_home_directory_that_there_is_not_is_refused(monkeypatch) -> None:
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)  # as it does where nobody knows of one
    assert "no home directory" in refused(check.path, "~/queue")
    assert "no home directory" in refused(check.path, Path("~/queue"))


def test_a_mapping_of_text_holds_nothing_else() -> None:
    assert check.texts("some_option", None, "") == {}
    assert check.texts("some_option", types.MappingProxyType({"a": "b"}), "") == {"a": "b"}
    for value in ({"a": 5}, {5: "a"}, {"a": None}, [("a", "b")], "a=b"):
        assert refused(check.texts, value, '{"a": "b"}').endswith('such as {"a": "b"}')


def test_a_mapping_has_text_as_keys_and_is_copied() -> None:
    given_mapping = {"a": 1}
    taken = check.mapping("some_option", given_mapping)
    assert taken == given_mapping
    assert taken is not given_mapping
    assert check.mapping("some_option", None) == {}
    for value in ({1: "a"}, [("a", 1)], "a=1", 5):
        refused(check.mapping, value)


def test_a_function_may_be_a_dotted_path(monkeypatch) -> None:
    module = types.ModuleType("helicone_tests_module")
    module.function = len  # type: ignore[attr-defined]
    module.number = 5  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, module.__name__, module)
    assert check.function("some_option", len) is len
    assert check.function("some_option", "helicone_tests_module.function") is len
    for value in ("helicone_tests_module.number", 5, None, ["len"]):
        refused(check.function, value)


@pytest.mark.parametrize("value", [lambda text: text, lambda: None, "json.dumps"])
def test_a_function_that_takes_another_number_of_arguments_is_refused(value) -> None:
    message = refused(check.function, value, ("key", "value", "more"))
    assert message.endswith("give a callable that takes key, value, more")


@pytest.mark.parametrize("value", [max, print, str, lambda *given: given, lambda key, value=None: value, Mock()])
def test_a_function_that_takes_them_or_does_not_say_is_taken(value) -> None:
    assert check.function("some_option", value, ("key", "value")) is value


@pytest.mark.parametrize("value", ["", "len", ".len", "secret"])
def test_text_that_is_no_dotted_path_is_refused_with_all_that_may_stand_there(value) -> None:
    message = refused(check.function, value, words='"secrets", ')
    assert message.endswith('give "secrets", a callable, or the dotted path of one such as "package.module.function"')


@pytest.mark.parametrize("value", ["json.nothing", "no_such_module.function", ".mine.function"])
def test_a_dotted_path_that_leads_nowhere_is_refused_with_the_cause(value) -> None:
    with pytest.raises(ConfigurationError, match="give a callable, or the dotted path") as caught:
        check.function("some_option", value)
    assert str(caught.value).startswith(f"some_option={value!r} cannot work: {caught.value.__cause__}")


@pytest.mark.parametrize(
    "function",
    [functools.partial(check.integer, least=1), check.seconds, check.truth, check.text, check.mapping, check.path],
)
@given(value=anything)
def test_any_value_is_taken_or_refused_with_a_configuration_error(function, value) -> None:
    with contextlib.suppress(ConfigurationError):
        function("some_option", value)


def test_a_value_that_cannot_be_shown_is_refused_by_its_type() -> None:
    assert refused(check.seconds, Silent()).startswith("some_option=<Silent> cannot work: ")
