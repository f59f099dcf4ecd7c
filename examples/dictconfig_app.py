"""A program that is configured by `logging.config.dictConfig`: everything to the console, traced records to Helicone.

HELICONE_API_KEY=sk-helicone-... python examples/dictconfig_app.py
HELICONE_TRACE_ENDPOINT=http://localhost:8585 python examples/dictconfig_app.py   # after: helicone-logging serve
"""

import logging
import logging.config

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"trace": {"()": "helicone_logging.TraceContextFilter"}},
    "formatters": {"plain": {"format": "%(asctime)s %(levelname)s %(name)s [%(trace_id)s] %(message)s"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["trace"]},
        "helicone": {
            "class": "helicone_logging.HeliconeHandler",
            "service_name": "dictconfig-app",
            "properties": {"environment": "development"},
            "redact": "secrets",
            "batch_size": "auto",
        },
    },
    "root": {"handlers": ["console", "helicone"], "level": "INFO"},
}

logger = logging.getLogger("dictconfig_app")


def summarise(text: str) -> str:
    summary = text.partition(".")[0] + "."  # a model would be called here
    logger.info(
        "summarise",
        extra={
            "trace_id": "document-17",
            "model": "gpt-4o-mini",
            "prompt": text,
            "completion": summary,
            "input_tokens": 18,
            "output_tokens": 6,
            "duration_ms": 540,
            "document": 17,
        },
    )
    return summary


def main() -> None:
    logging.config.dictConfig(LOGGING)
    logger.info("started; this line has no trace context, so it stays on the console")
    print(summarise("Logs are the diary of a program. They are read when something went wrong."))
    try:
        raise ConnectionError("the model is overloaded")
    except ConnectionError:
        logger.exception("translate", extra={"trace_id": "document-17", "model": "gpt-4o-mini", "prompt": "bonjour"})


if __name__ == "__main__":
    main()
