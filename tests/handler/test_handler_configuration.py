"""The handler is configured like any other."""

from __future__ import annotations

import contextlib
import inspect
import json
import logging
import logging.config
import textwrap

import flask
import pytest
import scripts
from pythonjsonlogger.core import BaseJsonFormatter

from helicone_logging import ConfigurationError, HeliconeHandler, OTELTraceFormatter
from helicone_logging.receiver.validation import refusal

TRACE = {"trace_id": "t-1"}


def a_record(message: str) -> logging.LogRecord:
    return logging.getLogger("app").makeRecord("app", logging.INFO, __file__, 1, message, (), None, extra=TRACE)


def configure(server, *, formatters=None, level="DEBUG", **options):
    """Applies a configuration with one handler, and returns a logger that uses it, and the handler."""
    handler = {"class": "helicone_logging.HeliconeHandler", "endpoint": server.url, **options}
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "formatters": formatters or {},
            "handlers": {"helicone": handler},
            "loggers": {"app": {"handlers": ["helicone"], "level": level, "propagate": False}},
        }
    )
    logger = logging.getLogger("app")
    return logger, logger.handlers[0]


def test_dictconfig_makes_it_by_class(server) -> None:
    logger, handler = configure(server, api_key="sk-helicone-1", service_name="shop", queue_size="100")
    logger.info("by class", extra=TRACE)
    assert handler.flush(30)
    assert server.named("by class").resource_attributes["service.name"] == "shop"
    assert server.requests[0].headers["Authorization"] == "Bearer sk-helicone-1"


def test_dictconfig_makes_it_by_factory(server) -> None:
    factory = {"()": "helicone_logging.HeliconeHandler", "endpoint": server.url, "level": "WARNING"}
    logging.config.dictConfig({"version": 1, "handlers": {"h": factory}, "root": {"handlers": ["h"], "level": "DEBUG"}})
    root = logging.getLogger()
    root.info("below its level", extra=TRACE)
    root.warning("by factory", extra=TRACE)
    assert root.handlers[-1].flush(30)
    assert server.names() == ["by factory"]


def test_dictconfig_reads_values_from_elsewhere_with_ext_and_cfg(server, monkeypatch) -> None:
    monkeypatch.setenv("HELICONE_TRACE_ENDPOINT", server.url)
    logging.config.dictConfig(
        {
            "version": 1,
            "shared": {"properties": {"tenant": "acme"}},
            "handlers": {
                "h": {
                    "class": "helicone_logging.HeliconeHandler",
                    "properties": "cfg://shared.properties",
                    "on_reject": "ext://builtins.print",
                }
            },
            "root": {"handlers": ["h"], "level": "INFO"},
        }
    )
    logging.info("with properties", extra=TRACE)
    assert logging.getLogger().handlers[-1].flush(30)
    properties = server.named("with properties").attributes
    assert properties["traceloop.association.properties.Helicone-Property-tenant"] == "acme"


TENANT = "acme"


def test_dictconfig_reads_values_inside_mappings_from_elsewhere_with_ext_and_cfg(server) -> None:
    here = f"ext://{__name__}.TENANT"
    logging.config.dictConfig(
        {
            "version": 1,
            "deploy": {"region": "eu", "zones": ["a", "b"]},
            "handlers": {
                "helicone": {
                    "class": "helicone_logging.HeliconeHandler",
                    "endpoint": server.url,
                    "properties": {"tenant": here, "region": "cfg://deploy.region"},
                    "static_fields": {"zone": "cfg://deploy.zones[1]", "deep": {"tenant": [here]}},
                    "resource_attributes": {"cloud.region": "cfg://deploy.region"},
                    "headers": {"X-Tenant": here},
                    "provider_overrides": {"anthropic": here},
                }
            },
            "root": {"handlers": ["helicone"], "level": "INFO"},
        }
    )
    logging.getLogger().info("a record", extra={**TRACE, "model": "claude-3", "provider": "anthropic"})
    assert logging.getLogger().handlers[-1].flush(30)
    span = server.named("a record")
    properties = "traceloop.association.properties.Helicone-Property-"
    assert (span.attributes[properties + "tenant"], span.attributes[properties + "region"]) == ("acme", "eu")
    assert (span.attributes["zone"], span.attributes["deep"]) == ("b", '{"tenant":["acme"]}')
    assert span.attributes["gen_ai.system"] == "acme"
    assert span.resource_attributes["cloud.region"] == "eu"
    assert server.requests[0].headers["X-Tenant"] == "acme"


@pytest.mark.parametrize("option", ["properties", "static_fields", "resource_attributes", "headers", "proxies"])
def test_a_value_inside_a_mapping_that_is_nowhere_names_its_option(server, option) -> None:
    with pytest.raises(ValueError, match="helicone") as refused:
        configure(server, **{option: {"tenant": "ext://nowhere.at.all"}})
    assert f"{option} cannot work" in str(refused.value.__cause__)


def test_an_ordinary_formatter_renders_the_message(server) -> None:
    verbose = {"verbose": {"format": "[{levelname}] {name}: {message}", "style": "{"}}
    logger, handler = configure(server, formatters=verbose, formatter="verbose")
    logger.warning("%d left", 3, extra=TRACE)
    assert handler.flush(30)
    assert server.names() == ["[WARNING] app: 3 left"]


def test_a_formatter_that_appends_the_traceback_leaves_the_message_alone(server) -> None:
    logger, handler = configure(server, formatters={"verbose": {"format": "%(message)s"}}, formatter="verbose")
    try:
        raise ValueError("not good")
    except ValueError:
        logger.exception("it failed", extra=TRACE)
    assert handler.flush(30)
    attributes = server.named("it failed").attributes
    assert attributes["exception.type"] == "ValueError"
    assert attributes["exception.message"] == "not good"
    assert "Traceback" in attributes["exception.stacktrace"]


def test_a_trace_formatter_on_the_handler_replaces_its_own(server) -> None:
    formatters = {"traces": {"()": "helicone_logging.OTELTraceFormatter", "service_name": "from-formatter"}}
    logger, handler = configure(server, formatters=formatters, formatter="traces", service_name="from-handler")
    logger.info("replaced", extra=TRACE)
    assert handler.flush(30)
    assert server.named("replaced").resource_attributes["service.name"] == "from-formatter"


def test_without_a_formatter_the_handler_uses_its_own_again(server) -> None:
    logger, handler = configure(server, service_name="from-handler")
    handler.setFormatter(OTELTraceFormatter(service_name="from-formatter"))
    handler.setFormatter(None)
    logger.info("its own", extra=TRACE)
    assert handler.flush(30)
    assert server.named("its own").resource_attributes["service.name"] == "from-handler"


@pytest.mark.parametrize("kind", ["stream", "file"])
def test_alone_on_a_handler_of_the_standard_library_the_formatter_writes_a_payload_a_line(
    kind, tmp_path, capsys
) -> None:
    path = tmp_path / "spans.jsonl"
    handler = (
        {"class": "logging.StreamHandler", "stream": "ext://sys.stdout"}
        if kind == "stream"
        else {"class": "logging.FileHandler", "filename": str(path), "encoding": "utf-8"}
    )
    logging.config.dictConfig(
        {
            "version": 1,
            "formatters": {"traces": {"()": "helicone_logging.OTELTraceFormatter"}},
            "handlers": {"h": {**handler, "formatter": "traces"}},
            "root": {"handlers": ["h"], "level": "INFO"},
        }
    )
    logging.info("first\nwith two lines", extra={**TRACE, "messages": "a\nb"})
    logging.info("second", extra=TRACE)
    own = logging.getLogger().handlers[-1]
    own.flush()
    lines = (capsys.readouterr().out if kind == "stream" else path.read_text("utf-8")).splitlines()
    own.close()
    assert len(lines) == 2
    assert [refusal(json.loads(line)) for line in lines] == [None, None]


def test_fileconfig_makes_it_with_numbers_as_text(server, tmp_path) -> None:
    path = tmp_path / "logging.ini"
    path.write_text(
        textwrap.dedent(
            f"""
            [loggers]
            keys=root
            [handlers]
            keys=helicone
            [formatters]
            keys=plain
            [logger_root]
            level=DEBUG
            handlers=helicone
            [handler_helicone]
            class=helicone_logging.HeliconeHandler
            level=INFO
            formatter=plain
            args=()
            kwargs={{"endpoint": "{server.url}", "queue_size": "50", "batch_size": "auto", "enabled": "yes"}}
            [formatter_plain]
            format=<%(message)s>
            """
        ),
        encoding="utf-8",
    )
    logging.config.fileConfig(path, disable_existing_loggers=False)
    logging.debug("below its level", extra=TRACE)
    logging.info("by file", extra=TRACE)
    assert logging.getLogger().handlers[-1].flush(30)
    assert server.names() == ["<by file>"]


def test_django_makes_it_from_its_logging_setting(server, tmp_path) -> None:
    script = scripts.write(
        tmp_path / "app.py",
        """
        import logging, django
        from django.conf import settings

        settings.configure(
            DATABASES={},
            LOGGING={
                "version": 1,
                "disable_existing_loggers": False,
                "formatters": {"verbose": {"format": "{levelname} {message}", "style": "{"}},
                "handlers": {"helicone": {"class": "helicone_logging.HeliconeHandler", "formatter": "verbose"}},
                "root": {"handlers": ["helicone"], "level": "INFO"},
            },
        )
        django.setup()
        logging.getLogger("shop").info("from django", extra={"trace_id": "t-1"})
        logging.getLogger("django.request").warning("no trace context", extra={"status_code": 404, "request": object()})
        """,
    )
    done = scripts.run(script, server.url)
    assert (done.returncode, done.stderr) == (0, "")
    assert server.names() == ["INFO from django"]


@pytest.mark.parametrize("moment", ["before", "after"])
def test_flask_logs_to_it_configured_before_and_after_the_app_is_made(moment, server) -> None:
    config = {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"h": {"class": "helicone_logging.HeliconeHandler", "endpoint": server.url}},
        "root": {"handlers": ["h"], "level": "INFO"},
    }
    if moment == "before":
        logging.config.dictConfig(config)
    app = flask.Flask(f"shop_{moment}")
    app.logger.info("only touched", extra={})
    if moment == "after":
        logging.config.dictConfig(config)

    @app.get("/")
    def index() -> str:
        app.logger.warning("from flask", extra=TRACE)
        return "done"

    assert app.test_client().get("/").status_code == 200
    assert logging.getLogger().handlers[-1].flush(30)
    assert server.names() == ["from flask"]


def test_by_hand_with_filters_and_levels(server) -> None:
    handler = HeliconeHandler(logging.INFO, endpoint=server.url)
    handler.addFilter(lambda record: "secret" not in record.getMessage())
    logger = logging.getLogger("by.hand")
    logger.setLevel(logging.DEBUG)
    logger.addHandler(handler)
    logger.debug("too low", extra=TRACE)
    logger.info("a secret", extra=TRACE)
    logger.info("passes", extra=TRACE)
    handler.setLevel("ERROR")
    logger.warning("too low now", extra=TRACE)
    assert handler.flush(30)
    assert server.names() == ["passes"]
    assert handler.stats().emitted == 1


@pytest.mark.skipif(not hasattr(logging, "getHandlerByName"), reason="filters that replace records came with 3.12")
def test_a_filter_may_replace_the_record(server) -> None:
    handler = HeliconeHandler(endpoint=server.url)

    def replaced(record: logging.LogRecord) -> logging.LogRecord:
        copy = logging.makeLogRecord(record.__dict__)
        copy.msg = "replaced"
        return copy

    handler.addFilter(replaced)
    handler.handle(a_record("original"))
    assert handler.flush(30)
    assert server.names() == ["replaced"]


@pytest.mark.parametrize("how", ["option", "text", "variable"])
def test_disabled_it_does_nothing_and_asks_for_nothing(how, server, monkeypatch) -> None:
    options = {"option": {"enabled": False}, "text": {"enabled": "off"}, "variable": {}}[how]
    if how == "variable":
        monkeypatch.setenv("HELICONE_LOGGING_DISABLED", "1")
    handler = HeliconeHandler(**options)  # no key, no endpoint
    handler.handle(a_record("nothing"))
    handler.emit(a_record("nothing"))
    assert handler.flush() is True
    assert handler.stats().emitted == 0
    assert "disabled" in repr(handler)
    handler.setFormatter(logging.Formatter())
    handler.close()


def test_enabled_wins_over_the_variable(server, monkeypatch) -> None:
    monkeypatch.setenv("HELICONE_LOGGING_DISABLED", "1")
    handler = HeliconeHandler(endpoint=server.url, enabled=True)
    handler.handle(a_record("enabled"))
    assert handler.flush(30)
    assert server.names() == ["enabled"]


def test_its_repr_shows_endpoint_and_level_but_no_key(server) -> None:
    handler = HeliconeHandler("WARNING", endpoint=server.url, api_key="sk-helicone-secret")
    assert repr(handler) == f"<HeliconeHandler {server.url}/v1/trace/log (WARNING)>"
    assert "secret" not in str(vars(handler)) + repr(vars(handler._sender))


def test_an_unknown_option_is_named() -> None:
    with pytest.raises(ConfigurationError, match=r"'queue_sise': did you mean 'queue_size'\?"):
        HeliconeHandler(endpoint="http://127.0.0.1:1", queue_sise=3)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"url": "http://127.0.0.1:1"}, "did you mean 'endpoint'"),
        ({"token": "t"}, "did you mean 'api_key'"),
        ({"formatter": "verbose"}, "call `setFormatter`, or in a dictConfig name one of its `formatters`"),
        ({"json_optiones": 1}, "has them all"),
        ({"on_request": lambda outcome, records: None}, "give a callable that takes outcome, records, seconds"),
        ({"on_reject": lambda payload: None}, "give a callable that takes payload, reason"),
        ({"batch_bytes": 10_000_001}, "at most 10,000,000"),
        ({"max_span_bytes": 10_000_001}, "at most 10,000,000"),
        ({"json_indent": 2}, "leave it out; a payload is one line of JSON"),
        ({"compression": "zip"}, "give None or 'gzip'"),
        ({"redact": "secret"}, 'give "secrets", a callable, or the dotted path of one'),
        ({"batch_size": "Auto"}, 'give "auto", or a whole number of at least 1'),
        ({"provider_overrides": {"anthropic": 5}}, 'such as {"anthropic": "custom"}'),
        ({"rename_fields": {"request_id": 5}}, 'such as {"request_id": "trace_id"}'),
        ({"spool_path": __file__}, "it is not a directory; name one, which is made if it does not exist"),
    ],
)
def test_an_option_that_cannot_work_says_what_to_write_instead(options, remedy) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))) as caught:
        HeliconeHandler(**{"endpoint": "http://127.0.0.1:1", **options})
    assert remedy in str(caught.value)


@pytest.mark.parametrize(
    ("options", "remedy"),
    [
        ({"fmt": "{message}"}, 'fields are "%(message)s" with style="%", "{message}" with style="{"'),
        ({"fmt": "%(message)s", "style": "{"}, 'fields are "%(message)s" with style="%"'),
        ({"fmt": 5}, "give text, or a list of names"),
        ({"fmt": ["message", 5]}, "give text, or a list of names"),
        ({"style": "x"}, "give one of '%', '{', '$', ','"),
        ({"style": "x", "validate": "yes"}, "give one of '%', '{', '$', ','"),
        ({"validate": "perhaps"}, "give True or False"),
        ({"prefix": 5}, "give text"),
        ({"service_name": 5}, "give text of one line that is not empty"),
        ({"session_name": ""}, "give text of one line that is not empty"),
        ({"reserved_attrs": "name"}, "give a list of names"),
        ({"servicename": "shop"}, "did you mean 'service_name'?"),
        ({"json_indent": 2}, "leave it out; a payload is one line of JSON"),
        ({"frmt": 2}, "did you mean 'fmt'?"),
    ],
)
@pytest.mark.parametrize(
    "make", [OTELTraceFormatter, lambda **options: HeliconeHandler(endpoint="http://127.0.0.1:1", **options)]
)
def test_an_option_of_the_format_that_cannot_work_says_what_to_write_instead(make, options, remedy) -> None:
    with pytest.raises(ConfigurationError, match=next(iter(options))) as caught:
        make(**options)
    assert remedy in str(caught.value)


ODD = [
    *(5, -1, 1.5, float("nan"), 10**400, True, None, "x", "", "\n", "é\ud800", b"x"),
    *(["x"], [5], (1, 2), {"a": 1}, {5: "a"}, object()),
]


def options_of(*owners: type) -> list[str]:
    parameters = [one for owner in owners for one in inspect.signature(owner).parameters.values()]
    return list(dict.fromkeys(one.name for one in parameters if one.kind is not one.VAR_KEYWORD))


@pytest.mark.parametrize("option", options_of(HeliconeHandler, OTELTraceFormatter, BaseJsonFormatter))
def test_any_value_of_any_option_works_or_is_refused_with_a_configuration_error(option, tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for value in ODD:
        options = {"endpoint": "http://127.0.0.1:1", "shutdown_timeout": 0, option: value}
        with contextlib.suppress(ConfigurationError):
            handler = HeliconeHandler(**options)
            assert handler.formatter is None or handler.format(a_record("a message"))
            handler.close()


def test_a_service_may_be_named_in_any_script(server, logger_of) -> None:
    name = "فروشگاه می\u200cخواهم \N{WOMAN}\u200d\N{PERSONAL COMPUTER}"
    handler = HeliconeHandler(endpoint=server.url, service_name=name)
    logger_of(handler).info("asked", extra=TRACE)
    assert handler.flush()
    assert server.named("asked").resource_attributes["service.name"] == name


def test_a_bad_option_fails_dictconfig_with_the_reason() -> None:
    with pytest.raises(ValueError, match="helicone") as caught:
        logging.config.dictConfig(
            {
                "version": 1,
                "handlers": {
                    "helicone": {
                        "class": "helicone_logging.HeliconeHandler",
                        "endpoint": "http://127.0.0.1:1",
                        "overflow": "drop_all",
                    }
                },
            }
        )
    assert isinstance(caught.value.__cause__, ConfigurationError)
    assert "drop_all" in str(caught.value.__cause__)


def test_basic_config_leaves_the_message_as_it_is(server) -> None:
    root = logging.getLogger()
    handler = HeliconeHandler(endpoint=server.url)
    logging.basicConfig(level="INFO", handlers=[handler], force=True)
    root.info("draft", extra={"trace_id": "t"})
    assert handler.flush(30)
    assert server.names() == ["draft"]


def test_what_sampling_leaves_out_counts_as_skipped_and_failures_arrive(server, logger_of) -> None:
    handler = HeliconeHandler(endpoint=server.url, sample_rate="0")
    logger = logger_of(handler)
    logger.info("left out", extra=TRACE)
    logger.error("failed", extra=TRACE)
    assert handler.flush()
    assert server.names() == ["failed"]
    assert (handler.stats().skipped, handler.stats().emitted) == (1, 1)
