"""A Flask service: every request has its trace, every answer is a span in it.

flask --app examples/flask_app run       # with HELICONE_API_KEY, or
HELICONE_TRACE_ENDPOINT=http://localhost:8585 flask --app examples/flask_app run   # after: helicone-logging serve
curl -i 'localhost:5000/ask?q=Why?' -H 'X-Request-ID: request-1'
"""

import logging
import logging.config

from flask import Flask, Response, request, stream_with_context

from helicone_logging import current_trace_id, span
from helicone_logging.flask import HeliconeFlask

logging.config.dictConfig(
    {
        "version": 1,
        "disable_existing_loggers": False,
        "handlers": {"helicone": {"class": "helicone_logging.HeliconeHandler", "service_name": "flask-app"}},
        "root": {"handlers": ["helicone"], "level": "INFO"},
    }
)
logger = logging.getLogger("flask_app")

app = Flask(__name__)
HeliconeFlask(app, response_header="X-Request-ID", user_id=lambda: request.headers.get("X-User"))


@app.get("/ask")
def ask() -> dict[str, object]:
    question = request.args["q"]
    with span("answer question", prompt=question) as work:
        answer = call_model(question)
        work.set(completion=answer)
    return {"answer": answer, "trace_id": current_trace_id()}


@app.get("/stream")
def stream() -> Response:
    question = request.args["q"]

    @span("stream answer", prompt=question)
    def words():
        for word in call_model(question).split():
            yield word + " "

    return Response(stream_with_context(words()), mimetype="text/plain")


def call_model(question: str) -> str:
    answer = f"You asked: {question}"  # a model would be called here
    extra = {"model": "gpt-4o-mini", "prompt": question, "completion": answer, "duration_ms": 120}
    logger.info("draft", extra=extra)
    return answer
