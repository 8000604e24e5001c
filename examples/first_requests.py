"""boto3 against the gateway: two requests that verify, and one, signed with another secret, that is refused.

AWS_ACCESS_KEY_ID=... AWS_SECRET_ACCESS_KEY=... python examples/first_requests.py
"""

import os

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

ENDPOINT = os.environ.get("GATEWAY", "http://127.0.0.1:8080")


def client(secret: str) -> "boto3.client":
    """Return an S3 client for the gateway with the key of the environment and this secret."""
    return boto3.client(
        "s3",
        endpoint_url=ENDPOINT,
        region_name="us-east-1",
        aws_access_key_id=os.environ["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=secret,
        config=Config(s3={"addressing_style": "path"}, retries={"max_attempts": 1}),
    )


s3 = client(os.environ["AWS_SECRET_ACCESS_KEY"])
s3.put_object(Bucket="letters", Key="to alice.txt", Body=b"Dear Alice, ...")
print("verified: PUT letters/to alice.txt")
print("verified: GET answers", s3.get_object(Bucket="letters", Key="to alice.txt")["Body"].read())
try:
    client("not the secret of this key").get_object(Bucket="letters", Key="to alice.txt")
except ClientError as error:
    print("refused: another secret:", error.response["Error"]["Code"])
else:
    raise SystemExit("a request signed with another secret was let through")
