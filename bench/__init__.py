"""Benchmarks of schuss: run `python -m bench`, read `bench/README.md`."""
