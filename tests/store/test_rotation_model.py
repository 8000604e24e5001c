"""Rotations, changes and time in any order: what verifies is what a simple model says, and nothing else."""

import datetime as dt
import random

from counterseal.core.model import Key, KeyState
from counterseal.core.policy import KeyPolicy
from counterseal.core.secret_choice import older_secret
from counterseal.server.store.records import KeyChange, KeyDraft, RotateOrder
from tests.store.rig import Rig

STEPS = 60


class Model:
    """The secrets of a key by the rules alone: the newest, and the one before until its end."""

    def __init__(self, secret: str) -> None:
        self.all = [secret]
        self.end = 0.0

    def rotate(self, secret: str, end: float) -> None:
        self.all.append(secret)
        self.end = end

    def verifying(self, now: float) -> list[str]:
        return [self.all[-1], *(self.all[-2:-1] if now < self.end else [])]


def verifying(key: Key, now: float) -> list[str]:
    older = older_secret(key, now)
    return [held.secret.decode() for held in (key, older) if held is not None]


def test_what_verifies_is_what_the_rules_say(rig: Rig) -> None:
    choose = random.Random(47)
    issued = rig.issuer.issue(KeyDraft(), actor="me")
    key_id, model = issued.record.key_id, Model(issued.secret)
    last: RotateOrder | None = None
    for step in range(STEPS):
        action = choose.choice(["rotate", "rotate", "retry", "change", "disable", "wait", "wait long"])
        if action == "rotate":
            overlap = dt.timedelta(seconds=choose.choice([0, 10, 100, 1000]))
            last = RotateOrder(key_id=key_id, overlap=overlap, request_id=f"r-{step}")
            rotated = rig.issuer.rotate(last, actor="me")
            model.rotate(rotated.secret, rotated.previous_end.timestamp())
            asked = rig.clock.now
        elif action == "retry" and last is not None and rig.clock.now - asked < 600:
            assert rig.issuer.rotate(last, actor="me").secret == model.all[-1]
        elif action == "change":
            policy = KeyPolicy(methods=frozenset({f"M{step}"}) if choose.random() < 0.5 else frozenset())
            rig.issuer.update(KeyChange(key_id=key_id, etag="", mask=frozenset({"policy"}), policy=policy), actor="me")
        elif action == "disable":
            state = choose.choice([KeyState.ACTIVE, KeyState.DISABLED])
            rig.issuer.update(KeyChange(key_id=key_id, etag="", mask=frozenset({"state"}), state=state), actor="me")
        else:
            rig.clock.now += choose.choice([1, 10, 99]) * (10 if action == "wait long" else 1)
        if choose.random() < 0.3:
            rig.ring.evict(key_id)  # as if another replica were asked
        found = rig.ring.find(key_id)
        assert found is not None
        assert verifying(found.key, rig.clock.now) == model.verifying(rig.clock.now), action
        shown = rig.issuer.get(key_id)
        assert shown.secret_version == len(model.all)
        assert (shown.previous is not None) is (len(model.verifying(rig.clock.now)) == 2)
    assert len(model.all) > 10
