from context_log import log, nothing_leaks

__all__ = ["log", "nothing_leaks"]
