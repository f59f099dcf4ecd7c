"""The parts of the benchmark; those that run in a peer's environment need nothing but the standard library."""
