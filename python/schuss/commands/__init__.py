"""The commands of `schuss`, one a file: each adds its options with `add` and runs with `run`."""
