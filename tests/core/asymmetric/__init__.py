"""The public-key primitives."""
