"""Carries the bound context to Celery's workers, and makes a span of every task: `connect(app)`."""

from __future__ import annotations

import functools
import logging
import sys
from typing import Any, NamedTuple

from celery import Celery, Task, signals, states

from helicone_logging.context import binding, stack
from helicone_logging.context.call_site import CallSite, of_function
from helicone_logging.context.portable import current_context, portable
from helicone_logging.context.tracing import Span, SpanStatus, span, status_of
from helicone_logging.core import check, ids, notices

HEADER = "helicone_logging"
"""The header of a task's message that carries the context."""

_RUNNING = "helicone_logging_running"


def connect(app: Celery, *, logger: logging.Logger | str | None = None, level: int | str = logging.INFO) -> None:
    """Makes a span of every task of an application, in the context in which it was sent.

    Call it where the application is made, so that both the senders and the workers do. What is bound where a task
    is sent (text, numbers and `properties`, up to 50 of each) travels in a header of its message, which the worker
    checks like any other untrusted input. Each attempt at a task is a span of its own, beside those before it:
    logged at ERROR when it fails, at WARNING when it will be tried again. A task that runs eagerly is a span inside
    what is bound around it. A worker process that is killed logs nothing.

    Args:
        app: the application; called again for the same one, the last call counts.
        logger: a logger or its name; None for the one named after the task's module.
        level: the level of the spans' records, a number or a name.

    Raises:
        TypeError: `logger` is neither one nor its name.
        ConfigurationError: `app` is no application, or `level` no level.

    .. versionadded:: 0.1
    """
    if not isinstance(app, Celery):
        check.refuse("app", app, "give the application of Celery")
    span("task", logger, level)  # as those of the tasks will be: what cannot work is refused here
    signals.before_task_publish.connect(_send)
    signals.celeryd_init.connect(_tell_of_lost_handlers)
    signals.task_postrun.connect(_end)
    uid = (HEADER, id(app))
    signals.task_prerun.disconnect(dispatch_uid=uid)
    signals.task_prerun.connect(functools.partial(_begin, app, logger, level), weak=False, dispatch_uid=uid)


def _tell_of_lost_handlers(conf: Any = None, **_: object) -> None:
    """Says that nothing will be sent where Celery is about to take all handlers off the root logger, as it does."""
    handlers = [type(handler).__module__.partition(".")[0] for handler in logging.getLogger().handlers]
    if __package__ in handlers and conf.worker_hijack_root_logger and not signals.setup_logging.has_listeners():
        notices.report(
            "Celery takes HeliconeHandler off the root logger, so that this worker sends nothing: configure logging in "
            "a receiver of its signal `setup_logging`, see https://helicone-logging.readthedocs.io/en/latest/celery.html"
        )


def _send(headers: dict[str, Any], **_: object) -> None:
    """Puts the context into a message's headers; one that is retried brings its first context along."""
    if HEADER not in headers:
        context = current_context()
        if context:
            headers[HEADER] = context


class _Running(NamedTuple):
    snapshot: stack.ContextSnapshot
    span: Span


def _begin(
    app: Celery, logger: logging.Logger | str | None, level: int | str, *, task: Task, task_id: str, **_: object
) -> None:
    if task.app != app:
        return
    request = task.request
    snapshot = stack.ContextSnapshot() if request.is_eager else binding.begin(**_received(request))
    properties = {"task_id": task_id}
    if request.retries:
        properties["task_retries"] = str(request.retries)
    span = Span(task.name, logger, level, {"properties": properties}, _call_site(task))
    snapshot.__enter__()
    span.__enter__()
    request.__dict__[_RUNNING] = _Running(snapshot, span)


def _end(task: Task, state: str | None = None, retval: object = None, **_: object) -> None:
    running = task.request.__dict__.pop(_RUNNING, None)
    if running is not None:
        running.span.end(_status(state, retval))
        running.snapshot.__exit__()


def _status(state: str | None, retval: object) -> SpanStatus:
    if state is None:  # an exception is on its way through Celery: a worker that stops, or `task_eager_propagates`
        return status_of(sys.exc_info()[1])
    properties = {"task_state": state}
    if state == states.RETRY:
        return SpanStatus(logging.WARNING, getattr(retval, "exc", None), properties)
    if state == states.FAILURE and isinstance(retval, BaseException):
        return SpanStatus(logging.ERROR, retval, properties)
    return SpanStatus(properties=properties)


def _call_site(task: Task) -> CallSite:
    return of_function(task.run) or CallSite(task.__module__, task.__module__, 0, task.name)


def _received(request: Any) -> dict[str, object]:
    fields = portable(getattr(request, HEADER, None))
    if ids.trace_id(fields.get("trace_id")) is None:
        return {"traceparent": getattr(request, "traceparent", None)}
    return fields
