"""`HeliconeHandler`: options and wiring; what it does is done by the modules it wires."""

from __future__ import annotations

import functools
import logging
import os
import weakref
from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from pythonjsonlogger.core import BaseJsonFormatter

from helicone_logging.core import check, duplicates, lifecycle, reentrancy
from helicone_logging.core.coerce import text_of
from helicone_logging.core.secret import Secret
from helicone_logging.core.wire import Wire
from helicone_logging.delivery import options
from helicone_logging.delivery.backoff import RetryPolicy
from helicone_logging.delivery.diagnostics import Diagnostics, HandlerStats
from helicone_logging.delivery.dispatch import Transport
from helicone_logging.delivery.memory import OVERFLOWS, BoundedQueue
from helicone_logging.delivery.options import DeliveryOptions, RejectCallback, RequestCallback, TransportOptions
from helicone_logging.delivery.queue import Queue
from helicone_logging.delivery.workers import Sender
from helicone_logging.formatter import OPTIONS_OF_JSON, OTELTraceFormatter
from helicone_logging.payload import wires
from helicone_logging.payload.export_policy import ExplainingPolicy
from helicone_logging.payload.frozen import FrozenRecord
from helicone_logging.payload.record_data import RecordData
from helicone_logging.payload.sanitized import record_of
from helicone_logging.payload.span import SpanData

_MIB = 1024 * 1024
_SENT_AGAIN = (
    "a record comes to handlers of {} twice, so that it has two rows. One was added again, as by a cell of a notebook"
    " that is run again, or to a logger and to one above it. Configure it once, by `logging.config.dictConfig`, or"
    " take off the others with `logger.removeHandler`; where they belong to two loggers, set `propagate` of the lower"
    " one to False. This is told once"
)
_MEANT = {
    **dict.fromkeys(("url", "uri", "host", "base_url"), "did you mean 'endpoint'?"),
    **dict.fromkeys(("key", "token", "apikey"), "did you mean 'api_key'?"),
    "formatter": "call `setFormatter`, or in a dictConfig name one of its `formatters` beside `class`",
    "filters": "call `addFilter`, or in a dictConfig name some of its `filters` beside `class`",
    "name": "set `handler.name`; the name that spans are found by is 'service_name'",
    **OPTIONS_OF_JSON,
}


class _QueueOptions(NamedTuple):
    queue_size: int
    queue_bytes: int
    overflow: str
    block_timeout: float
    spool_path: str | None
    spool_bytes: int
    is_drain: bool


class _Settings(NamedTuple):
    """Everything that decides how records travel; a handler may take over from another that agrees in it."""

    wire: Wire
    transport: TransportOptions
    delivery: DeliveryOptions
    queue: _QueueOptions


class HeliconeHandler(logging.Handler):
    """Sends records that carry trace context to Helicone, from the background.

    Every option is a plain value, and numbers may be text, so that `dictConfig` and `fileConfig` can set them.

    Args:
        level: as in `logging.Handler`.
        api_key: Helicone's API key; None for `HELICONE_API_KEY`. A remote endpoint needs one, a Collector gets none.
        endpoint: URL, or an origin to which the wire's path is added; None for `HELICONE_TRACE_ENDPOINT`, else
            `https://api.helicone.ai`, or `https://eu.api.helicone.ai` for a key of that region.
        wire: `"helicone"` for Helicone's `/v1/trace/log`; `"otlp"` for an OpenTelemetry Collector's `/v1/traces`, which
            OpenTelemetry's environment variables name where `endpoint` does not; None for that of the endpoint's path.
            Since 0.2.
        enabled: False for a handler that does nothing; None for True unless `HELICONE_LOGGING_DISABLED` is set.
        allow_insecure: True to let the key, or headers that are secret, travel over plain http to another machine.
        queue_size: records that wait or are being sent at the most, 10,000.
        queue_bytes: bytes of them at the most, 64 MiB.
        overflow: what happens when either is reached: `"drop_newest"`, `"drop_oldest"`, or `"block"` the caller.
        block_timeout: seconds for which `"block"` waits before it drops the record, 10.
        spool_path: path of a directory that keeps the queue on disk, so that it survives the process; None for memory.
        spool_bytes: bytes of the files in that directory at the most, 1 GiB.
        batch_size: records in one request; or `"auto"`: one while nothing is on its way, and what came meanwhile
            together when something was. None for 1, and for `"auto"` with `wire="otlp"`.
        batch_bytes: bytes of one request at the most, 4 MiB, up to 10,000,000; a larger record goes alone.
        flush_interval: seconds that a record waits for others to fill its request, 1; nothing for `batch_size=1`.
        max_connections: sender threads, started when there is work for them, 4.
        timeout: seconds to connect in, and again for the whole answer; None for 10.
        max_attempts: how often a record is sent on which the server fails, 8; then it counts as rejected.
        max_backoff: the longest wait between two tries in seconds, 60.
        shutdown_timeout: seconds for `close` and interpreter exit to deliver what is queued, 5.
        on_reject: called from a sender thread as `on_reject(payload, reason)` for each record that is refused for
            good; a callable or its dotted path.
        on_request: called from a sender thread as `on_request(outcome, records, seconds)` after each request, for
            metrics; the outcomes are `"delivered"`, `"rejected"`, `"unauthorised"`, `"throttled"`, `"failed"` and
            `"unreachable"`. A callable or its dotted path.
        compression: `"gzip"`, or None.
        headers: more HTTP headers.
        proxies: as in requests, over those of the environment.
        verify: as in requests: True, False, or the path of a CA bundle.
        cert: as in requests: path of a client certificate, or the paths of certificate and key.
        **formatter_options: options of `OTELTraceFormatter`: `service_name`, `resource_attributes`, `session_name`,
            `sessions`, `properties`, `rename_fields`, `static_fields`, `capture_content`, `redact`,
            `provider_overrides`, `show_cost`, `export`, `sample_rate`, ...

    Raises:
        ConfigurationError: an option has a value that cannot work.

    .. versionadded:: 0.1
    """

    _sender: Sender | None = None  # while the constructor has not come so far; tools that report errors ask for `repr`
    _is_drain = False  # it sends what is in a spool, be that another user's, and no records of its own
    _selected: logging.LogRecord | None = None  # what `handle` has asked for already, on its way to `emit`

    def __init__(
        self,
        level: int | str = logging.NOTSET,
        *,
        api_key: str | None = None,
        endpoint: str | None = None,
        wire: str | None = None,
        enabled: bool | str | None = None,
        allow_insecure: bool | str = False,
        queue_size: int | str = 10_000,
        queue_bytes: int | str = 64 * _MIB,
        overflow: str = "drop_newest",
        block_timeout: float | str = 10.0,
        spool_path: str | os.PathLike[str] | None = None,
        spool_bytes: int | str = 1024 * _MIB,
        batch_size: int | str | None = None,
        batch_bytes: int | str = 4 * _MIB,
        flush_interval: float | str = 1.0,
        max_connections: int | str = 4,
        timeout: float | str | None = None,
        max_attempts: int | str = 8,
        max_backoff: float | str = 60.0,
        shutdown_timeout: float | str = 5.0,
        on_reject: RejectCallback | str | None = None,
        on_request: RequestCallback | str | None = None,
        compression: str | None = None,
        headers: Mapping[str, str] | None = None,
        proxies: Mapping[str, str] | None = None,
        verify: bool | str = True,
        cert: str | tuple[str, str] | None = None,
        **formatter_options: Any,
    ) -> None:
        secret = Secret(api_key or "") if _is_text(api_key) else api_key
        del api_key  # tools that report errors print the locals of every frame
        headers = options.hidden(check.converted("headers", headers))
        proxies, cert = check.converted("proxies", proxies), check.converted("cert", cert)
        check.refuse_unknown(formatter_options, (HeliconeHandler, OTELTraceFormatter, BaseJsonFormatter), _MEANT)
        super().__init__(check.level("level", level))
        if not _is_enabled(enabled):
            return
        # Now, as it loads what importing the package does not need.
        from helicone_logging.delivery.destinations import GivenOptions, transport_options

        self._wire = wires.chosen(wire, endpoint or os.environ.get("HELICONE_TRACE_ENDPOINT"))
        if batch_size is None:
            batch_size = self._wire.batch_size
        settings = _Settings(
            self._wire,
            transport_options(
                GivenOptions(endpoint, secret, allow_insecure, timeout, compression, headers, proxies, verify, cert),
                self._wire,
                is_wire_explicit=wire is not None,
            ),
            DeliveryOptions(
                batch_size=options.checked_batch_size(batch_size),
                batch_bytes=check.integer("batch_bytes", batch_bytes, least=1, most=check.MAX_BODY_BYTES),
                flush_interval=check.seconds("flush_interval", flush_interval),
                max_connections=check.integer("max_connections", max_connections, least=1),
                shutdown_timeout=check.seconds("shutdown_timeout", shutdown_timeout),
                retry=RetryPolicy(
                    check.integer("max_attempts", max_attempts, least=1),
                    check.seconds("max_backoff", max_backoff),
                ),
                on_reject=_callback("on_reject", on_reject, ("payload", "reason")),
                on_request=_callback("on_request", on_request, ("outcome", "records", "seconds")),
            ),
            _QueueOptions(
                check.integer("queue_size", queue_size, least=1),
                check.integer("queue_bytes", queue_bytes, least=1),
                check.choice("overflow", overflow, OVERFLOWS),
                check.seconds("block_timeout", block_timeout),
                None if spool_path is None else check.path("spool_path", spool_path),
                check.integer("spool_bytes", spool_bytes, least=1),
                self._is_drain,
            ),
        )
        # Set from the start, as `basicConfig` gives every handler without a formatter one that adds level and logger.
        self._default_formatter = OTELTraceFormatter(**formatter_options, wire=self._wire.name)
        self.formatter = self._own_formatter = self._traces = self._default_formatter
        self._start(settings)

    def _start(self, settings: _Settings) -> None:
        self._endpoint = settings.transport.endpoint
        self._is_on_disk = settings.queue.spool_path is not None
        self._sender = _sender_for(settings)
        self._sender.owner = self._ownership = object()  # until another handler takes the sender over
        self._finalizer = weakref.finalize(self, _retire, self._sender, self._ownership)
        self._finalizer.atexit = False
        self._last_record = duplicates.last_record_to((self._endpoint, settings.transport.api_key))

    def __repr__(self) -> str:
        target = "disabled" if self._sender is None else self._endpoint
        level = getattr(self, "level", logging.NOTSET)  # none yet while the constructor has not come so far
        return f"<{type(self).__name__} {target} ({logging.getLevelName(level)})>"

    def setFormatter(self, fmt: logging.Formatter | None) -> None:  # noqa: N802 - the standard library's name
        """Sets what formats the records.

        Args:
            fmt: an `OTELTraceFormatter` takes the place of the handler's own; any other formatter renders the text
                of the message; None sets the handler's own again.
        """
        if self._sender is None:
            super().setFormatter(fmt)
            return
        super().setFormatter(self._default_formatter if fmt is None else fmt)
        self._own_formatter = fmt if isinstance(fmt, OTELTraceFormatter) else self._default_formatter
        self._traces = self._own_formatter.speaking(self._wire)

    def handle(self, record: logging.LogRecord) -> bool:
        """Takes a record in, without the handler's lock: `logging.shutdown` holds that while it closes.

        Args:
            record: any record.

        Returns:
            Whether the filters let it pass.
        """
        sender = self._sender
        if sender is None:
            return False
        lifecycle.check_fork()
        selected = None
        if not self.filters:
            try:
                if type(record.msg) is str:  # no mapping of the user's
                    if not self._traces.selects(record):
                        sender.diagnostics.skip()  # as nearly all are, so they go before anything else is done
                        return True
                    selected = record
            except Exception:  # noqa: BLE001, S110 - as of a record without a message; `emit` tells of it
                pass
        if not reentrancy.enter():
            sender.diagnostics.skip()
            if isinstance(self._traces.selects, ExplainingPolicy):
                self._traces.selects.explain(record, "it comes from this package's own work")
            return False
        try:
            if self.filters:
                return self._pass(record)
            self._selected = selected
            self.emit(record)
            return True
        except Exception as error:  # noqa: BLE001 - a filter is the user's, and so is the `emit` of a subclass
            what = f"a filter, or an `emit` of its own, of the handler raised {type(error).__name__}"
            sender.diagnostics.report("filter", what)
            return False
        finally:
            reentrancy.leave()

    def _pass(self, record: logging.LogRecord) -> bool:
        passed = self.filter(record)
        if passed:
            self.emit(passed if isinstance(passed, logging.LogRecord) else record)
        return bool(passed)

    def emit(self, record: logging.LogRecord) -> None:
        """Formats a record and puts it into the queue; records that are not exported are counted as skipped.

        Args:
            record: any record; it is not changed.
        """
        sender = self._sender
        if sender is None:
            return
        try:
            is_selected, self._selected = self._selected is record, None  # of another thread: then it is asked again
            if not is_selected and not self._traces.selects(record):
                sender.diagnostics.skip()
                return
            entry_of = self._traces.span if self._is_on_disk else self._traces.entry  # which is bytes at once
            self._submit(sender, entry_of(record, self._text(record)))
            if self._last_record.is_again(record) and not self._last_record.is_reported:
                self._last_record.is_reported = True
                sender.diagnostics.report("duplicate", _SENT_AGAIN.format(self._endpoint.partition("?")[0]))
        except Exception as error:  # noqa: BLE001 - nothing raises into the application
            sender.diagnostics.lost(f"a record of {text_of(record.pathname)}:{text_of(record.lineno)}", error)

    @staticmethod
    def _submit(sender: Sender, entry: FrozenRecord | SpanData) -> None:
        if type(entry) is SpanData and (entry.cut_values or entry.malformed):
            sender.diagnostics.count(cut_values=entry.cut_values, malformed=entry.malformed)
        sender.submit(entry)

    def handle_span(self, read: Callable[[], tuple[RecordData, Iterable[object]] | None]) -> bool:
        """Takes in what is no log record: a span that others have measured, which is exported whatever it says.

        Args:
            read: returns what it says as a record would, and those of its values, or what they hold, that may be of any
                type; None where it is not to be sent. It may raise.

        Returns:
            Whether it was taken in.
        """
        sender = self._sender
        if sender is None:
            return False
        lifecycle.check_fork()
        if not reentrancy.enter():
            sender.diagnostics.skip()
            return False
        try:
            found = read()
            if found is not None and not self._traces.samples(found[0]):
                sender.diagnostics.skip()
            elif found is not None and self._lets_pass(found[0]):
                self._submit(sender, self._traces.entry_of(*found, at_once=self._is_on_disk))
                return True
        except Exception as error:  # noqa: BLE001 - nothing raises into the application
            sender.diagnostics.lost("a span", error)
        finally:
            reentrancy.leave()
        return False

    def _text(self, record: logging.LogRecord) -> str | None:
        """The message as an ordinary formatter renders it, on a copy, as formatters write on their record."""
        if self.formatter is None or self.formatter is self._own_formatter:
            return None
        return self.formatter.format(record_of(record.__dict__))

    def _lets_pass(self, data: RecordData) -> bool:
        return not self.filters or bool(self.filter(record_of(data.record)))

    def report(self, kind: str, text: str) -> None:
        """Writes a line to stderr, unless one of its kind was written in the last minute.

        Args:
            kind: what repeated reports have in common.
            text: what happened, and the remedy; never a key or a prompt.
        """
        if self._sender is not None:
            self._sender.diagnostics.report(kind, text)

    @property
    def captures_content(self) -> bool:
        """Whether prompts and completions are sent, and not their sizes."""
        return self._sender is not None and self._traces.captures_content

    def flush(self, timeout: float | None = None) -> bool:  # type: ignore[override]  # tells more than the base's None
        """Waits until what is queued now is delivered, or refused for good.

        Args:
            timeout: seconds at the most; None for `shutdown_timeout`, and for not waiting at all when called by
                `logging.shutdown`, which closes the handler right after, or by `dictConfig`.

        Returns:
            Whether all of it was.
        """
        if self._sender is None:
            return True
        if timeout is None and (_is_held(self.lock) or _is_logging_locked()):
            return self._sender.stats().queued == 0
        return self._sender.flush(timeout)

    def close(self) -> None:
        """Delivers what is queued within `shutdown_timeout`.

        `dictConfig` closes all handlers while it holds the lock that every `logging.getLogger` needs; then nothing
        waits, and the queue is emptied from the background. A record that is logged later is sent all the same.
        """
        if self._sender is not None and self._sender.owner is self._ownership:
            if _is_logging_locked():
                self._finalizer.detach()
                self._sender.retire()
                _put_away.add(self._sender)
            else:
                self._sender.close()
        super().close()

    def stats(self) -> HandlerStats:
        """Returns what became of the records so far."""
        if self._sender is None:
            return HandlerStats()
        return self._sender.diagnostics.stats(self._sender.stats())


_put_away: weakref.WeakSet[Sender] = weakref.WeakSet()
"""Senders of the handlers that `dictConfig` replaced, while they have records to send."""


def _retire(sender: Sender, ownership: object) -> None:
    if sender.owner is ownership:
        sender.retire()


def _sender_for(settings: _Settings) -> Sender:
    """Makes a sender, or takes over that of an equal handler, so that reloads do not pile up queues and threads."""
    for sender in lifecycle.living(_put_away):
        if sender.settings == settings:
            _put_away.discard(sender)
            sender.resume()
            return sender
    diagnostics = Diagnostics()
    queue = _queue(settings.queue, settings.wire, diagnostics)
    transport = _transport_maker(settings.transport, settings.wire)
    sender = Sender(settings, settings.delivery, queue, settings.wire, transport, diagnostics)
    if settings.queue.spool_path is not None and os.path.exists(settings.queue.spool_path):  # noqa: PTH110 - pathlib loads slowly
        sender.start_worker()  # what an earlier process left goes first
    return sender


def _transport_maker(options: TransportOptions, wire: Wire) -> Callable[[], Transport]:
    """Loads requests now: in a sender thread, a fork meanwhile would leave the child with half of it."""
    from helicone_logging.delivery import transport

    return functools.partial(transport.Transport, options, wire)


def _queue(options: _QueueOptions, wire: Wire, diagnostics: Diagnostics) -> Queue:
    bounds = options.queue_size, options.queue_bytes, options.overflow, options.block_timeout
    if options.spool_path is None:
        return BoundedQueue(*bounds)
    from helicone_logging.spool import Directory, Spool

    return Spool(
        Directory(options.spool_path, any_owner=options.is_drain),
        options.spool_bytes,
        *bounds,
        wire=wire.name,
        diagnostics=diagnostics,
        is_drain=options.is_drain,
    )


def _is_text(value: object) -> bool:
    return value is None or isinstance(value, str)


def _callback(option: str, given: object, takes: tuple[str, ...]) -> Callable[..., object] | None:
    return None if given is None else check.function(option, given, takes)


def _is_enabled(enabled: bool | str | None) -> bool:
    if enabled is not None:
        return check.truth("enabled", enabled)
    disabled = os.environ.get("HELICONE_LOGGING_DISABLED", "")
    return not check.truth("HELICONE_LOGGING_DISABLED", disabled)


def _is_logging_locked() -> bool:
    return _is_held(getattr(logging, "_lock", None))


def _is_held(lock: Any) -> bool:
    """Whether this thread holds a lock of the logging module's; a reentrant lock knows its owner, without saying so."""
    is_owned = getattr(lock, "_is_owned", None)
    return is_owned is not None and bool(is_owned())
