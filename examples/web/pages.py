"""The page and its scripts: a fixed set of files, read once."""

from pathlib import Path
from typing import Any

STATIC = Path(__file__).parent / "static"
TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Scripts, styles and requests of this origin alone, none of them inline: what somebody manages to put into the page's markup
# does not run, and has nowhere to send anything. Nobody shows this page in a frame, and no element changes where links lead.
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    # An old script beside a new page would be a page that nobody tested.
    "cache-control": "no-cache",
}


class Pages:
    """Serves what was in the folder at the start. A path is a name in a table here, and never one in a file system."""

    def __init__(self) -> None:
        self.files = {f"/{file.name}": file for file in STATIC.iterdir() if file.suffix in TYPES}
        self.files["/"] = STATIC / "index.html"
        self.contents = {path: file.read_bytes() for path, file in self.files.items()}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:  # noqa: ARG002
        found = scope["path"] in self.contents
        reading = scope["method"] in {"GET", "HEAD"}
        body = self.contents[scope["path"]] if found and reading else b""
        kind = TYPES[self.files[scope["path"]].suffix] if found and reading else "text/plain"
        fields = {**HEADERS, "content-type": kind, "content-length": str(len(body))}
        headers = [(name.encode(), value.encode()) for name, value in fields.items()]
        state = 200 if found and reading else 405 if found else 404
        await send({"type": "http.response.start", "status": state, "headers": headers})
        await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else body})
