"""The API: everybody's notes, in memory. It sees verified requests only, and does no verifying of its own."""

import json
from collections import defaultdict
from typing import Any

from answering import answer_json

MOST_NOTES = 50
MOST_CHARACTERS = 500
MOST_BYTES = 16_384


class Notes:
    """GET `/api/notes` lists the caller's notes, POST adds `{"text": ...}`, DELETE forgets them all."""

    def __init__(self) -> None:
        self.notes: dict[tuple[str, str], list[dict[str, str]]] = defaultdict(list)

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        caller = scope["counterseal"]
        mine = self.notes[caller.tenant, caller.principal]
        if scope["path"] != "/api/notes":
            await answer_json(send, 404, {"error": "not found"})
        elif scope["method"] == "GET":
            await answer_json(send, 200, {"notes": mine})
        elif scope["method"] == "DELETE":
            mine.clear()
            await answer_json(send, 200, {"notes": mine})
        elif scope["method"] == "POST":
            text = await read_text(receive)
            if text is None:
                await answer_json(send, 400, {"error": f"a note is a text of 1 to {MOST_CHARACTERS} characters"})
                return
            note = {"text": text, "sent": caller.scheme}
            mine.append(note)
            del mine[:-MOST_NOTES]
            await answer_json(send, 200, {"note": note, "notes": len(mine)})
        else:
            await answer_json(send, 405, {"error": "GET, POST or DELETE"})


async def read_text(receive: Any) -> str | None:
    """Return the note in the body. `receive` raises where the body is not the one that was signed: nothing is kept then."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
        if len(body) > MOST_BYTES:
            return None
    try:
        read = json.loads(body)
    except (ValueError, RecursionError):
        return None
    text = read.get("text") if isinstance(read, dict) else None
    return text if isinstance(text, str) and 1 <= len(text) <= MOST_CHARACTERS else None
