"""The commands of `schuss`, one a file: `add` its options, `run` it, `show` the result."""
