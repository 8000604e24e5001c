"""Bodies that are verified while they arrive."""
