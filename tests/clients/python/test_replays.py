"""Request ids, which tell the service a retry from a replay: made here, one for each request, the same on its retries."""

import grpc

from counterseal_client import Connection
from tests.clients.python.asking import Ask
from tests.clients.python.exchange import exchange, http_scope
from tests.clients.python.stub import StubService, verified


def test_each_request_has_an_id_of_its_own_and_keeps_it_on_retries(stub: StubService, ask: Ask) -> None:
    """The same request, sent twice by a client: the second one is a replay, and has to be told from a retry of the first."""
    stub.answer_in_turn(grpc.StatusCode.UNAVAILABLE, verified(), grpc.StatusCode.UNAVAILABLE, verified())
    for _ in range(2):
        ask(Connection(address=stub.address, timeout=60))
    ids = [message.request_id for message in stub.requests]
    assert len(ids) == 4
    assert all(len(request_id) >= 32 for request_id in ids)
    assert ids[0] == ids[1] != ids[2] == ids[3]


def test_the_middleware_takes_no_id_from_its_clients(stub: StubService) -> None:
    """Whoever replays a request would replay its X-Request-Id with it, and be taken for a retry."""
    names = (b"x-request-id", b"x-amzn-requestid", b"x-amz-request-id", b"x-correlation-id", b"request-id")
    theirs = [(name, b"chosen-by-the-client") for name in names]
    for _ in range(2):
        exchange(stub.address, http_scope(headers=theirs))
    ids = [message.request_id for message in stub.requests]
    assert len(set(ids)) == len(ids) == 2
    assert not any("chosen" in request_id for request_id in ids)
