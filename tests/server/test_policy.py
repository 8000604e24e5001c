"""Policies through a real server: given at issue, changed with the mask, in force at once, shown again."""

from typing import Any

import pytest

from counterseal.v1 import keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Client, Issued, failing, outcome, signed
from tests.server.uploads import begun, further, outcome_of

WHOLE: dict[str, Any] = {
    "source_networks": ["192.0.2.0/24"],
    "regions": ["us-east-1"],
    "services": ["s3"],
    "methods": ["PUT"],
    "path_prefixes": ["/bucket"],
    "replay": keys_pb2.REPLAY_POLICY_REUSABLE,
}
SOURCE = "192.0.2.7"


def key_of(client: Client, issued: Issued) -> keys_pb2.Key:
    return client.keys.GetKey(keys_pb2.GetKeyRequest(key_id=issued.key_id), metadata=client.admin).key


def asked(client: Client, issued: Issued, source: str = SOURCE, **request: Any) -> str:
    """Return `verified`, or the reason, with the field of the policy that refused."""
    message = signed(issued, **request)
    message.http_request.source_address = source
    answer: pb.VerifyResponse = client.verification.Verify(message)
    found = outcome(answer)
    return answer.rejected.detail.partition(": ")[0] if found == "OUT_OF_SCOPE" else found


def test_a_policy_is_shown_and_in_force(client: Client) -> None:
    issued = client.issue(policy=keys_pb2.KeyPolicy(**WHOLE))
    assert key_of(client, issued).policy == keys_pb2.KeyPolicy(**WHOLE)
    assert asked(client, issued) == "verified"
    assert asked(client, issued, source="198.51.100.1") == "policy.source_networks"
    assert asked(client, issued, source="") == "policy.source_networks"
    assert asked(client, issued, source="::ffff:192.0.2.7") == "verified"
    assert asked(client, issued, region="eu-1") == "policy.regions"
    assert asked(client, issued, service="sqs") == "policy.services"
    assert asked(client, issued, target=b"/other/a") == "policy.path_prefixes"
    assert asked(client, issued, target=b"/bucket/%2e%2e/other") == "policy.path_prefixes"


def test_a_change_is_in_force_when_it_returns(client: Client) -> None:
    issued = client.issue()
    assert asked(client, issued) == "verified"
    client.update(issued.key_id, "policy", policy=keys_pb2.KeyPolicy(methods=["GET"]))
    assert asked(client, issued) == "policy.methods"
    client.update(issued.key_id, "policy", policy=keys_pb2.KeyPolicy(methods=["GET", "PUT"]))
    assert asked(client, issued) == "verified"
    client.update(issued.key_id, "principal", principal="p", policy=keys_pb2.KeyPolicy(methods=["GET"]))  # not in the mask
    assert asked(client, issued) == "verified"
    client.update(issued.key_id, "policy")
    assert not key_of(client, issued).HasField("policy")


def test_an_upload_under_way_is_held_to_the_scope(client: Client) -> None:
    issued = client.issue()
    made, ticket = begun(client, issued)
    client.update(issued.key_id, "policy", policy=keys_pb2.KeyPolicy(regions=["us-east-1"], services=["s3"]))
    answer = further(client, ticket, made.chunk(b"one"))
    assert outcome_of(answer) == "verified"
    client.update(issued.key_id, "policy", policy=keys_pb2.KeyPolicy(regions=["eu-1"]))
    assert outcome_of(further(client, answer.verified.continuation, made.chunk(b"two"))) == "OUT_OF_SCOPE"


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"source_networks": ["192.0.2.1/24"]}, "source_networks"),
        ({"regions": ["*"]}, "regions"),
        ({"services": [""]}, "services"),
        ({"methods": ["GET POST"]}, "methods"),
        ({"path_prefixes": ["letters"]}, "path_prefixes"),
        ({"methods": ["GET"] * 1001}, "methods"),
        ({"replay": 77}, "replay"),
    ],
)
def test_limits_are_named(client: Client, policy: dict[str, Any], field: str) -> None:
    with failing() as seen:
        client.issue(policy=keys_pb2.KeyPolicy(**policy))
    assert (seen[0].reason, seen[0].field) == ("INVALID_FIELD", f"policy.{field}")
    issued = client.issue()
    with failing() as seen:
        client.update(issued.key_id, "policy", policy=keys_pb2.KeyPolicy(**policy))
    assert (seen[0].reason, seen[0].field) == ("INVALID_FIELD", f"key.policy.{field}")
