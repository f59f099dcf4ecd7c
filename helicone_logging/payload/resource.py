"""The resource of the spans: the service they come from, as OpenTelemetry's environment variables name it.

https://opentelemetry.io/docs/specs/otel/resource/sdk/#specifying-resource-information-via-an-environment-variable
"""

from __future__ import annotations

from collections.abc import Mapping

from helicone_logging.core.coerce import Scalar, scalar_of

UNKNOWN_SERVICE = "unknown_service"
_SERVICE_NAME = "service.name"


def resource_of(
    service_name: str | None, attributes: Mapping[str, object], environ: Mapping[str, str]
) -> dict[str, Scalar]:
    """Returns the attributes of the resource, `service.name` always among them.

    Args:
        service_name: the service; None for `OTEL_SERVICE_NAME`, else the one among the attributes.
        attributes: more attributes; they win over those of `OTEL_RESOURCE_ATTRIBUTES`.
        environ: the environment.
    """
    resource: dict[str, Scalar] = dict(_from_text(environ.get("OTEL_RESOURCE_ATTRIBUTES", "")))
    resource.update((key, scalar_of(value)) for key, value in attributes.items())
    name = service_name or environ.get("OTEL_SERVICE_NAME") or resource.get(_SERVICE_NAME) or UNKNOWN_SERVICE
    return {_SERVICE_NAME: str(name), **{key: value for key, value in resource.items() if key != _SERVICE_NAME}}


def _from_text(text: str) -> list[tuple[str, str]]:
    """`key=value` pairs between commas, percent-encoded; a pair without a name or `=` is no attribute."""
    if not text:
        return []
    from urllib.parse import unquote  # loads slowly, and few need it

    pairs = (pair.partition("=") for pair in text.split(","))
    return [(unquote(key.strip()), unquote(value.strip())) for key, equals, value in pairs if equals and key.strip()]
