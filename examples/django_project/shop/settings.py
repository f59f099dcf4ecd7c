"""Settings of a minimal project; what concerns Helicone is `MIDDLEWARE`, `HELICONE_LOGGING` and `LOGGING`."""

SECRET_KEY = "only for this example"
ALLOWED_HOSTS = ["localhost", "127.0.0.1"]
ROOT_URLCONF = "shop.urls"
WSGI_APPLICATION = "shop.wsgi.application"
ASGI_APPLICATION = "shop.asgi.application"
USE_TZ = True

MIDDLEWARE = [
    "helicone_logging.django.TraceContextMiddleware",
    "django.middleware.common.CommonMiddleware",
]

HELICONE_LOGGING = {"response_header": "X-Request-ID"}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "filters": {"trace": {"()": "helicone_logging.TraceContextFilter"}},
    "formatters": {"plain": {"format": "{levelname} {name} [{trace_id}] {message}", "style": "{"}},
    "handlers": {
        "console": {"class": "logging.StreamHandler", "formatter": "plain", "filters": ["trace"]},
        "helicone": {"class": "helicone_logging.HeliconeHandler", "service_name": "django-project"},
    },
    "root": {"handlers": ["console", "helicone"], "level": "INFO"},
}
