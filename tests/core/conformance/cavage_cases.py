"""The cases of draft-cavage and its dialects, and of a configured one."""

from counterseal.conformance import Sample, SchemeCase, symmetric_signer
from counterseal.core.model import KeyKind
from counterseal.core.schemes.cavage import CAVAGE, CAVAGE_APISIX, CAVAGE_KONG, Cavage, from_options
from tests.core.conformance.keys import key_pair
from tests.core.conformance.requests import NOW, READ, REPEATED, UPLOAD

# What every sample covers beyond the default, so that each header of the request counts.
_ALL = "content-type x-amz-acl digest"


def _target(scheme: Cavage) -> str:
    return next(iter(scheme.dialect.targets)).decode()


def _symmetric(scheme: Cavage) -> list[Sample]:
    signer = symmetric_signer(scheme.name)
    target = _target(scheme)
    samples = [
        Sample(name="default", request=UPLOAD, signer=signer),
        Sample(name="read", request=READ, signer=signer),
        Sample(
            name="everything", request=UPLOAD, signer=signer, options={"headers": f"{target} host date {_ALL}", **_hmac(scheme)}
        ),
        Sample(name="x-date", request=READ, signer=signer, options={"headers": f"x-date host {target}", **_hmac(scheme)}),
    ]
    if scheme.dialect.joins_repeats:
        samples.append(
            Sample(
                name="repeats",
                request=REPEATED,
                signer=signer,
                options={"headers": f"{target} (created) host x-note content-type digest", "field": "signature"},
            )
        )
    if b"request-line" in scheme.dialect.targets:
        options = {"headers": "request-line date host digest", **_hmac(scheme)}
        samples.append(Sample(name="request line", request=UPLOAD, signer=signer, options=options))
    return samples


def _hmac(scheme: Cavage) -> dict[str, str]:
    return {"algorithm": "hmac-sha512" if b"hmac-sha512" in scheme.dialect.algorithms else "hmac-sha256"}


def _public(scheme: Cavage) -> list[Sample]:
    if KeyKind.PUBLIC not in scheme.key_kinds:
        return []
    named = {"ed25519": "ed25519", "ecdsa-p256-sha256": "ecdsa-sha256", "rsa-v1_5-sha256": "rsa-sha256"}
    samples = [
        Sample(name=algorithm, request=UPLOAD, signer=key_pair(scheme.name, algorithm), options={"algorithm": name})
        for algorithm, name in named.items()
    ]
    for algorithm in ("ecdsa-p384-sha384", "rsa-pss-sha512", "ed25519"):
        options = {"algorithm": "hs2019", "expires": "300"}
        samples.append(
            Sample(name=f"{algorithm}, hs2019", request=UPLOAD, signer=key_pair(scheme.name, algorithm), options=options)
        )
    return samples


_CONFIGURED = from_options(
    "acme-draft",
    {"dialect": "draft-12", "word": "AcmeSig", "key_parameter": "client", "algorithms": ["hmac-sha256", "ed25519"]},
)


def _configured(scheme: Cavage) -> SchemeCase:
    signer = symmetric_signer(scheme.name)
    options = {"algorithm": "hmac-sha256"}
    samples = (
        Sample(name="secret", request=UPLOAD, signer=signer, options=options),
        Sample(name="read", request=READ, signer=signer, options=options),
        Sample(name="key pair", request=UPLOAD, signer=key_pair(scheme.name, "ed25519"), options={"algorithm": "ed25519"}),
    )
    return SchemeCase(scheme=scheme, samples=samples, now=NOW)


def cavage_cases() -> tuple[SchemeCase, ...]:
    cases = tuple(
        SchemeCase(scheme=scheme, samples=(*_symmetric(scheme), *_public(scheme)), now=NOW)
        for scheme in (CAVAGE, CAVAGE_APISIX, CAVAGE_KONG)
    )
    return (*cases, _configured(_CONFIGURED))
