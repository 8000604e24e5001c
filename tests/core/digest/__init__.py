"""Digests of bodies in header fields."""
