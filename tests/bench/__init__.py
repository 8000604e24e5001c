"""Benchmarks. They print ratios taken in one run, and assert nothing about time."""
