"""The ASGI application: `uvicorn shop.asgi:application`."""

import os

from django.core.asgi import get_asgi_application

from helicone_logging.asgi import FlushAtShutdown

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")
application = FlushAtShutdown(get_asgi_application())
