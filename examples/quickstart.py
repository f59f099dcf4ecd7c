"""The shortest way from a log line to Helicone; without a key it talks to a receiver on this machine.

pip install 'helicone-logging[local]'
python examples/quickstart.py
"""

import logging
import os

from helicone_logging import HeliconeHandler
from helicone_logging.receiver import Receiver, print_sessions

logger = logging.getLogger("quickstart")
logger.setLevel(logging.INFO)


def log_a_call() -> None:
    logger.info(
        "greet",
        extra={
            "trace_id": "quickstart-1",
            "user_id": "ada",
            "model": "gpt-4o-mini",
            "messages": [{"role": "user", "content": "Say hello."}],
            "completion": "Hello!",
            "prompt_tokens": 4,
            "completion_tokens": 2,
            "duration_ms": 310,
        },
    )


def main() -> None:
    if os.environ.get("HELICONE_API_KEY"):
        handler = HeliconeHandler(service_name="quickstart")
        logger.addHandler(handler)
        log_a_call()
        handler.close()
        print(handler.stats())
        return
    with Receiver(port=0) as receiver:
        handler = HeliconeHandler(service_name="quickstart", endpoint=receiver.endpoint)
        logger.addHandler(handler)
        log_a_call()
        handler.close()
        print_sessions(receiver.rows())


if __name__ == "__main__":
    main()
