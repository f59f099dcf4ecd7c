import django
from context_log import log, nothing_leaks
from django.conf import settings

__all__ = ["log", "nothing_leaks"]

# Django is configured once in a process. Without a database, every query raises.
settings.configure(
    ALLOWED_HOSTS=["*"],
    DATABASES={},
    INSTALLED_APPS=["django.contrib.contenttypes", "django.contrib.auth"],
    LOGGING_CONFIG=None,
    SECRET_KEY="for tests only",
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
django.setup()
