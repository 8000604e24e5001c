"""What is taken, asked for again and again: that keeps nobody from changing, or revoking, what is there."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Final

from counterseal.core.model import KeyState
from counterseal.server.errors import CallerExists, KeyExists, PrincipalExists, ServiceError
from counterseal.server.store.keystore import KeyStore
from tests.store import caller_samples, samples, session_samples

CHANGES: Final = 8
# One less than there are connections for changes, and never all the time: whoever waits for one of those is another matter.
ASKING: Final = 3
PAUSE: Final = 0.002


@contextmanager
def asked_for(ask: Callable[[], object], refusal: type[ServiceError]) -> Iterator[None]:
    """Have several threads ask for what is taken, meanwhile; all of them are told so, and nothing else."""
    ended, others = threading.Event(), list[BaseException]()

    def again_and_again() -> None:
        while not ended.wait(PAUSE):
            try:
                ask()
            except refusal:
                continue
            except BaseException as error:
                others.append(error)
            return

    threads = [threading.Thread(target=again_and_again) for _ in range(ASKING)]
    for thread in threads:
        thread.start()
    try:
        yield
    finally:
        ended.set()
        for thread in threads:
            thread.join()
    assert others == []


def test_a_key_id(store: KeyStore) -> None:
    store.insert(samples.stored(), samples.entry())
    with asked_for(lambda: store.insert(samples.stored(), samples.entry()), KeyExists):
        for number in range(CHANGES):
            found = store.change("key-1", partial(samples.moved, description=str(number)))
            assert found is not None
            assert found.description == str(number)
        revoked = store.change("key-1", partial(samples.moved, state=KeyState.REVOKED))
        assert revoked is not None
        assert revoked.state is KeyState.REVOKED


def test_a_callers_name(store: KeyStore) -> None:
    callers = caller_samples.caller_store(store)
    caller_samples.add(callers, caller_samples.caller())
    # The same name, and nothing else that is taken.
    same = caller_samples.caller(san="spiffe://mesh/another")
    with asked_for(lambda: caller_samples.add(callers, same), CallerExists):
        for number in range(CHANGES):
            found = callers.change("edge", partial(caller_samples.changed, description=str(number)))
            assert found is not None
            assert found.description == str(number)
        assert callers.delete("edge", caller_samples.leaving("edge"))


def test_a_principals_name(store: KeyStore) -> None:
    principals = session_samples.principal_store(store)
    session_samples.add_principal(principals, session_samples.principal())
    with asked_for(lambda: session_samples.add_principal(principals, session_samples.principal()), PrincipalExists):
        for number in range(CHANGES):
            found = principals.change("acme", "ada", partial(session_samples.changed, description=str(number)))
            assert found is not None
            assert found.description == str(number)
