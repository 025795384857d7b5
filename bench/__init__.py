"""Podium's benchmark: `python -m bench.compare` runs everything; `bench.workloads` says what is measured."""
