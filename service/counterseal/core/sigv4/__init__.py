"""The engine of Signature Version 4 and its family: what the schemes of that kind share."""

# Loaded first, so that either package may be imported before the other: schemes are built on the engine, and the engine on the
# schemes' protocol.
import counterseal.core.schemes.base  # noqa: F401
