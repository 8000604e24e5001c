"""One row of a table of attacks: a name, the one thing that is changed, the reason it is refused for."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from counterseal.core.model import HttpRequest, Key, Reason, Rejected, Verified
from tests.core.subjects import KEY, NOW, verdict


class Attack(NamedTuple):
    """`change` turns a request that verifies into one that must not."""

    name: str
    change: Callable[[HttpRequest], HttpRequest]
    reason: Reason


def rows(table: Sequence[Any]) -> pytest.MarkDecorator:
    """Parametrize a test over a table, each row named."""
    names = [row[0] for row in table]
    assert len(names) == len(set(names)), "two rows of one name"
    return pytest.mark.parametrize("row", table, ids=names)


def refused(base: HttpRequest, row: Attack, *, key: Key = KEY, now: float = NOW) -> None:
    """Show that `base` verifies, and that it does not any more after the one change."""
    assert isinstance(verdict(base, key=key, now=now), Verified)
    changed = row.change(base)
    assert changed != base, "the change changes nothing"
    found = verdict(changed, key=key, now=now)
    assert isinstance(found, Rejected), "verified in spite of the change"
    assert found.reason is row.reason, found
