"""A FastAPI service: every request has its trace, every answer is a span in it, model calls run side by side.

uvicorn examples.fastapi_app:app       # with HELICONE_API_KEY, or
HELICONE_TRACE_ENDPOINT=http://localhost:8585 uvicorn examples.fastapi_app:app   # after: helicone-logging serve
curl -i 'localhost:8000/ask?q=Why?' -H 'X-Request-ID: request-1'
"""

import asyncio
import logging
import logging.config
from collections.abc import AsyncIterator

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from helicone_logging import current_trace_id, span
from helicone_logging.asgi import TraceContextMiddleware

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"helicone": {"class": "helicone_logging.HeliconeHandler", "service_name": "fastapi-app"}},
        "root": {"handlers": ["helicone"], "level": "INFO"},
    }
)
logger = logging.getLogger("fastapi_app")

app = FastAPI()
app.add_middleware(TraceContextMiddleware, response_header="X-Request-ID")


@app.get("/ask")
async def ask(q: str) -> dict[str, object]:
    async with span("answer question", prompt=q) as work:
        answers = await asyncio.gather(call_model("draft", q), call_model("critique", q))
        work.set(completion=answers[0])
    return {"answer": answers[0], "trace_id": current_trace_id()}


@app.get("/ask-in-thread")
def ask_in_thread(q: str) -> dict[str, object]:
    with span("answer question", model="gpt-4o-mini", prompt=q) as call:
        answer = f"You asked: {q}"
        call.set(completion=answer)
    return {"answer": answer, "trace_id": current_trace_id()}


@app.get("/stream")
async def stream(q: str) -> StreamingResponse:
    return StreamingResponse(words(q), media_type="text/plain")


@span("stream answer")
async def words(question: str) -> AsyncIterator[str]:
    for word in (await call_model("draft", question)).split():
        yield word + " "


async def call_model(name: str, question: str) -> str:
    await asyncio.sleep(0.01)  # a model would be called here
    answer = f"You asked: {question}"
    logger.info(name, extra={"model": "gpt-4o-mini", "prompt": question, "completion": answer, "duration_ms": 10})
    return answer
