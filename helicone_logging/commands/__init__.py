"""The subcommands of `helicone-logging`: `add_arguments(parser)` and `run(args) -> exit status`."""
