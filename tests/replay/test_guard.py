"""What the guard lets pass, once or more often, and what it says when it does not know."""

from dataclasses import replace

import pytest

from counterseal.core.model import HttpRequest, Key, Reason, Rejected, StringToSignSubject
from counterseal.core.policy import ReplayPolicy
from counterseal.core.schemes import aws_sigv4
from counterseal.server.errors import ReplayGuardUnavailable
from counterseal.server.replay.memories import Answer, Memory, Use
from counterseal.server.replay.memory import LocalMemory
from counterseal.server.replay.policy import CLOCKS_APART, TIMELESS
from counterseal.server.verifier import Asking
from tests.replay.guarding import KEY, World, key, put, world
from tests.replay.worlds import BEGAN, Clock

NOW = BEGAN + 100
ONCE, ALWAYS = ReplayPolicy.SINGLE_USE, ReplayPolicy.REUSABLE


def refused(found: Rejected | None) -> bool:
    assert found is None or found.reason is Reason.REPLAYED
    return found is not None


def test_a_second_use_is_replayed() -> None:
    here = world(clock=Clock(NOW))
    request = put(NOW)
    assert here.ask(request) is None
    assert refused(here.ask(request))
    assert refused(here.ask(request, request_id="r-1"))
    assert here.ask(put(NOW + 1)) is None
    assert here.counts.outcomes == ["first", "replayed", "replayed", "first"]
    assert len(here.counts.times) == 4


def test_the_same_request_id_of_the_same_caller_gets_the_same_answer() -> None:
    here = world(clock=Clock(NOW))
    request = put(NOW)
    for _ in range(3):
        assert here.ask(request, request_id="r-1") is None
    assert refused(here.ask(request, request_id="r-2"))
    assert refused(here.ask(request, request_id="r-2"))
    assert refused(here.ask(request, request_id="r-1", caller="other"))
    assert refused(here.ask(request))
    assert here.ask(request, request_id="r-1") is None
    assert here.counts.outcomes.count("repeat_of_same_request") == 3


def test_a_request_id_vouches_for_no_other_request() -> None:
    here = world(clock=Clock(NOW))
    assert here.ask(put(NOW), request_id="r-1") is None
    assert here.ask(put(NOW + 1), request_id="r-1") is None
    assert refused(here.ask(put(NOW + 1), request_id="r-2"))


@pytest.mark.parametrize("method", [b"GET", b"HEAD", b"OPTIONS"])
def test_methods_that_change_nothing_are_exempt(method: bytes) -> None:
    here = world(clock=Clock(NOW))
    request = put(NOW, method=method)
    assert [here.ask(request) for _ in range(3)] == [None] * 3
    assert here.counts.outcomes == ["exempt"] * 3


@pytest.mark.parametrize("method", [b"POST", b"PUT", b"DELETE", b"PATCH", b"GETX", b"TRACE"])
def test_other_methods_are_not(method: bytes) -> None:
    here = world(clock=Clock(NOW))
    request = put(NOW, method=method)
    assert here.ask(request) is None
    assert refused(here.ask(request))


def test_no_method_is_exempt_when_none_is_configured() -> None:
    here = world(clock=Clock(NOW), exempt_methods=())
    request = put(NOW, method=b"GET")
    assert here.ask(request) is None
    assert refused(here.ask(request))


def test_a_method_counts_only_where_it_is_signed() -> None:
    """A webhook covers its body: sent as a GET, it is the same delivery."""
    here = world(clock=Clock(NOW))
    known = key(ReplayPolicy.DEFAULT, "slack")
    event = put(NOW, method=b"POST", scheme="slack")
    assert here.ask(event, known) is None
    assert refused(here.ask(replace(event, method=b"GET"), known))


def test_presigned_requests_are_made_to_be_used_more_than_once() -> None:
    here = world(clock=Clock(NOW))
    for scheme in ("aws-sigv4", "aws-sigv2"):
        request = put(NOW, scheme=scheme, expires="3600")
        assert [here.ask(request) for _ in range(2)] == [None] * 2
    assert here.counts.outcomes == ["exempt"] * 4


def test_keys_for_one_use_have_no_exemptions() -> None:
    here = world(clock=Clock(NOW), exempt_schemes=("aws-sigv4", "aws-sigv2"))
    for request in (put(NOW), put(NOW, method=b"GET"), put(NOW, expires="3600"), put(NOW, scheme="aws-sigv2", expires="60")):
        known = key(ONCE, "aws-sigv2" if b"Expires=" in request.target and b"Amz" not in request.target else "aws-sigv4")
        assert here.ask(request, known) is None
        assert refused(here.ask(request, known))


def test_keys_for_any_number_of_uses_are_never_asked_about() -> None:
    here = world(clock=Clock(NOW))
    request = put(NOW)
    assert [here.ask(request, key(ALWAYS)) for _ in range(3)] == [None] * 3
    # Nor was anything remembered.
    assert here.ask(request) is None


def test_exempt_schemes() -> None:
    here = world(clock=Clock(NOW), exempt_schemes=("rfc9421",))
    signed = put(NOW, scheme="rfc9421")
    assert [here.ask(signed) for _ in range(2)] == [None] * 2
    assert here.ask(put(NOW)) is None
    assert refused(here.ask(put(NOW)))


def test_off_remembers_nothing_and_refuses_keys_for_one_use() -> None:
    here = world(clock=Clock(NOW), off=True)
    request = put(NOW)
    assert [here.ask(request) for _ in range(2)] == [None] * 2
    assert here.ask(request, key(ALWAYS)) is None
    for single in (request, put(NOW, method=b"GET"), put(NOW, expires="60")):
        with pytest.raises(ReplayGuardUnavailable, match="REPLAY=off"):
            here.ask(single, key(ONCE))
    assert here.counts.outcomes.count("unavailable") == 3
    assert "first" not in here.counts.outcomes


def as_string(request: HttpRequest, *, valid_for: int | None = None) -> StringToSignSubject:
    claim = aws_sigv4.read_claim(request)
    assert claim.scope is not None
    return StringToSignSubject(
        scheme="aws-sigv4",
        credential=f"{claim.key_id}/{claim.scope.text()}".encode(),
        string_to_sign=aws_sigv4.string_to_sign(claim, aws_sigv4.canonical_request(claim)),
        signature=claim.signature,
        valid_for=valid_for,
    )


def test_a_string_to_sign_is_the_request_that_it_came_from() -> None:
    here = world(clock=Clock(NOW))
    assert here.ask(put(NOW)) is None
    assert refused(here.ask(as_string(put(NOW))))


def test_a_string_to_sign_shows_no_method_so_none_is_exempt() -> None:
    here = world(clock=Clock(NOW))
    subject = as_string(put(NOW, method=b"GET"))
    assert here.ask(subject) is None
    assert refused(here.ask(subject))


def test_a_presigned_string_to_sign() -> None:
    here = world(clock=Clock(NOW))
    subject = as_string(put(NOW, expires="60"), valid_for=60)
    assert [here.ask(subject) for _ in range(2)] == [None] * 2
    assert here.ask(subject, key(ONCE)) is None
    assert refused(here.ask(subject, key(ONCE)))


class Asked:
    """A memory that keeps what it was asked."""

    def __init__(self) -> None:
        self.until: list[float] = []

    def use(self, mark: bytes, owner: bytes, *, until: float, now: float) -> Answer:
        self.until.append(until)
        return Answer(use=Use.FIRST, since=0)

    def tend(self, now: float) -> None: ...

    def close(self) -> None: ...


def test_a_use_is_remembered_for_as_long_as_the_signature_can_verify() -> None:
    asked = Asked()
    here = world(asked, clock=Clock(NOW))
    here.ask(put(NOW - 10))
    here.ask(put(NOW + 60))
    here.ask(put(NOW, expires="3600"), key(ONCE))
    here.ask(put(NOW, scheme="aws-sigv2", expires="3600"), key(ONCE, "aws-sigv2"))
    here.ask(put(NOW, scheme="rfc9421", expires="30"))
    ends = [NOW - 10 + 900, NOW + 60 + 900, NOW + 3600, NOW + 3600, NOW + 900]
    assert asked.until == [end + CLOCKS_APART for end in ends]


def test_an_end_that_is_not_signed_is_not_when_a_use_is_forgotten() -> None:
    """Whoever captured the request takes such an end away, and the signature goes on to verify."""
    here, known = world(clock=Clock(NOW)), key(ReplayPolicy.DEFAULT, "cavage")
    request = put(NOW, scheme="cavage")
    ends_soon = replace(
        request, headers=tuple((n, v + b",expires=%d" % (NOW + 10) if n == b"authorization" else v) for n, v in request.headers)
    )
    assert here.ask(ends_soon, known) is None
    assert refused(here.ask(request, known))
    here.clock.now = NOW + 10 + CLOCKS_APART + 10
    assert refused(here.ask(request, known))


def test_a_signature_without_time_and_end_is_remembered_for_a_day_and_for_one_use_for_good() -> None:
    asked = Asked()
    here = world(asked, clock=Clock(NOW))
    event = put(NOW, scheme="github")
    here.ask(event, key(ReplayPolicy.DEFAULT, "github"))
    here.ask(event, key(ONCE, "github"))
    here.ask(event, replace(key(ONCE, "github"), expires=NOW + 1000))
    assert asked.until[0] == NOW + TIMELESS
    assert asked.until[1] > NOW + 9 * 365 * TIMELESS
    assert asked.until[2] == asked.until[1]  # an update may move the key's own end


@pytest.mark.parametrize("scheme", ["aws-sigv4", "aws-sigv2"])
def test_whoever_slept_past_the_end_of_the_window_does_not_know(scheme: str) -> None:
    """A process that was stopped while it worked: what others used is forgotten by the time that it asks."""
    here, known = world(clock=Clock(NOW)), key(ONCE, scheme)
    request = put(NOW, scheme=scheme, expires="100")
    claim, verdict = here.verified(request, known)
    assert here.ask(request, known) is None
    here.clock.now = NOW + 100 + CLOCKS_APART
    assert refused(here.guard.admit(claim, request, verdict, Asking()))
    here.clock.now += 1
    with pytest.raises(ReplayGuardUnavailable, match="window"):
        here.guard.admit(claim, request, verdict, Asking())
    assert here.counts.outcomes[-1] == "unavailable"


class Broken(Asked):
    def use(self, mark: bytes, owner: bytes, *, until: float, now: float) -> Answer:
        raise ReplayGuardUnavailable("down")


def test_a_memory_that_does_not_answer_is_no_rejection_and_no_pass() -> None:
    here = world(Broken(), clock=Clock(NOW))
    with pytest.raises(ReplayGuardUnavailable):
        here.ask(put(NOW))
    assert here.counts.outcomes == ["unavailable"]
    assert here.ask(put(NOW, method=b"GET")) is None
    assert here.ask(put(NOW), key(ALWAYS)) is None


def restarted(mode: str, *, now: float = BEGAN + 1000) -> World:
    """A guard whose memory began at BEGAN + 1000, at that time unless another is given."""
    memory: Memory = LocalMemory(entries=100, began=BEGAN + 1000)
    return world(memory, clock=Clock(now), cold_start=mode)


def unavailable(here: World, request: HttpRequest, known: Key = KEY, request_id: str = "") -> bool:
    """Say whether nobody knows about a request that is no replay."""
    try:
        found = here.ask(request, known, request_id=request_id)
    except ReplayGuardUnavailable:
        return True
    assert found is None
    return False


def test_what_was_signed_before_the_memory_began_may_have_been_used() -> None:
    here = restarted("refuse")
    assert unavailable(here, put(BEGAN + 999))
    here.clock.now = BEGAN + 1010
    assert not unavailable(here, put(BEGAN + 1003))
    assert unavailable(here, put(BEGAN + 1002))
    assert unavailable(here, put(BEGAN + 500), key(ONCE))
    assert unavailable(here, put(BEGAN + 900, expires="3600"), key(ONCE))
    assert not unavailable(here, put(BEGAN + 500, method=b"GET"))
    assert not unavailable(here, put(BEGAN + 900, expires="3600"))


def test_what_is_in_the_memory_is_replayed_however_old() -> None:
    here = restarted("refuse")
    assert unavailable(here, put(BEGAN + 999))
    assert refused(here.ask(put(BEGAN + 999)))


def test_a_repeat_of_a_request_that_was_refused_for_that_is_refused_again() -> None:
    here = restarted("refuse")
    assert unavailable(here, put(BEGAN + 999), request_id="r-1")
    assert unavailable(here, put(BEGAN + 999), request_id="r-1")


def test_accept_takes_the_risk() -> None:
    assert not unavailable(restarted("accept"), put(BEGAN + 500))


def test_strict_also_counts_clients_whose_clocks_are_ahead() -> None:
    """Signed 890 s ahead, and used just before the restart: the request is new again when everybody else's are."""
    here = restarted("strict", now=BEGAN + 1500)
    assert unavailable(here, put(BEGAN + 1890))
    here.clock.now = BEGAN + 1901
    assert unavailable(here, put(BEGAN + 1900))
    assert not unavailable(here, put(BEGAN + 1901))


def test_an_end_without_a_time_tells_when_it_was_used_at_the_earliest() -> None:
    here = restarted("refuse")
    known = key(ONCE, "aws-sigv2")
    assert unavailable(here, put(BEGAN + 1000, scheme="aws-sigv2", expires="3600"), known)
    here.clock.now = BEGAN + 1000 + 604_800
    assert unavailable(here, put(here.clock.now, scheme="aws-sigv2", expires="600"), known)
    assert not unavailable(here, put(here.clock.now, scheme="aws-sigv2", expires="1000"), known)


def test_without_time_and_end_only_the_strict_wait() -> None:
    event = put(NOW, scheme="github")
    known = key(ReplayPolicy.DEFAULT, "github")
    assert not unavailable(restarted("refuse"), event, known)
    here = restarted("strict")
    assert unavailable(here, event, known, request_id="r-1")
    here.clock.now += TIMELESS + 1
    assert not unavailable(here, put(NOW, scheme="github"), known)
