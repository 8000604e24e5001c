"""A scheme as somebody else would write it: it uses nothing but what docs/schemes.md tells of."""
