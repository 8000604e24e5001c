"""The replay guard: what may be used once is used once. `guard.py` decides, the memories remember."""
