"""boto3 and botocore, unmodified, through the gateway to moto: what a real S3 user does, with the keys that real users have."""

import contextlib
import io
import itertools
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

import pytest
from botocore.exceptions import ClientError

from tests.gateways.clients import REGION, Where, aws
from tests.gateways.world import Credentials, World, running_gateway

NUMBERS = itertools.count()


def client(service: str, endpoint: str, credentials: Credentials) -> Any:
    return aws(service, Where(endpoint, credentials, Path()))


@pytest.fixture(scope="module", params=["h11", "httptools"])
def parsed_world(request: pytest.FixtureRequest, world: World, moto: str, folder: Any) -> Iterator[World]:
    """Both parsers of uvicorn, since either may stand in front of the middleware."""
    if request.param == "h11":
        yield world
        return
    with running_gateway(world.server, moto, folder / request.param, request.param) as other:
        yield other


@pytest.fixture(scope="module")
def s3(parsed_world: World) -> Any:
    return client("s3", parsed_world.endpoint, parsed_world.issue())


@pytest.fixture(scope="module")
def bucket(s3: Any) -> str:
    name = f"odd-{next(NUMBERS)}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    return name


ODD_KEYS = [
    "plain",
    "a b  c",
    "a+b%2Bc",
    "a//b///c",
    "/leading",
    "trailing/",
    "grüße/日本語/😀",
    "cafe\u0301",
    "q?x=1&y=2",
    "hash#tag",
    "semi;colon:colon,comma",
    "per%cent%%20",
    "quotes'\"`<>",
    "back\\slash|pipe^caret{brace}[bracket]",
    "tilde~dash-dot.under_score!star*(paren)",
    "equals=at@dollar$",
    "dots/.../..hidden/a..b",
    "x" * 900,
]


@pytest.mark.parametrize("key", ODD_KEYS, ids=range(len(ODD_KEYS)))
def test_odd_keys(s3: Any, bucket: str, key: str) -> None:
    body = ("body of " + key).encode()
    s3.put_object(Bucket=bucket, Key=key, Body=body, Metadata={"note": "two  spaces, a comma"})
    head = s3.head_object(Bucket=bucket, Key=key)
    assert head["ContentLength"] == len(body)
    assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert [entry["Key"] for entry in s3.list_objects_v2(Bucket=bucket, Prefix=key)["Contents"]] == [key]
    s3.delete_object(Bucket=bucket, Key=key)
    with pytest.raises(ClientError) as caught:
        s3.head_object(Bucket=bucket, Key=key)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 404


def test_metadata_with_spaces(s3: Any, bucket: str) -> None:
    metadata = {"plain": "x", "spaces": "two  spaces   three", "punctuation": "a=b; c,d \"e\" 'f'"}
    s3.put_object(Bucket=bucket, Key="meta", Body=b"", Metadata=metadata, ContentType="text/plain; charset=utf-8")
    assert s3.head_object(Bucket=bucket, Key="meta")["Metadata"]["plain"] == "x"


def test_a_body_of_megabytes_streams(s3: Any, bucket: str) -> None:
    body = bytes(range(256)) * 40_000
    s3.put_object(Bucket=bucket, Key="big", Body=body)
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == body
    assert s3.get_object(Bucket=bucket, Key="big", Range="bytes=5-9")["Body"].read() == body[5:10]


def test_bodies_from_files_and_empty_bodies(s3: Any, bucket: str) -> None:
    s3.upload_fileobj(io.BytesIO(b"from a file"), bucket, "file")
    s3.put_object(Bucket=bucket, Key="nothing", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="file")["Body"].read() == b"from a file"
    assert s3.get_object(Bucket=bucket, Key="nothing")["Body"].read() == b""


def test_multipart_upload(s3: Any, bucket: str) -> None:
    parts = [b"a" * (5 << 20), b"b" * 1000]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="parts/one two")["UploadId"]
    done = []
    for number, part in enumerate(parts, 1):
        answer = s3.upload_part(Bucket=bucket, Key="parts/one two", UploadId=upload, PartNumber=number, Body=part)
        done.append({"PartNumber": number, "ETag": answer["ETag"]})
    s3.complete_multipart_upload(Bucket=bucket, Key="parts/one two", UploadId=upload, MultipartUpload={"Parts": done})
    assert s3.get_object(Bucket=bucket, Key="parts/one two")["Body"].read() == b"".join(parts)


@pytest.mark.parametrize("key", ["plain", "a b+c//d", "grüße?x=1&y"])
def test_presigned_urls(s3: Any, bucket: str, key: str) -> None:
    put = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=600)
    assert fetch(put, "PUT", b"put by url") == (200, b"")
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": key}, ExpiresIn=600)
    assert fetch(get) == (200, b"put by url")
    assert fetch(get, "DELETE")[0] == 403
    assert fetch(put)[0] == 403
    assert fetch(get + "&response-content-type=text/html")[0] == 403


def fetch(url: str, method: str = "GET", body: bytes | None = None) -> tuple[int, bytes]:
    """A client that knows nothing of signatures."""
    request = urllib.request.Request(url, method=method, data=body, headers={"Content-Type": ""} if body else {})
    try:
        with urllib.request.urlopen(request, timeout=60) as response:
            return response.status, response.read()
    except HTTPError as error:
        with contextlib.closing(error):
            return error.code, error.read()


def test_a_wrong_secret_is_refused(parsed_world: World) -> None:
    credentials = parsed_world.issue()
    parsed_world.passed_on()
    wrong = client("s3", parsed_world.endpoint, Credentials(credentials.key_id, credentials.secret[:-1] + "!"))
    with pytest.raises(ClientError) as caught:
        wrong.list_buckets()
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    assert parsed_world.passed_on() == []


def claim_to_be_root(request: Any, **_: Any) -> None:
    request.headers["X_Counterseal_Principal"] = "root"


def test_the_upstream_learns_who_signed(parsed_world: World) -> None:
    credentials = parsed_world.issue("Ålice")
    s3 = client("s3", parsed_world.endpoint, credentials)
    s3.meta.events.register("before-send.s3", claim_to_be_root)
    parsed_world.passed_on()
    s3.list_buckets()
    (request,) = parsed_world.passed_on()
    told = [(name, value) for name, value in request["headers"] if "counterseal" in name]
    assert ("x-counterseal-principal", "%C3%85lice") in told
    assert ("x-counterseal-key-id", credentials.key_id) in told
    assert "root" not in [value for _, value in told]


def test_dynamodb(parsed_world: World) -> None:
    """JSON protocol, and no x-amz-content-sha256: the gateway has to hash the body before it can ask."""
    credentials = parsed_world.issue()
    dynamodb = client("dynamodb", parsed_world.endpoint, credentials)
    table = f"t{parsed_world.port}"
    dynamodb.create_table(
        TableName=table,
        KeySchema=[{"AttributeName": "id", "KeyType": "HASH"}],
        AttributeDefinitions=[{"AttributeName": "id", "AttributeType": "S"}],
        BillingMode="PAY_PER_REQUEST",
    )
    dynamodb.put_item(TableName=table, Item={"id": {"S": "ü"}, "n": {"N": "1"}})
    assert dynamodb.get_item(TableName=table, Key={"id": {"S": "ü"}})["Item"]["n"] == {"N": "1"}
    parsed_world.revoke(credentials.key_id)
    with pytest.raises(ClientError) as caught:
        dynamodb.get_item(TableName=table, Key={"id": {"S": "ü"}})
    assert caught.value.response["Error"]["Code"] == "SignatureDoesNotMatch"  # which keys exist is nobody's business


def test_sqs(parsed_world: World) -> None:
    sqs = client("sqs", parsed_world.endpoint, parsed_world.issue())
    url = sqs.create_queue(QueueName=f"q{parsed_world.port}")["QueueUrl"]
    url = parsed_world.endpoint + "/" + url.split("/", 3)[3]
    sqs.send_message(QueueUrl=url, MessageBody="a + b & c")
    assert sqs.receive_message(QueueUrl=url)["Messages"][0]["Body"] == "a + b & c"


def test_sns(parsed_world: World) -> None:
    """The query protocol: a form in the body, and an answer in XML."""
    sns = client("sns", parsed_world.endpoint, parsed_world.issue())
    arn = sns.create_topic(Name=f"t{parsed_world.port}")["TopicArn"]
    assert arn in [topic["TopicArn"] for topic in sns.list_topics()["Topics"]]
