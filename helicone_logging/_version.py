"""The version of the package: read by setup.cfg, sent as the scope's version and in the user agent."""

__version__ = "0.2.0"
