"""What everything stands on: checks of options, ids, values as text, hooks of a process' life, the reentrancy guard."""
