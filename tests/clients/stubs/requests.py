"""A request signed with an imported key, in the text form that the example programs read."""

import secrets
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.aws_sigv4 import Credentials, sign_headers
from counterseal.v1 import keys_pb2, keys_pb2_grpc
from tests.support.process import RunningServer

KEY_ID: Final = "AKIDSTUBSEXAMPLE"
SECRET: Final = secrets.token_urlsafe(32)


@dataclass(frozen=True, slots=True)
class Sample:
    """A GET without a body."""

    target: str
    headers: tuple[tuple[str, str], ...]

    def write(self, path: Path) -> Path:
        lines = [f"GET {self.target} HTTP/1.1", *(f"{name}: {value}" for name, value in self.headers)]
        path.write_text("\n".join(lines) + "\n")
        return path


def signed_sample() -> Sample:
    """Sign a request of now, with what a careless program damages: an escape, a repeated query name, spaces inside a value."""
    target = "/photos/cat%20one.jpg?tag=b&tag=a&size=%2B1"
    plain = ((b"host", b"photos.example.test"), (b"x-amz-meta-title", b"one: two,  three"))
    request = HttpRequest(method=b"GET", target=target.encode(), headers=plain, content=b"")
    added = sign_headers(
        request, Credentials(key_id=KEY_ID, secret=SECRET.encode()), region="eu-west-1", service="s3", now=int(time.time())
    )
    return Sample(target, tuple((name.decode(), value.decode()) for name, value in (*plain, *added)))


def import_key(server: RunningServer) -> None:
    """Bring the key along that `signed_sample` signs with."""
    imported = keys_pb2.ImportedSecret(key_id=KEY_ID, secret=SECRET.encode())
    with server.channel() as channel:
        keys_pb2_grpc.KeyServiceStub(channel).IssueKey(
            keys_pb2.IssueKeyRequest(principal="stubs", imported_secret=imported), metadata=tuple(server.admin_metadata)
        )
