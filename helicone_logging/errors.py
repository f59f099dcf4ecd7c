"""The errors this package raises: only from constructors and commands, never while a record is logged."""


class HeliconeLoggingError(Exception):
    """The base of every error this package raises.

    .. versionadded:: 0.1
    """


class ConfigurationError(HeliconeLoggingError, ValueError):
    """An option has a value that cannot work; the text names the option, the value and the remedy.

    .. versionadded:: 0.1
    """
