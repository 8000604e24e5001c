"""The case of RFC 9421: every algorithm, and components of every kind."""

from dataclasses import replace

from counterseal.conformance import Sample, SchemeCase, symmetric_signer
from counterseal.core.asymmetric import ALGORITHMS
from counterseal.core.model import Demand
from counterseal.core.schemes.rfc9421 import Rfc9421
from tests.core.conformance.keys import key_pair
from tests.core.conformance.requests import NOW, READ, REPEATED, UPLOAD

# Also with what a gateway must demand where it wants less than everything.
_FIELDS = '"@method" "@authority" "@path" "@query" "content-type" "x-note" "content-digest"'
_TARGET = '"@method" "@target-uri" "content-digest"'
_BYTES = '"@method" "@authority" "@request-target" "x-note";bs "content-digest"'
_PARAMETER = '"@method" "@authority" "@path" "@query-param";name="a" "content-digest"'
_SECURE = replace(REPEATED, scheme="https")


def rfc9421_case() -> SchemeCase:
    scheme = Rfc9421()
    signer = symmetric_signer(scheme.name)
    by_parameter = Demand(required_components=('"@method"', '"@query-param";name="a"'))
    by_target = Demand(required_components=('"@target-uri"',))
    by_bytes = Demand(required_components=('"@request-target"', '"x-note";bs'))
    samples = [
        Sample(name="default", request=UPLOAD, signer=signer),
        Sample(name="no body", request=READ, signer=signer),
        Sample(name="fields", request=REPEATED, signer=signer, options={"components": _FIELDS}),
        Sample(name="sha-512", request=UPLOAD, signer=signer, options={"digest": "sha-512", "alg": "yes"}),
        Sample(name="expires, nonce", request=UPLOAD, signer=signer, options={"expires": "60", "nonce": "n-1"}),
        Sample(
            name="tag, label", request=UPLOAD, signer=signer, options={"label": "mine", "tag": "app"}, demand=Demand(tag="app")
        ),
        Sample(name="target-uri", request=_SECURE, signer=signer, options={"components": _TARGET}, demand=by_target),
        Sample(name="request-target", request=REPEATED, signer=signer, options={"components": _BYTES}, demand=by_bytes),
        Sample(name="query-param", request=REPEATED, signer=signer, options={"components": _PARAMETER}, demand=by_parameter),
    ]
    for algorithm in sorted(ALGORITHMS):
        options = {"algorithm": algorithm} if algorithm.startswith("rsa") else {}
        samples.append(Sample(name=algorithm, request=UPLOAD, signer=key_pair(scheme.name, algorithm), options=options))
    return SchemeCase(scheme=scheme, samples=tuple(samples), now=NOW)
