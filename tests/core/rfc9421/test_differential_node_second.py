"""npm's http-message-sig as the oracle: signed here and verified there, the other way round, and with one change.

It knows neither `sf`, `bs` and `tr` nor `@query-param`; what is left of the generated lists is compared.
"""

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from counterseal.core.model import HttpRequest
from counterseal.core.schemes.rfc9421 import parse_component
from tests.core.rfc9421.generating import Generated, changed, generate, names_of
from tests.core.rfc9421.making import ALGORITHMS, HMAC, NOW
from tests.core.rfc9421.test_differential_node import ask, digested, job, we_sign, we_verify

# The packages are fetched first.
pytestmark = pytest.mark.timeout(1800)
COUNT = 1000


def drawn(seed: int, algorithms: tuple[str, ...] = ALGORITHMS) -> Generated:
    made = generate(seed, algorithms)
    known = (text for text in made.components if not text.startswith('"@query-param"') and not text.endswith((";sf", ";bs")))
    return replace(made, components=tuple(known) or ('"@method"',))


def second(do: str, request: HttpRequest, made: Generated, **more: Any) -> dict[str, Any]:
    asked = job(do, request, made.algorithm, now=NOW, **more)
    lines = [(name.decode(), value.decode("latin-1")) for name, value in request.headers]
    message = asked["message"]
    return asked | {"raw": {**message, "target": request.target.decode(), "lines": lines}}


def test_what_is_signed_here_is_verified_there() -> None:
    made = [drawn(seed) for seed in range(5 * COUNT, 6 * COUNT)]
    answers = ask([second("verifySecond", we_sign(one), one, why=True) for one in made])
    assert [(one, answer) for one, answer in zip(made, answers, strict=True) if answer is not True] == []
    seen = Counter(name for one in made for name in (one.algorithm, *names_of(one)))
    print(f"{COUNT} requests signed here and verified by http-message-sig, 0 disagreements; covered: {dict(seen)}")
    assert set(ALGORITHMS) <= set(seen)


def test_what_is_signed_there_is_verified_here() -> None:
    made = [drawn(seed) for seed in range(6 * COUNT, 7 * COUNT)]
    requests, jobs = [digested(one) for one in made], []
    for one, request in zip(made, requests, strict=True):
        components = [parse_component(text) for text in one.components]
        stated: dict[str, str] = {name: one.options[name] for name in ("nonce", "tag") if name in one.options}
        stated |= {"alg": one.algorithm} if "alg" in one.options else {}
        listed = [(component.name, component.parameters.get("key")) for component in components]
        jobs.append(second("signSecond", request, one, components=listed, created=NOW, **stated))
    for one, request, fields in zip(made, requests, ask(jobs), strict=True):
        added = ((b"signature-input", fields["signatureInput"].encode()), (b"signature", fields["signature"].encode()))
        assert we_verify(replace(request, headers=(*request.headers, *added)), one), one
    print(f"{COUNT} requests signed by http-message-sig and verified here, 0 disagreements")


def test_a_change_is_seen_by_both_or_by_neither() -> None:
    made = [drawn(seed, (HMAC, "ed25519")) for seed in range(7 * COUNT, 8 * COUNT)]
    others = [changed(one, we_sign(one), seed) for seed, one in enumerate(made)]
    answers = ask([second("verifySecond", other, one) for one, other in zip(made, others, strict=True)])
    seen: Counter[bool] = Counter()
    for one, other, answer in zip(made, others, answers, strict=True):
        assert we_verify(other, one) is answer, (one, other)
        seen[answer] += 1
    print(f"{COUNT} requests with one change, 0 disagreements: {dict(seen)}")
    assert min(seen[True], seen[False]) > COUNT // 10
