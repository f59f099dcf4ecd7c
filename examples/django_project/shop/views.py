"""Views that answer a question with a model: plain, async and streamed; the middleware has bound the trace."""

import asyncio
import logging
from collections.abc import Iterator

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse

from helicone_logging import current_trace_id, span

logger = logging.getLogger(__name__)


def ask(request: HttpRequest) -> JsonResponse:
    question = request.GET["q"]
    with span("answer question", prompt=question) as work:
        answer = call_model("draft", question)
        work.set(completion=answer)
    return JsonResponse({"answer": answer, "trace_id": current_trace_id()})


async def ask_async(request: HttpRequest) -> JsonResponse:
    question = request.GET["q"]
    async with span("answer question", prompt=question) as work:
        answers = await asyncio.gather(
            asyncio.to_thread(call_model, "draft", question), asyncio.to_thread(call_model, "critique", question)
        )
        work.set(completion=answers[0])
    return JsonResponse({"answer": answers[0], "trace_id": current_trace_id()})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(words(request.GET["q"]), content_type="text/plain")


@span("answer question")
def fail(_request: HttpRequest) -> JsonResponse:
    raise TimeoutError("the model did not answer")


@span("stream answer")
def words(question: str) -> Iterator[str]:
    for word in call_model("draft", question).split():
        yield word + " "


def call_model(name: str, question: str) -> str:
    answer = f"You asked: {question}"  # a model would be called here
    logger.info(name, extra={"model": "gpt-4o-mini", "prompt": question, "completion": answer, "duration_ms": 120})
    return answer
