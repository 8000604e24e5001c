"""Refresh: a token is good once, and whoever shows it twice ends the session, but for a client that lost its answer."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.server.sessions.refresh_tokens import new_refresh_token, read_refresh_token
from counterseal.v1 import principals_pb2 as ppb
from tests.server.calls import failing, outcome
from tests.server.sessions.people import People, public, reason


def test_the_tokens_before_end_at_once(people: People) -> None:
    first = people.sign_in()
    assert people.verify_token(first.access_token.token) == "verified"
    second = people.refresh(first.refresh_token)
    assert second.access_token.key_id == first.access_token.key_id
    assert second.refresh_token != first.refresh_token
    assert people.verify_token(first.access_token.token) == "MISMATCH"
    assert people.verify_token(second.access_token.token) == "verified"
    assert second.session.idle_expire_time.ToNanoseconds() > first.session.idle_expire_time.ToNanoseconds()
    assert second.session.expire_time == first.session.expire_time


def test_the_bearer_token_ends_also_where_none_is_wished_for(people: People) -> None:
    first = people.sign_in()
    second = people.refresh(first.refresh_token, access_token=False)
    assert not second.HasField("access_token")
    assert people.verify_token(first.access_token.token) == "MISMATCH"
    third = people.refresh(second.refresh_token)
    assert people.verify_token(third.access_token.token) == "verified"
    assert people.verify_token(first.access_token.token) == "MISMATCH"


def test_a_session_without_a_bearer_token_gets_one_when_it_asks(people: People) -> None:
    first = people.sign_in(access_token=False)
    assert not first.HasField("access_token")
    second = people.refresh(first.refresh_token)
    assert people.verify_token(second.access_token.token) == "verified"


@pytest.mark.parametrize("request_id", ["", "another"])
def test_a_token_that_was_used_before_ends_the_session(people: People, request_id: str) -> None:
    first = people.sign_in()
    second = people.refresh(first.refresh_token, "one")
    assert reason(people.try_refresh(first.refresh_token, request_id).refused) == "REUSED"
    # Thief and victim alike are out.
    assert people.verify_token(second.access_token.token) == "KEY_REVOKED"
    assert reason(people.try_refresh(second.refresh_token).refused) == "OVER"
    (ended,) = people.listed(include_over=True)
    assert (ended.end_reason, ended.session_id) == ("refresh token reused", first.session.session_id)
    assert people.listed() == []


def test_a_token_from_long_ago_ends_the_session_too(people: People) -> None:
    first = people.sign_in()
    token = first.refresh_token
    for number in range(3):
        token = people.refresh(token, f"turn-{number}").refresh_token
    assert reason(people.try_refresh(first.refresh_token, "turn-0").refused) == "REUSED"
    assert reason(people.try_refresh(token).refused) == "OVER"


def test_an_answer_that_got_lost_is_asked_for_again(people: People) -> None:
    first = people.sign_in()
    lost = people.refresh(first.refresh_token, "one")
    again = people.refresh(first.refresh_token, "one")
    assert again.session.session_id == first.session.session_id
    assert people.verify_token(lost.access_token.token) == "MISMATCH"
    assert people.verify_token(again.access_token.token) == "verified"
    # That answer may get lost as well.
    third = people.refresh(first.refresh_token, "one")
    assert people.verify_token(people.refresh(third.refresh_token, "two").access_token.token) == "verified"


def test_the_tokens_of_the_lost_answer_are_good_for_nothing(people: People) -> None:
    first = people.sign_in()
    lost = people.refresh(first.refresh_token, "one")
    again = people.refresh(first.refresh_token, "one")
    assert reason(people.try_refresh(lost.refresh_token, "two").refused) == "REUSED"
    assert reason(people.try_refresh(again.refresh_token).refused) == "OVER"


def test_after_a_minute_nobody_asks_again_and_asking_does_not_make_it_longer(people: People) -> None:
    people.clock.stop()
    first = people.sign_in()
    people.refresh(first.refresh_token, "one")
    people.clock.ahead += 40
    people.refresh(first.refresh_token, "one")
    people.clock.ahead += 25
    assert reason(people.try_refresh(first.refresh_token, "one").refused) == "REUSED"


def test_two_at_once_with_one_token_end_the_session_and_with_one_request_id_do_not(people: People) -> None:
    for request_ids, together in ((("a", "b"), {"signed_in", "refused"}), (("c", "c"), {"signed_in"})):
        first = people.sign_in()
        with ThreadPoolExecutor(2) as pool:
            answers = list(pool.map(people.try_refresh, [first.refresh_token] * 2, request_ids))
        assert {str(answer.WhichOneof("outcome")) for answer in answers} == together
        verified = [
            people.verify_token(answer.signed_in.access_token.token)
            for answer in answers
            if answer.WhichOneof("outcome") == "signed_in"
        ]
        assert sorted(verified) == (["KEY_REVOKED"] if "refused" in together else ["MISMATCH", "verified"])


def test_a_made_up_token_ends_nothing(people: People) -> None:
    """Whoever knows a session's id alone can end no session with it."""
    first = people.sign_in()
    for made_up in (
        new_refresh_token(first.session.session_id).text,
        first.refresh_token[:-1] + ("0" if first.refresh_token[-1] != "0" else "1"),
        new_refresh_token("A" * 24).text,
        first.access_token.token,
        "csrt_",
        "",
    ):
        assert reason(people.try_refresh(made_up, "one").refused) == "UNKNOWN"
        assert reason(people.sign_out(refresh_token=made_up or "x").refused) == "UNKNOWN"
    assert people.verify_token(first.access_token.token) == "verified"
    assert people.refresh(first.refresh_token).session.session_id == first.session.session_id


def test_no_refreshing_after_the_idle_time_or_the_end(people: People) -> None:
    people.clock.stop()
    first = people.sign_in()
    people.clock.ahead += 3599
    second = people.refresh(first.refresh_token)
    people.clock.ahead += 3601
    assert people.verify_token(second.access_token.token) == "KEY_EXPIRED"
    assert reason(people.try_refresh(second.refresh_token).refused) == "OVER"
    assert people.listed() == []
    token = people.sign_in().refresh_token
    for _ in range(12):
        people.clock.ahead += 3590
        token = people.refresh(token).refresh_token
    people.clock.ahead += 200
    assert reason(people.try_refresh(token).refused) == "OVER"


def test_nothing_lives_longer_than_the_session(people: People) -> None:
    people.clock.stop()
    first = people.sign_in()
    for _ in range(12):
        people.clock.ahead += 3580
        first = people.refresh(first.refresh_token, public_key=public(ec.generate_private_key(ec.SECP256R1())))
    end = first.session.expire_time.ToNanoseconds()
    assert first.session.idle_expire_time.ToNanoseconds() == end
    assert first.access_token.expire_time.ToNanoseconds() == end
    assert first.key.expire_time.ToNanoseconds() == end


def test_a_public_key_is_prolonged_and_keeps_its_id(people: People) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    first = people.sign_in(access_token=False, public_key=public(key))
    people.clock.ahead += 1800
    second = people.refresh(first.refresh_token, access_token=False, public_key=public(key))
    assert second.key.key_id == first.key.key_id
    assert second.key.expire_time.ToNanoseconds() > first.key.expire_time.ToNanoseconds()
    people.clock.ahead += 2000
    assert outcome(people.verify_signed(key, first.key.key_id)) == "verified"


def test_a_principal_that_may_not_sign_in_does_not_refresh(people: People) -> None:
    first = people.sign_in()
    change = ppb.UpdatePrincipalRequest(principal=ppb.Principal(name="alice", state=ppb.PRINCIPAL_STATE_DISABLED))
    change.principal.tenant = "default"
    change.update_mask.paths.append("state")
    people.principals.UpdatePrincipal(change, metadata=people.admin)
    assert reason(people.try_refresh(first.refresh_token).refused) == "OVER"
    assert people.verify_token(first.access_token.token) == "KEY_REVOKED"
    assert reason(people.try_sign_in().refused) == "CREDENTIALS"


def test_a_bearer_token_that_an_administrator_revoked_is_not_replaced(people: People) -> None:
    first = people.sign_in()
    people.client.revoke(first.access_token.key_id)
    assert reason(people.try_refresh(first.refresh_token).refused) == "OVER"


def test_a_request_id_keeps_to_its_grammar(people: People) -> None:
    first = people.sign_in()
    with failing() as failures:
        people.try_refresh(first.refresh_token, "line\nbreak")
    assert failures[0].field == "request_id"
    assert people.refresh(first.refresh_token)


def test_the_parts_of_a_refresh_token() -> None:
    token = new_refresh_token("A2B3C4D5E6F7G2H3I4J5K6L7")
    read = read_refresh_token(token.text)
    assert read == token
    assert (len(token.text), token.text[:30]) == (101, "csrt_A2B3C4D5E6F7G2H3I4J5K6L7_")
    following = new_refresh_token(token.session_id, token.family)
    assert following.family_sha256 == token.family_sha256
    assert following.sha256 != token.sha256
    assert token.text not in repr(token)
