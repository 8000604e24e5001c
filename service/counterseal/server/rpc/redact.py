"""What of a message may be logged: single fields that keep to an exact grammar.

Python's protobuf ignores `debug_redact`: str, repr, text format and JSON print secrets, security tokens and signatures, and
unknown fields besides. So no message is ever formatted.
"""

from counterseal.core.scope import is_key_id


def loggable_key_id(key_id: str) -> str:
    """Return a key id that keeps to its grammar, or nothing: what does not could be anything, line breaks included."""
    return key_id if is_key_id(key_id) else ""
