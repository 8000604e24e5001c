"""The keys of an identity provider as they are kept: rotated, down, asked for by many, garbage."""

import io
import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from counterseal.server.errors import SignInUnavailable
from counterseal.server.sessions.jwks import FRESH_SECONDS, PACE_SECONDS, USABLE_SECONDS, Jwks
from counterseal.server.sessions.jwks_fetch import FetchFailed
from counterseal.server.telemetry.log import open_log
from tests.server.sessions.oidc_provider import Clock, Provider, jwk_of, private, provider, reply

OLD, NEW = private("p256", 1), private("p256", 2)


@pytest.fixture
def idp() -> Iterator[Provider]:
    with provider() as serving:
        serving.keys = [jwk_of(OLD, kid="old")]
        yield serving


class World:
    def __init__(self, idp: Provider, **more: Any) -> None:
        self.clock, self.stream = Clock(1000.0), io.StringIO()
        self.jwks = Jwks(idp.url, log=open_log("info", self.stream), clock=self.clock, **{"fetch_seconds": 60} | more)

    def kids(self, kid: str | None) -> list[str]:
        return [key.kid for key in self.jwks.find(kid)]

    def events(self) -> list[str]:
        return [json.loads(line)["event"] for line in self.stream.getvalue().splitlines()]


def _answering(body: bytes, code: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    return lambda handler: reply(handler, body, code, **headers)


def _down(handler: BaseHTTPRequestHandler) -> None:
    handler.connection.shutdown(socket.SHUT_RDWR)


def test_kept_for_ten_minutes(idp: Provider) -> None:
    world = World(idp)
    assert world.kids("old") == ["old"]
    world.clock.now += FRESH_SECONDS - 1
    assert world.kids("old") == ["old"]
    assert idp.asked == ["/keys?v=1"]
    # Then the provider is asked first: a key that it has withdrawn is good no more.
    idp.keys = [jwk_of(NEW, kid="new")]
    world.clock.now += 1
    assert world.kids("old") == []
    assert len(idp.asked) == 2
    assert world.events() == ["oidc_keys_read", "oidc_keys_read"]


def test_a_new_key_is_found_at_once_and_strangers_names_ask_rarely(idp: Provider) -> None:
    world = World(idp)
    world.kids("old")
    idp.keys.append(jwk_of(NEW, kid="new"))
    world.clock.now += PACE_SECONDS
    assert world.kids("new") == ["new"]
    assert len(idp.asked) == 2
    for number in range(200):
        assert world.kids(f"made-up-{number}") == []
        assert world.kids("old") == ["old"]
    assert len(idp.asked) == 2
    world.clock.now += PACE_SECONDS
    assert world.kids("made-up") == []
    assert len(idp.asked) == 3


def test_without_a_name_it_is_the_only_key(idp: Provider) -> None:
    world = World(idp)
    assert world.kids(None) == ["old"]
    idp.keys.append(jwk_of(NEW))
    assert World(idp).kids(None) == []
    assert World(idp).kids("") == [""]


def test_a_provider_that_is_down(idp: Provider) -> None:
    idp.answer = _down
    world = World(idp)
    for _ in range(3):
        with pytest.raises(SignInUnavailable):
            world.kids("old")
    assert len(idp.asked) == 1
    world.clock.now += 5
    idp.answer = None
    assert world.kids("old") == ["old"]
    assert world.events() == ["oidc_keys_unavailable", "oidc_keys_read"]


def test_what_is_cached_goes_on_for_a_day_and_no_longer(idp: Provider) -> None:
    world = World(idp)
    world.kids("old")
    idp.answer = _down
    world.clock.now += FRESH_SECONDS
    assert world.kids("old") == ["old"]
    last = json.loads(world.stream.getvalue().splitlines()[-1])
    assert (last["event"], last["level"]) == ("oidc_keys_unavailable", "warning")
    assert (last["cached_seconds"], last["going_on"], last["url"]) == (FRESH_SECONDS, True, idp.url)
    # Nobody knows whether there is such a key: no refusal.
    with pytest.raises(SignInUnavailable):
        world.kids("new")
    asked = len(idp.asked)
    assert world.kids("old") == ["old"]
    assert len(idp.asked) == asked
    world.clock.now = 1000 + USABLE_SECONDS - 1
    assert world.kids("old") == ["old"]
    world.clock.now += 1
    with pytest.raises(SignInUnavailable):
        world.kids("old")
    world.clock.now += PACE_SECONDS
    idp.answer = None
    assert world.kids("old") == ["old"]


def test_one_fetch_for_all_who_wait(idp: Provider) -> None:
    begun = threading.Event()

    def slowly(handler: BaseHTTPRequestHandler) -> None:
        begun.set()
        time.sleep(0.15)
        reply(handler, json.dumps({"keys": idp.keys}).encode())

    idp.answer = slowly
    inside: list[int] = []

    @contextmanager
    def aside() -> Iterator[None]:
        inside.append(1)
        yield

    world = World(idp, aside=aside)
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(world.kids, ["old"] * 8))
    assert found == [["old"]] * 8
    assert len(idp.asked) == 1
    assert begun.is_set()
    # Nobody keeps a permit to work while it waits.
    assert len(inside) >= 1


def test_a_crowd_does_not_take_all_threads(idp: Provider) -> None:
    go = threading.Event()

    def stuck(handler: BaseHTTPRequestHandler) -> None:
        go.wait(60)
        reply(handler, json.dumps({"keys": idp.keys}).encode())

    idp.answer = stuck
    world = World(idp)

    def one(_: int) -> bool:
        try:
            return world.kids("old") == ["old"]
        except SignInUnavailable:
            return False

    with ThreadPoolExecutor(40) as pool:
        found = [pool.submit(one, number) for number in range(40)]
        until = time.monotonic() + 50
        while sum(future.done() for future in found) < 24 and time.monotonic() < until:
            time.sleep(0.01)
        refused = [future for future in found if future.done()]
        assert len(refused) == 24
        assert not any(future.result() for future in refused)
        go.set()
    assert sum(future.result() for future in found) == 16


def test_a_fetch_that_hangs_keeps_nobody_else_waiting(idp: Provider) -> None:
    hangs = threading.Event()
    waits: list[int] = []

    def fetching(url: str, *, seconds: float) -> bytes:
        hangs.wait(120)  # as a name server may
        raise FetchFailed("no answer")

    @contextmanager
    def aside() -> Iterator[None]:
        waits.append(1)
        yield

    world = World(idp, fetching=fetching, aside=aside, fetch_seconds=1)
    try:
        with pytest.raises(SignInUnavailable):
            world.kids("old")
        world.clock.now += 1
        begun = time.monotonic()
        for _ in range(60):
            with pytest.raises(SignInUnavailable):
                world.kids("old")
        assert time.monotonic() - begun < 30  # half of what it takes if each of them waits
        assert len(waits) == 1
    finally:
        hangs.set()


def test_a_bug_is_an_outage_and_is_asked_again(idp: Provider) -> None:
    calls: list[str] = []

    def fetching(url: str, *, seconds: float) -> bytes:
        calls.append(url)
        if len(calls) == 1:
            raise RuntimeError("secret text")
        return json.dumps({"keys": idp.keys}).encode()

    world = World(idp, fetching=fetching)
    with pytest.raises(SignInUnavailable):
        world.kids("old")
    world.clock.now += 5
    assert world.kids("old") == ["old"]
    assert "secret text" not in world.stream.getvalue()


def test_garbage_leaves_the_cache_alone(idp: Provider) -> None:
    world = World(idp)
    world.kids("old")
    idp.answer = _answering(b"<html>down for maintenance</html>")
    world.clock.now += FRESH_SECONDS
    assert world.kids("old") == ["old"]
    assert "maintenance" not in world.stream.getvalue()


def test_a_private_key_in_the_set_is_an_alarm(idp: Provider) -> None:
    idp.keys.append(jwk_of(NEW, kid="leaked", d="AAAA"))
    world = World(idp)
    assert world.kids("leaked") == []
    assert world.events() == ["oidc_keys_read", "oidc_private_key_published"]
