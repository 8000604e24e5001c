"""Uploads by real clients that stream: bodies in signed chunks, with trailing checksums, in parts."""

import functools
import os
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from boto3.exceptions import S3UploadFailedError
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

from tests.clients.stubs.toolchain import build, java_runtime
from tests.gateways.clients import BUCKET, REGION, ClientFailed, Where, aws, awscli, rclone, run_program, s3cmd
from tests.gateways.tamper import Change, Raw, flip

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
# Three chunks and a bit of every client here.
BODY = bytes(range(256)) * 1600 + b"and the end"
# More than two of the smallest parts.
LARGE = bytes(range(256)) * 4096 * 11 + b"and the end"


@dataclass(frozen=True)
class Upload:
    """One way to upload. `signed`: its chunks carry signatures. `tls`: only over https does the client do it so."""

    name: str
    run: Callable[[Where, str], None]
    signed: bool = False
    trailer: bool = False
    tls: bool = False
    large: bool = False

    @property
    def body(self) -> bytes:
        return LARGE if self.large else BODY


@functools.cache
def go_program() -> str:
    program = ROOT / ".tools" / "tests" / "upload-go"
    build(["go", "build", "-o", str(program), "."], HERE / "go")
    return str(program)


@functools.cache
def java_program() -> list[str]:
    java, folder = java_runtime(), HERE / "java"
    build(["mvn", "-B", "-q", "compile"], folder)
    return [java, "-cp", f"{folder / 'target' / 'classes'}:{folder / 'target' / 'dependency'}/*", "Upload"]


def _keys(where: Where, **more: str) -> dict[str, str]:
    return {"KEY_ID": where.credentials.key_id, "SECRET": where.credentials.secret, **more}


def _minio(**env: str) -> Callable[[Where, str], None]:
    def run(where: Where, key: str) -> None:
        host = where.endpoint.removeprefix("http://")
        run_program(where, go_program(), host, REGION, BUCKET, key, "body", env=_keys(where, **env))

    return run


def _java(**env: str) -> Callable[[Where, str], None]:
    def run(where: Where, key: str) -> None:
        run_program(where, *java_program(), where.endpoint, REGION, BUCKET, key, "body", env=_keys(where, **env))

    return run


def _boto3(**arguments: Any) -> Callable[[Where, str], None]:
    def run(where: Where, key: str) -> None:
        s3 = aws("s3", where, verify=os.fspath(where.folder / "ca.pem"))
        try:
            with (where.folder / "body").open("rb") as body:
                s3.put_object(Bucket=BUCKET, Key=key, Body=body, **arguments)
        except (ClientError, BotoCoreError) as error:
            raise ClientFailed(str(error)) from None

    return run


def _boto3_parts(where: Where, key: str) -> None:
    s3 = aws("s3", where, verify=os.fspath(where.folder / "ca.pem"))
    try:
        config = TransferConfig(multipart_threshold=5 * 2**20, multipart_chunksize=5 * 2**20, use_threads=False)
        s3.upload_file(os.fspath(where.folder / "body"), BUCKET, key, Config=config)
    except (ClientError, BotoCoreError, S3UploadFailedError) as error:
        raise ClientFailed(str(error)) from None


def _awscli(where: Where, key: str) -> None:
    (where.folder / ".aws").mkdir(exist_ok=True)
    (where.folder / ".aws" / "config").write_text(
        "[default]\ns3 =\n  addressing_style = path\n"
        "  multipart_threshold = 5MB\n  multipart_chunksize = 5MB\n  max_concurrent_requests = 1\n"
    )
    bundle = ("--ca-bundle", os.fspath(where.folder / "ca.pem")) if where.endpoint.startswith("https") else ()
    awscli(where, *bundle, "s3", "cp", "large", f"s3://{BUCKET}/{key}")


def _rclone(where: Where, key: str) -> None:
    parts = ("--s3-upload-cutoff", "5M", "--s3-chunk-size", "5M", "--s3-upload-concurrency", "1")
    rclone(where, "copyto", "-I", "large", f"x:{BUCKET}/{key}", "--s3-no-head", *parts)


def _s3cmd(where: Where, key: str) -> None:
    s3cmd(where, "--multipart-chunk-size-mb=5", "put", "large", f"s3://{BUCKET}/{key}")


UPLOADS = [
    Upload("minio-go", _minio(), signed=True),
    Upload("minio-go trailer", _minio(TRAILER="1"), signed=True, trailer=True),
    Upload("java", _java(), signed=True),
    Upload("java trailer", _java(TRAILER="1"), signed=True, trailer=True),
    Upload("boto3", _boto3(), trailer=True, tls=True),
    Upload("boto3 crc32c", _boto3(ChecksumAlgorithm="CRC32C"), trailer=True, tls=True),
    Upload("boto3 crc64nvme", _boto3(ChecksumAlgorithm="CRC64NVME"), trailer=True, tls=True),
    Upload("boto3 sha256", _boto3(ChecksumAlgorithm="SHA256"), trailer=True, tls=True),
    Upload("boto3 parts", _boto3_parts, trailer=True, tls=True, large=True),
    Upload("awscli parts", _awscli, trailer=True, tls=True, large=True),
    Upload("awscli parts, http", _awscli, large=True),
    Upload("rclone parts", _rclone, large=True),
    Upload("s3cmd parts", _s3cmd, large=True),
]

_FRAME = re.compile(rb"([0-9a-fA-F]+)((?:;chunk-signature=[0-9a-f]+)?)\r\n")


def frames(body: bytes) -> tuple[list[bytes], bytes]:
    """Take an aws-chunked body apart: its chunks with their framing, the final one last, and the trailer."""
    found, at = [], 0
    while True:
        head = _FRAME.match(body, at)
        assert head is not None, "no aws-chunked framing"
        size = int(head[1], 16)
        end = head.end() + (size + 2 if size else 0)
        found.append(body[at:end])
        at = end
        if size == 0:
            return found, body[at:]


def _framed(raw: Raw, change: Callable[[list[bytes], bytes], tuple[list[bytes], bytes]]) -> Raw:
    chunks, trailer = change(*frames(raw.body))
    body = b"".join(chunks) + trailer
    changed = replace(raw, body=body)
    return changed.with_header(b"content-length", lambda _: b"%d" % len(body)) if len(body) != len(raw.body) else changed


def _byte_of(at: int) -> Change:
    def change(chunks: list[bytes], trailer: bytes) -> tuple[list[bytes], bytes]:
        chunk = chunks[at]
        place = len(chunk) // 2 if len(chunk) > 400 else len(chunk) - 4
        chunks[at] = chunk[:place] + bytes([chunk[place] ^ 1]) + chunk[place + 1 :]
        return chunks, trailer

    return lambda raw: _framed(raw, change)


def _signature_of(at: int) -> Change:
    def change(chunks: list[bytes], trailer: bytes) -> tuple[list[bytes], bytes]:
        line, _, rest = chunks[at].partition(b"\r\n")
        chunks[at] = flip(line) + b"\r\n" + rest
        return chunks, trailer

    return lambda raw: _framed(raw, change)


def _trailer(pattern: bytes) -> Change:
    def change(chunks: list[bytes], trailer: bytes) -> tuple[list[bytes], bytes]:
        found = re.search(pattern, trailer)
        assert found is not None, trailer
        # The first character of the value: the last may hold bits that base64 throws away.
        old = trailer[found.start(1) : found.start(1) + 1]
        return chunks, trailer[: found.start(1)] + flip(old) + trailer[found.start(1) + 1 :]

    return lambda raw: _framed(raw, change)


CHUNK_CHANGES: dict[str, Change] = {
    "first chunk": _byte_of(0),
    "last chunk": _byte_of(-2),
    "final chunk missing": lambda raw: _framed(raw, lambda chunks, trailer: (chunks[:-1], b"\r\n")),
    "chunk missing": lambda raw: _framed(raw, lambda chunks, trailer: (chunks[1:], trailer)),
}
SIGNED_CHANGES: dict[str, Change] = {
    "first signature": _signature_of(0),
    "last signature": _signature_of(-2),
    "final signature": _signature_of(-1),
    "chunks swapped": lambda raw: _framed(raw, lambda chunks, trailer: ([chunks[1], chunks[0], *chunks[2:]], trailer)),
}
TRAILER_CHANGES: dict[str, Change] = {
    "trailer value": _trailer(rb"x-amz-checksum-\w+:([A-Za-z0-9])"),
    "trailer name": _trailer(rb"x-amz-(c)hecksum"),
}
TRAILER_SIGNATURE: dict[str, Change] = {"trailer signature": _trailer(rb"x-amz-trailer-signature:([0-9a-f])")}


# How many chunks of a changed body are still as signed, from its beginning, or up to its end; not named: all of them.
STILL_SIGNED = {
    "first chunk": 0,
    "first signature": 0,
    "chunks swapped": 0,
    "chunk missing": 0,
    "last chunk": -1,
    "last signature": -1,
}


def still_signed(raw: Raw, change: str) -> int:
    """Return how many bytes of a body's content stand before what was changed: no more may be handed on."""
    sizes = [int(chunk.partition(b";")[0], 16) for chunk in frames(raw.body)[0][:-1]]
    return sum(sizes[: STILL_SIGNED.get(change)])


def changes(upload: Upload) -> dict[str, Change]:
    """Return the changes that make sense for an upload's body, each of which has to be refused."""
    if not (upload.signed or upload.trailer):
        return {"body": lambda raw: replace(raw, body=raw.body[:-1] + bytes([raw.body[-1] ^ 1]))}
    found = dict(CHUNK_CHANGES)
    if upload.signed:
        found |= SIGNED_CHANGES
    if upload.trailer:
        found |= TRAILER_CHANGES
    if upload.signed and upload.trailer:
        found |= TRAILER_SIGNATURE
    return found
