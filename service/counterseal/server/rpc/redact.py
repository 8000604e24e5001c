"""What of a message may be logged: its kind and its size, and nothing that it holds.

Python's protobuf ignores `debug_redact`: str, repr, text format and JSON print secrets, security tokens and signatures, and
unknown fields besides. So no message is ever formatted; whoever wants one in a log line takes `summary`.
"""

import re
from typing import Final

from google.protobuf.message import Message

# The grammar of key ids (keys.proto). What does not match is not logged: it could be anything, line breaks included.
_KEY_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._~:@+=/-]{2,127}", re.ASCII)


def summary(message: Message) -> str:
    """Return the message's type, its size, and which fields are set: names, never values."""
    names = ",".join(field.name for field, _ in message.ListFields())
    return f"{message.DESCRIPTOR.name}({names}; {message.ByteSize()} bytes)"


def loggable_key_id(key_id: str) -> str:
    """Return a key id that keeps to its grammar, or nothing."""
    return key_id if _KEY_ID.fullmatch(key_id) else ""
