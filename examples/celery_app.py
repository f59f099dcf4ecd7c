"""A Celery application whose tasks are spans of the trace that sent them; messages travel by files.

HELICONE_TRACE_ENDPOINT=http://localhost:8585 celery -A examples.celery_app worker   # after: helicone-logging serve
HELICONE_TRACE_ENDPOINT=http://localhost:8585 python examples/celery_app.py "Why is the sky blue?"
"""

import logging
import logging.config
import os
import sys
import tempfile
from pathlib import Path

from celery import Celery
from celery.signals import setup_logging

from helicone_logging import current_trace_id, span
from helicone_logging.celery import connect

FOLDER = Path(os.environ.get("CELERY_EXAMPLE_FOLDER", Path(tempfile.gettempdir(), "celery_example")))
for name in ("messages", "control", "results"):
    (FOLDER / name).mkdir(parents=True, exist_ok=True)

app = Celery("celery_app", broker="filesystem://", backend=(FOLDER / "results").as_uri())
app.conf.broker_transport_options = {
    "data_folder_in": str(FOLDER / "messages"),
    "data_folder_out": str(FOLDER / "messages"),
    "control_folder": str(FOLDER / "control"),
}
connect(app)  # the line that this is about

logger = logging.getLogger("celery_app")


@setup_logging.connect  # so that Celery leaves the root logger alone
def configure_logging(**_: object) -> None:
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "handlers": {
                "console": {"class": "logging.StreamHandler"},
                "helicone": {"class": "helicone_logging.HeliconeHandler", "service_name": "celery-app"},
            },
            "root": {"handlers": ["console", "helicone"], "level": "INFO"},
        }
    )


@app.task(name="summarise")
def summarise(text: str) -> str:
    summary = text.partition(".")[0] + "."  # a model would be called here
    logger.info("draft", extra={"model": "gpt-4o-mini", "prompt": text, "completion": summary, "duration_ms": 540})
    return summary


def main(text: str) -> None:
    configure_logging()
    with span("request summary", logger, user_id="ada", prompt=text) as work:
        summary = summarise.delay(text).get(timeout=60)
        work.set(completion=summary)
        print(current_trace_id(), summary)


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "Logs are a diary. They are read when something went wrong.")
