"""Temporary credentials: unmodified AWS SDKs take them, with a security token that has to be there; the session ends them."""

from typing import Any

import pytest
from botocore.auth import S3SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from counterseal.v1 import keys_pb2
from counterseal.v1 import sessions_pb2 as pb
from counterseal.v1 import verification_pb2 as vpb
from tests.server.calls import Issued, failing, outcome, signed
from tests.server.sessions.people import People, reason


def by_botocore(given: pb.TemporaryCredentials, token: str | None = None, *, unsigned_token: str = "") -> vpb.VerifyRequest:
    """A request as botocore signs it. `unsigned_token` is added afterwards."""
    token = given.security_token if token is None else token
    request = AWSRequest(method="GET", url="https://s3.example.com/bucket/key")
    S3SigV4Auth(Credentials(given.key_id, given.secret, token or None), "s3", "us-east-1").add_auth(request)
    headers = [("host", "s3.example.com"), *((name.lower(), str(value)) for name, value in request.headers.items())]
    if unsigned_token:
        headers.append(("x-amz-security-token", unsigned_token))
    return vpb.VerifyRequest(
        http_request=vpb.HttpRequest(
            method="GET",
            target=b"/bucket/key",
            headers=[vpb.Header(name=name, value=value.encode()) for name, value in headers],
            content=b"",
        )
    )


@pytest.fixture
def session(people: People) -> pb.SignedIn:
    return people.sign_in()


def issue(people: People, session: pb.SignedIn, seconds: int = 900, **fields: Any) -> pb.TemporaryCredentials:
    answer = people.credentials(seconds, access_token=session.access_token.token, **fields)
    assert answer.WhichOneof("outcome") == "credentials", answer.refused
    return answer.credentials


def verdict(people: People, request: vpb.VerifyRequest) -> str:
    return outcome(people.client.verification.Verify(request))


def test_botocore_signs_and_is_accepted(people: People, session: pb.SignedIn) -> None:
    given = issue(people, session)
    verified = people.client.verification.Verify(by_botocore(given)).verified
    assert (verified.principal, verified.session_id) == ("alice", session.session.session_id)


def test_without_its_security_token_or_with_a_foreign_one_it_is_refused(people: People, session: pb.SignedIn) -> None:
    given, other = issue(people, session), issue(people, session)
    assert verdict(people, by_botocore(given, "")) == "MISMATCH"
    assert verdict(people, by_botocore(given, other.security_token)) == "MISMATCH"
    assert verdict(people, by_botocore(given, given.security_token[:-1] + "-")) == "MISMATCH"
    # Also where it is there, and not among what was signed.
    assert verdict(people, by_botocore(given, "", unsigned_token=given.security_token)) == "NOT_COVERED"


def at(given: pb.TemporaryCredentials, time: float) -> vpb.VerifyRequest:
    return signed(Issued(given.key_id, given.secret.encode(), given.security_token), at=time)


def test_it_ends_when_it_says_and_with_the_session(people: People, session: pb.SignedIn) -> None:
    people.clock.stop()
    given = issue(people, session, 60)
    assert given.expire_time.seconds - people.clock() <= 60
    people.clock.ahead += 59
    assert verdict(people, at(given, people.clock())) == "verified"
    people.clock.ahead += 2
    assert verdict(people, at(given, people.clock())) == "KEY_EXPIRED"
    second = issue(people, session)
    people.sign_out(session_id=session.session.session_id)
    assert verdict(people, at(second, people.clock())) == "KEY_REVOKED"


def test_it_is_never_good_for_longer_than_the_session(people: People, session: pb.SignedIn) -> None:
    people.clock.stop()
    given = issue(people, session, 43_200)
    assert given.expire_time == session.session.idle_expire_time
    token = session.refresh_token
    for _ in range(12):
        people.clock.ahead += 3580
        session = people.refresh(token)
        token = session.refresh_token
    assert issue(people, session, 3600).expire_time == session.session.expire_time


@pytest.mark.parametrize("seconds", [0, 59, 43_201, -1, 10**11])
def test_a_duration_out_of_bounds(people: People, session: pb.SignedIn, seconds: int) -> None:
    with failing() as failures:
        issue(people, session, seconds)
    assert failures[0].field == "duration"


@pytest.mark.parametrize("schemes", [["rfc9421"], ["aws-sigv4", "bearer"], ["bearer"], ["aws-made-up"], ["goog4-hmac-sha256"]])
def test_schemes_that_carry_no_security_token(people: People, session: pb.SignedIn, schemes: list[str]) -> None:
    with failing() as failures:
        issue(people, session, allowed_schemes=schemes)
    assert failures[0].field == "allowed_schemes"


def test_a_policy_narrows_it(people: People, session: pb.SignedIn) -> None:
    given = issue(people, session, policy=keys_pb2.KeyPolicy(regions=["eu-west-1"]))
    assert verdict(people, at(given, people.clock())) == "OUT_OF_SCOPE"


def test_of_too_many_at_once_the_first_end(people: People, session: pb.SignedIn) -> None:
    """Whoever fetches new ones for each command is not refused, and what he leaves behind does not pile up."""
    given = []
    for _ in range(30):
        given.append(issue(people, session))
        people.clock.ahead += 1
    assert {verdict(people, at(one, people.clock())) for one in given} == {"verified"}
    newest = issue(people, session)
    assert verdict(people, at(given[0], people.clock())) == "KEY_REVOKED"
    assert {verdict(people, at(one, people.clock())) for one in [*given[1:], newest]} == {"verified"}


def test_those_that_expired_count_no_more(people: People, session: pb.SignedIn) -> None:
    lasting = issue(people, session)
    people.clock.ahead += 1
    for _ in range(29):
        issue(people, session, 60)
    people.clock.ahead += 61
    issue(people, session)
    assert verdict(people, at(lasting, people.clock())) == "verified"


def test_by_what_does_not_verify_none_are_issued(people: People, session: pb.SignedIn) -> None:
    assert reason(people.credentials(access_token="cstk_").refused) == "UNKNOWN"
    assert reason(people.credentials(session_id="A" * 24).refused) == "UNKNOWN"
    people.clock.ahead += 901
    assert reason(people.credentials(access_token=session.access_token.token).refused) == "OVER"
    people.sign_out(session_id=session.session.session_id)
    assert reason(people.credentials(session_id=session.session.session_id).refused) == "OVER"


def test_none_of_it_is_in_logs_or_in_the_trail(people: People, session: pb.SignedIn) -> None:
    given = issue(people, session)
    verdict(people, by_botocore(given))
    verdict(people, by_botocore(given, "another-security-token"))
    everywhere = people.log() + "".join(str(entry) for entry in people.audit())
    for secret in (given.secret, given.security_token, session.refresh_token, session.access_token.token):
        assert secret not in everywhere
        assert secret.rpartition("_")[2] not in everywhere
