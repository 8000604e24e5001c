"""awscrt as a client: it signs a request, in a header or in the query, with either algorithm."""

import datetime as dt
import io
from dataclasses import dataclass

from awscrt import auth, http

from counterseal.core.model import HttpRequest

ALGORITHMS = {"aws-sigv4": auth.AwsSigningAlgorithm.V4, "aws-sigv4a": auth.AwsSigningAlgorithm.V4_ASYMMETRIC}
PLACES = {True: auth.AwsSignatureType.HTTP_REQUEST_QUERY_PARAMS, False: auth.AwsSignatureType.HTTP_REQUEST_HEADERS}


@dataclass(frozen=True, kw_only=True)
class Terms:
    """How to sign. `region` is a set of regions for `aws-sigv4a`. `stated` is the payload's value; None: its hash."""

    scheme: str
    key_id: str
    secret: str
    region: str
    service: str
    now: int
    token: str | None = None
    expires: int | None = None
    stated: str | None = None
    states_payload: bool = False


def sign(method: str, target: str, headers: list[tuple[str, str]], body: bytes, terms: Terms) -> HttpRequest:
    """Return the request as awscrt sends it."""
    request = http.HttpRequest(method, target, http.HttpHeaders(headers), io.BytesIO(body))
    is_s3 = terms.service.startswith("s3")
    stated = auth.AwsSignedBodyHeaderType.X_AMZ_CONTENT_SHA_256
    config = auth.AwsSigningConfig(
        algorithm=ALGORITHMS[terms.scheme],
        signature_type=PLACES[terms.expires is not None],
        credentials_provider=auth.AwsCredentialsProvider.new_static(terms.key_id, terms.secret, terms.token),
        region=terms.region,
        service=terms.service,
        date=dt.datetime.fromtimestamp(terms.now, dt.UTC),
        use_double_uri_encode=not is_s3,
        should_normalize_uri_path=not is_s3,
        signed_body_value=terms.stated,
        signed_body_header_type=stated if terms.states_payload else auth.AwsSignedBodyHeaderType.NONE,
        expiration_in_seconds=terms.expires,
    )
    auth.aws_sign_request(request, config).result(timeout=120)
    sent = tuple((name.lower().encode(), value.encode()) for name, value in request.headers)
    return HttpRequest(method=request.method.encode(), target=request.path.encode(), headers=sent, content=body)
