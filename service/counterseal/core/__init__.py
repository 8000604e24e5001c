"""The library: pure rules of request signing. Bytes, a key and a time in, a verdict out.

Nothing here does I/O, reads a clock, logs or draws randomness; import-linter holds that.
"""
