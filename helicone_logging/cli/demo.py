"""`helicone-logging demo`: an agent's session, logged to a local receiver, and what arrived there."""

from __future__ import annotations

import argparse
import contextlib
import logging
import time
import webbrowser
from collections.abc import Iterator

from helicone_logging.cli.printing import write
from helicone_logging.context.tracing import span
from helicone_logging.handler import HeliconeHandler
from helicone_logging.receiver import Receiver
from helicone_logging.receiver.console import session_lines

_QUESTION = "Which of our plans include single sign-on?"
_INSTRUCTION = "Say what to search for."
_SEARCH = "plans single sign-on"
_PASSAGES = "Single sign-on is part of the Team and Enterprise plans. Trials have all features for 14 days."
_ANSWER = "Single sign-on is included in the Team and Enterprise plans, and in every trial for its 14 days."
_RECORDS = 5
_PATIENCE = 10.0  # seconds

logger = logging.getLogger("helicone_demo.agent")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the arguments of the command."""
    parser.add_argument(
        "--batch-size", default="1", type=_batch_size, help='records in a request, or "auto" (default: %(default)s)'
    )
    parser.add_argument("--open", action="store_true", help="keep the receiver, and open its page in a browser")


def _batch_size(text: str) -> str:
    if text != "auto" and not (text.isdecimal() and int(text) > 0):
        raise argparse.ArgumentTypeError(f'{text!r} is neither a number above 0 nor "auto"')
    return text


def run(args: argparse.Namespace) -> int:
    """Runs the command; the exit status is 0 only if everything arrived."""
    with Receiver(port=0) as receiver:
        write(f"A receiver listens on {receiver.url}. The agent is asked: {_QUESTION}\n\n")
        with logged_to(receiver.endpoint, args.batch_size) as handler:
            answer_question(_QUESTION)
            is_flushed = handler.flush(_PATIENCE)
            has_arrived = receiver.store.wait_for(_RECORDS, timeout=_PATIENCE)
            stats = handler.stats()
        write("\n".join(session_lines(receiver.rows())) + "\n")
        is_complete = is_flushed and has_arrived and stats.delivered == _RECORDS
        outcome = "." if is_complete else ": that is wrong."
        write(f"\n{stats}\n\n{stats.delivered} of {_RECORDS} records arrived{outcome}\n")
        if args.open:
            _keep_open(receiver)
    return 0 if is_complete else 1


def _keep_open(receiver: Receiver) -> None:
    write(f"\nLook at {receiver.page_url} until you interrupt it with Ctrl-C.\n")
    webbrowser.open(receiver.page_url)
    with contextlib.suppress(KeyboardInterrupt):
        receiver.wait()


@contextlib.contextmanager
def logged_to(endpoint: str, batch_size: str = "1") -> Iterator[HeliconeHandler]:
    """Sends what the agent logs to an endpoint."""
    handler = HeliconeHandler(
        endpoint=endpoint,
        service_name="support-agent",
        batch_size=batch_size,
        provider_overrides={"anthropic": "anthropic"},  # its only call fails, so it has no tokens to show
    )
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield handler
    finally:
        logger.removeHandler(handler)
        handler.close()


def answer_question(question: str) -> str:
    """Plays an agent that began a few seconds ago: it plans, looks something up, answers, and fails to rate that."""
    began = time.time() - 4
    with span("answer question", logger, user_id="ada@example.com", properties={"tenant": "acme"}) as whole:
        logger.info(
            "plan",
            extra={
                "provider": "openai",
                "model": "gpt-4o-mini",
                "messages": [{"role": "system", "content": _INSTRUCTION}, {"role": "user", "content": question}],
                "completion": _SEARCH,
                "finish_reason": "stop",
                "prompt_tokens": 31,
                "completion_tokens": 6,
                "start_time": began,
                "duration_ms": 412,
            },
        )
        with span("search handbook", logger, operation="retrieval", prompt=_SEARCH) as search:
            search.set(completion=_PASSAGES, matches=2, start_time=began + 0.42, end_time=began + 0.458)
        logger.info(
            "write answer",
            extra={
                "provider": "openai",
                "model": "gpt-4o",
                "messages": [{"role": "system", "content": _PASSAGES}, {"role": "user", "content": question}],
                "completion": _ANSWER,
                "finish_reason": "stop",
                "prompt_tokens": 187,
                "completion_tokens": 24,
                "start_time": began + 0.46,
                "duration_ms": 1_306,
            },
        )
        try:
            _call_overloaded_model()
        except TimeoutError:
            logger.exception(
                "rate answer",
                extra={
                    "provider": "anthropic",
                    "model": "claude-sonnet-4-5",
                    "messages": f"Does this answer the question? {_ANSWER}",
                    "start_time": began + 1.78,
                    "duration_ms": 2_000,
                },
            )
        whole.set(prompt=question, completion=_ANSWER, start_time=began, end_time=began + 3.8)
    return _ANSWER


def _call_overloaded_model() -> None:
    raise TimeoutError("the model did not answer within 2 seconds")
