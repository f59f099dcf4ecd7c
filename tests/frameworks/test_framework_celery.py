from __future__ import annotations

import logging
import threading
import traceback
import uuid

import pytest
from celery import Celery, signals
from celery.contrib.testing.worker import start_worker
from celery.exceptions import Ignore, Reject

from helicone_logging import ConfigurationError, HeliconeHandler
from helicone_logging import celery as integration
from helicone_logging.context.binding import bind, current
from helicone_logging.context.tracing import span

logger = logging.getLogger(__name__)


def make_app(name, **conf):
    app = Celery(name, broker="memory://", backend="cache+memory://", set_as_current=False)
    app.conf.update(
        broker_connection_retry_on_startup=False,
        broker_transport_options={"polling_interval": 0.01},
        worker_hijack_root_logger=False,
        **conf,
    )

    @app.task(name="show", shared=False)
    def show():
        logger.info("in the task")
        return dict(current())

    @app.task(name="fail", shared=False)
    def fail():
        raise KeyError("failed")

    @app.task(name="flaky", shared=False, bind=True, max_retries=2)
    def flaky(self):
        if self.request.retries < 1:
            raise self.retry(exc=KeyError("again"), countdown=0)
        return dict(current())

    @app.task(name="send_another", shared=False)
    def send_another():
        show.delay()

    @app.task(name="ignore", shared=False)
    def ignore():
        raise Ignore

    @app.task(name="reject", shared=False)
    def reject():
        raise Reject("no")

    @app.task(name="leak", shared=False)
    def leak():
        bind(leaked=True).__enter__()

    return app


def leave_logging_alone(**_):
    """Receives `setup_logging`; where somebody does, Celery configures nothing, which would silence later tests."""


@pytest.fixture(scope="module")
def app():
    """An application with a worker that runs in a thread of this process."""
    app = make_app("with_worker")
    integration.connect(app)
    signals.setup_logging.connect(leave_logging_alone)
    try:
        with start_worker(app, pool="solo", perform_ping_check=False, shutdown_timeout=30):
            yield app
    finally:
        signals.setup_logging.disconnect(leave_logging_alone)


@pytest.fixture
def eager():
    app = make_app("eager", task_always_eager=True)
    integration.connect(app)
    return app


def run(task, *args, **options):
    """Sends a task, waits until it has ended, and returns its id."""
    ended = threading.Event()
    task_id = str(uuid.uuid4())

    def on_end(task_id, state, **_):
        if task_id == wanted and state != "RETRY":
            ended.set()

    wanted = task_id
    signals.task_postrun.connect(on_end, weak=False)
    try:
        result = task.apply_async(args, task_id=task_id, **options)
        assert ended.wait(30)
    finally:
        signals.task_postrun.disconnect(on_end)
    return result


def test_the_context_travels_to_the_worker(app, log):
    ref = uuid.uuid4()
    with bind(trace_id="t", user_id="u", turn=3, ref=ref, big=object(), properties={"a": 1}), span("outer") as outer:
        found = run(app.tasks["show"]).get(timeout=30)
    expected = {"trace_id": "t", "user_id": "u", "turn": 3, "ref": str(ref), "properties": {"a": 1}}
    task = log["show"].span
    assert found == {**expected, "parent_span_id": task["span_id"], "parent_path": "/outer/show"}
    assert task["trace_id"] == "t"
    assert task["parent_span_id"] == outer.span_id
    assert task["session_path"] == "/outer/show"
    assert log["in the task"].inherited["parent_span_id"] == task["span_id"]


def test_a_task_that_is_sent_from_nowhere_has_a_trace_of_its_own(app, log):
    first, second = (run(app.tasks["show"]).get(timeout=30)["trace_id"] for _ in range(2))
    assert first != second
    assert {seen.span["trace_id"] for seen in log.all("show")} == {first, second}


def test_the_span_of_a_task_tells_which_task_and_how_it_ended(app, log):
    result = run(app.tasks["show"])
    seen = log["show"]
    assert seen.record.levelno == logging.INFO
    assert seen.span["properties"] == {"task_id": result.id, "task_state": "SUCCESS"}
    assert (seen.record.name, seen.record.pathname, seen.record.funcName) == (__name__, __file__, "show")
    assert seen.span["end_time"] >= seen.span["start_time"]


def test_a_task_that_fails_is_an_error_with_its_exception(app, log):
    run(app.tasks["fail"])
    seen = log["fail"]
    assert seen.record.levelno == logging.ERROR
    assert repr(seen.record.exc_info[1]) == "KeyError('failed')"
    assert "fail" in "".join(traceback.format_exception(*seen.record.exc_info))
    assert seen.span["properties"]["task_state"] == "FAILURE"


def test_each_attempt_at_a_task_is_a_span_beside_the_one_before(app, log):
    with bind(trace_id="t", user_id="u"), span("outer") as outer:
        result = run(app.tasks["flaky"])
    found = result.get(timeout=30)
    first, second = log.all("flaky")
    assert first.record.levelno == logging.WARNING
    assert repr(first.record.exc_info[1]) == "KeyError('again')"
    assert first.span["properties"]["task_state"] == "RETRY"
    assert second.record.levelno == logging.INFO
    assert second.span["properties"] == {"task_id": result.id, "task_retries": "1", "task_state": "SUCCESS"}
    assert first.span["parent_span_id"] == second.span["parent_span_id"] == outer.span_id
    assert (found["trace_id"], found["user_id"]) == ("t", "u")


@pytest.mark.parametrize("name", ["ignore", "reject"])
def test_a_task_that_is_given_up_is_no_failure(app, log, name):
    run(app.tasks[name])
    assert log[name].record.levelno == logging.INFO
    assert log[name].span["properties"]["task_state"] in ("IGNORED", "REJECTED")


def test_a_task_sent_by_a_task_is_its_child(app, log):
    ended = threading.Event()

    def done(sender, **_):
        if sender.name == "show":
            ended.set()

    signals.task_postrun.connect(done, weak=False)
    run(app.tasks["send_another"])
    assert ended.wait(30)
    signals.task_postrun.disconnect(done)
    assert log["show"].span["trace_id"] == log["send_another"].span["trace_id"]
    assert log["show"].span["parent_span_id"] == log["send_another"].span["span_id"]
    assert log["show"].span["session_path"] == "/send_another/show"


def test_what_a_task_leaves_bound_is_gone_in_the_next(app, eager):
    run(app.tasks["leak"])
    assert "leaked" not in run(app.tasks["show"]).get(timeout=30)
    eager.tasks["leak"].delay()
    assert current() == {}


@pytest.mark.parametrize(
    "header",
    [
        None,
        7,
        "text",
        [1],
        {},
        {"trace_id": None},
        {"trace_id": "x" * 5000},
        {"trace_id": "a\nb"},
        {"trace_id": ["t"]},
        {"trace_id": 0, "parent_span_id": "p", "parent_path": "/p"},
        {1: "t"},
        {"x" * 200: "t"},
    ],
)
def test_a_header_that_does_not_look_like_ours_is_ignored(app, header):
    found = run(app.tasks["show"], headers={integration.HEADER: header}).get(timeout=30)
    assert found.keys() == {"trace_id", "parent_span_id", "parent_path"}
    assert found["parent_path"] == "/show"
    assert len(found["trace_id"]) == 32


def test_of_a_header_only_short_plain_values_count_and_not_too_many(app, log):
    many = {f"key{number}": number for number in range(1000)}
    header = {
        "trace_id": "t",
        "parent_span_id": "not an id",
        "parent_path": "//a// b /",
        "user_id": {"nested": "value"},
        "long": "x" * 5000,
        "properties": {**many, "nested": [1], "long": "x" * 5000},
        "session_id": "s",
        **many,
    }
    found = run(app.tasks["show"], headers={integration.HEADER: header}).get(timeout=30)
    assert (found["trace_id"], found["session_id"]) == ("t", "s")
    assert found["parent_path"] == "/a/b/show"
    assert len(found) <= 52
    assert len(found["properties"]) == 50
    assert not {"user_id", "long"} & found.keys()
    parent = log["show"].span["parent_span_id"]
    assert len(parent) == 16
    assert int(parent, 16)


def test_the_traceparent_of_another_producer_counts(app):
    found = run(app.tasks["show"], headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"}).get(timeout=30)
    assert found["trace_id"] == "a" * 32


def test_an_eager_task_is_a_span_inside_what_is_bound_around_it(eager, log):
    with bind(trace_id="t", tenant="x"), span("outer") as outer:
        found = eager.tasks["show"].delay().get()
        assert current()["parent_span_id"] == outer.span_id
    assert (found["trace_id"], found["tenant"]) == ("t", "x")
    assert log["show"].span["parent_span_id"] == outer.span_id
    assert log["show"].span["session_path"] == "/outer/show"


def test_an_eager_task_whose_exception_passes_is_an_error(eager, log):
    eager.conf.task_eager_propagates = True
    with pytest.raises(KeyError):
        eager.tasks["fail"].delay()
    assert log["fail"].record.levelno == logging.ERROR
    assert isinstance(log["fail"].record.exc_info[1], KeyError)
    assert current() == {}


def test_tasks_of_other_applications_are_left_alone(app, log):
    other = make_app("other", task_always_eager=True)
    assert other.tasks["show"].delay().get() == {}
    assert log.all("show") == []


def test_each_of_two_applications_has_its_spans(log):
    apps = [make_app(name, task_always_eager=True) for name in ("first", "second")]
    for app in apps:
        integration.connect(app)
    for app in apps:
        app.tasks["show"].delay()
    assert len(log.all("show")) == 2


def test_connecting_again_changes_the_options_and_logs_each_task_once(log):
    app = make_app("again", task_always_eager=True)
    integration.connect(app)
    integration.connect(app, logger="tasks", level="WARNING")
    app.tasks["show"].delay()
    assert (log["show"].record.name, log["show"].record.levelno) == ("tasks", logging.WARNING)


@pytest.mark.parametrize(("arguments", "told"), [({"app": "shop"}, "app='shop'"), ({"level": "LOUD"}, "level='LOUD'")])
def test_what_cannot_be_connected_is_refused_at_once(app, arguments, told):
    with pytest.raises(ConfigurationError, match=told):
        integration.connect(**{"app": app, **arguments})


def test_nothing_is_sent_when_nothing_is_bound(eager):
    headers = {}
    signals.before_task_publish.send(sender="show", headers=headers)
    assert headers == {}
    with bind(trace_id="t"):
        signals.before_task_publish.send(sender="show", headers=headers)
    assert headers == {integration.HEADER: {"trace_id": "t"}}


@pytest.mark.parametrize(
    ("handler", "hijacks", "is_configured", "is_told"),
    [
        (HeliconeHandler(enabled=False), True, False, True),
        (HeliconeHandler(enabled=False), True, True, False),
        (HeliconeHandler(enabled=False), False, False, False),
        (logging.NullHandler(), True, False, False),
    ],
)
def test_a_worker_that_takes_the_handler_off_the_root_logger_says_so(
    monkeypatch, capsys, handler, hijacks, is_configured, is_told
):
    app = make_app("hijacked")
    app.conf.worker_hijack_root_logger = hijacks
    integration.connect(app)
    monkeypatch.setattr(logging.getLogger(), "handlers", [handler])
    monkeypatch.setattr(signals.setup_logging, "has_listeners", lambda: is_configured)
    signals.celeryd_init.send(sender="worker", instance=None, conf=app.conf, options={})
    assert ("in a receiver of its signal `setup_logging`" in capsys.readouterr().err) is is_told
