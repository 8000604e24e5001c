"""What the kernel does with listeners that leave a port."""

import contextlib
import socket
import sys
import threading
import time
from collections.abc import Iterator

import pytest

from counterseal.server.settings import Address
from counterseal.server.supervisor import leaving
from counterseal.server.supervisor.leaving import count_connections, join_port, leave_port, wait_until_alone
from counterseal.server.supervisor.port import reserve

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="listeners are led by BPF on Linux alone")
CONNECTIONS = 40


def _listen(port: int) -> socket.socket:
    made = socket.socket()
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    made.bind(("127.0.0.1", port))
    made.listen(2 * CONNECTIONS)
    made.setblocking(False)
    return made


def _accept(listener: socket.socket) -> list[socket.socket]:
    found = []
    with contextlib.suppress(BlockingIOError):
        while True:
            found.append(listener.accept()[0])
    return found


def _accept_all(listeners: list[socket.socket], number: int) -> list[list[socket.socket]]:
    """Accept as many as there are, by listener: the last of them may be in the queue a moment after it is connected."""
    accepted: list[list[socket.socket]] = [[] for _ in listeners]
    end = time.monotonic() + 60
    while sum(map(len, accepted)) < number:
        assert time.monotonic() < end, "connections that nobody can accept"
        for place, listener in enumerate(listeners):
            accepted[place] += _accept(listener)
        time.sleep(0.001)
    return accepted


@pytest.fixture
def port() -> Iterator[int]:
    held = reserve(Address(host="127.0.0.1", port=0))
    yield held.address.port
    held.close()


def _connect(port: int) -> list[socket.socket]:
    return [socket.create_connection(("127.0.0.1", port), timeout=30) for _ in range(CONNECTIONS)]


def _close(*sockets: socket.socket) -> None:
    for one in sockets:
        one.close()


def _spread(port: int, listeners: list[socket.socket]) -> list[int]:
    connected = _connect(port)
    accepted = _accept_all(listeners, CONNECTIONS)
    _close(*connected, *(one for some in accepted for one in some))
    return [len(some) for some in accepted]


def test_new_connections_are_led_to_those_that_stay(port: int) -> None:
    """And are led nowhere any more once the others are gone, or somebody joins."""
    listeners = [_listen(port) for _ in range(4)]
    assert sum(map(bool, _spread(port, listeners))) > 1
    assert leaving._run(listeners[0].fileno(), leaving._SO_ATTACH_REUSEPORT_CBPF, leaving._choose(2))
    assert _spread(port, listeners) == [0, 0, CONNECTIONS, 0]
    _close(listeners.pop(0))
    # The last has taken the place of the first; the third place is still a new one's.
    assert _spread(port, listeners) in ([0, CONNECTIONS, 0], [0, 0, CONNECTIONS])
    _close(listeners.pop(0))
    assert all(_spread(port, listeners))
    listeners.append(_listen(port))
    assert sum(map(bool, _spread(port, listeners))) == 1
    join_port(port)
    assert sum(map(bool, _spread(port, listeners))) > 1
    _close(*listeners)


def test_whoever_is_not_heard_asks_again(port: int) -> None:
    """Without a listener to lead to, no connection is reset: the system's own second attempt finds another listener."""
    old, staying = _listen(port), _listen(port)
    assert leaving._run(old.fileno(), leaving._SO_ATTACH_FILTER, leaving._DROP_SYN)
    connected: list[socket.socket] = []
    asking = threading.Thread(target=lambda: connected.extend(_connect(port)))
    asking.start()
    time.sleep(0.3)  # the first attempts are lost by now; if they are not yet, later ones find the other listener at once
    assert not _accept(old)
    old.close()
    asking.join()
    assert len(connected) == CONNECTIONS
    (accepted,) = _accept_all([staying], CONNECTIONS)
    assert len(accepted) == CONNECTIONS
    _close(staying, *connected, *accepted)


def test_leaving_keeps_connections_and_takes_no_new_ones(port: int) -> None:
    listener = _listen(port)
    assert leaving._waiting(listener.fileno()) == 0
    connected = socket.create_connection(("127.0.0.1", port), timeout=30)
    end = time.monotonic() + 60
    while leaving._waiting(listener.fileno()) != 1:
        assert time.monotonic() < end
        time.sleep(0.001)
    # Not before the one in the queue was accepted.
    leaver = threading.Thread(target=leave_port, args=(port,))
    leaver.start()
    leaver.join(0.5)
    assert leaver.is_alive()
    (accepted,) = _accept(listener)
    leaver.join()
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.1", port), timeout=30)
    accepted.sendall(b"still here")
    assert connected.recv(20) == b"still here"
    # Both ends of it are in this process, and one of them is on the port.
    assert count_connections(port) == 1
    assert not wait_until_alone(port, age=0, grace=0, hurry=lambda: False)
    assert not wait_until_alone(port, age=3600, grace=0, hurry=lambda: True)
    accepted.close()
    assert wait_until_alone(port, age=3600, grace=0, hurry=lambda: False)
    _close(listener, connected)
