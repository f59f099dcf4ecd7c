"""One adapter per peer: `make(endpoint, options)` returns what logs a record and, in the end, waits for delivery."""
