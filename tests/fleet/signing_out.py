"""Sessions for a campaign: people sign in, use what the session gave them, and sign out."""

import random
import time
from collections.abc import Callable, Mapping

import grpc
from cryptography.hazmat.primitives import serialization as ser
from cryptography.hazmat.primitives.asymmetric import ec

from counterseal.core.model import HttpRequest
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Credentials, Signing
from counterseal.v1 import principals_pb2, principals_pb2_grpc, sessions_pb2, sessions_pb2_grpc
from counterseal.v1 import verification_pb2 as pb
from tests.fleet.campaign import Begin, Doomed, until
from tests.server.calls import Client, Issued, signed

PASSWORD = "a password for tests"
# Of one principal a hundred sessions live at once.
PEOPLE = 8
_REQUEST = HttpRequest(method=b"GET", target=b"/letters/a?b=1", headers=((b"host", b"api.example.com"),), content=b"")

Use = Callable[[sessions_pb2_grpc.SessionServiceStub, Client, sessions_pb2.SignedIn], Callable[[], pb.VerifyRequest]]


def name_of(number: int) -> str:
    return f"person-{number}"


def add_people(client: Client) -> None:
    people = principals_pb2_grpc.PrincipalServiceStub(client.channel)
    for number in range(PEOPLE):
        principal = principals_pb2.Principal(name=name_of(number))
        request = principals_pb2.CreatePrincipalRequest(principal=principal, password=PASSWORD)
        until(lambda request=request: _added(people, client, request))  # type: ignore[misc]


def _added(
    people: principals_pb2_grpc.PrincipalServiceStub, client: Client, request: principals_pb2.CreatePrincipalRequest
) -> bool:
    try:
        people.CreatePrincipal(request, metadata=client.admin)
    except grpc.RpcError as error:
        # It was, by a call whose answer did not come in time.
        if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
            raise
    return True


def signing_in(use: Use) -> Begin:
    """Return what begins sessions, each of which is used in this way and ended by SignOut."""

    def begin(client: Client, draw: random.Random) -> Doomed:
        stub = sessions_pb2_grpc.SessionServiceStub(client.channel)
        asked = sessions_pb2.SignInRequest(
            principal=name_of(draw.randrange(PEOPLE)),
            password=PASSWORD,
            access_token=True,
            client=sessions_pb2.ClientDetails(source_address=f"10.0.{draw.randrange(256)}.{draw.randrange(256)}"),
        )
        answer = stub.SignIn(asked, metadata=client.admin)
        assert answer.WhichOneof("outcome") == "signed_in", answer.refused.reason
        message, session_id = use(stub, client, answer.signed_in), answer.signed_in.session.session_id

        def end(admin: Client) -> int:
            ended = sessions_pb2_grpc.SessionServiceStub(admin.channel).SignOut(
                sessions_pb2.SignOutRequest(session_id=session_id), metadata=admin.admin
            )
            assert ended.WhichOneof("outcome") == "signed_out", ended.refused.reason
            return int(ended.signed_out.effective_time.ToNanoseconds())

        return Doomed(message, end)

    return begin


def _with_bearer(
    stub: sessions_pb2_grpc.SessionServiceStub, client: Client, held: sessions_pb2.SignedIn
) -> Callable[[], pb.VerifyRequest]:
    value = b"Bearer " + held.access_token.token.encode()
    return lambda: _message(HttpRequest(method=b"GET", target=_REQUEST.target, headers=((b"authorization", value),)))


def _with_registered_key(
    stub: sessions_pb2_grpc.SessionServiceStub, client: Client, held: sessions_pb2.SignedIn
) -> Callable[[], pb.VerifyRequest]:
    private = ec.generate_private_key(ec.SECP256R1())
    pem = private.public_key().public_bytes(ser.Encoding.PEM, ser.PublicFormat.SubjectPublicKeyInfo).decode()
    request = sessions_pb2.RegisterSessionKeyRequest(
        access_token=held.access_token.token, public_key=sessions_pb2.SessionPublicKey(pem=pem)
    )
    registered = stub.RegisterSessionKey(request, metadata=client.admin)
    assert registered.WhichOneof("outcome") == "key", registered.refused.reason
    secret = private.private_bytes(ser.Encoding.PEM, ser.PrivateFormat.PKCS8, ser.NoEncryption())
    credentials = Credentials(key_id=registered.key.key_id, private_key=secret)
    return lambda: _message(BUILT_IN["rfc9421"].sign(_REQUEST, credentials, Signing(now=int(time.time()))))


def _with_temporary_credentials(
    stub: sessions_pb2_grpc.SessionServiceStub, client: Client, held: sessions_pb2.SignedIn
) -> Callable[[], pb.VerifyRequest]:
    request = sessions_pb2.IssueTemporaryCredentialsRequest(access_token=held.access_token.token)
    answer = stub.IssueTemporaryCredentials(request, metadata=client.admin)
    assert answer.WhichOneof("outcome") == "credentials", answer.refused.reason
    issued = Issued(answer.credentials.key_id, answer.credentials.secret.encode(), answer.credentials.security_token)
    return lambda: signed(issued)


USES: Mapping[str, Use] = {
    "bearer token": _with_bearer,
    "registered key": _with_registered_key,
    "temporary credentials": _with_temporary_credentials,
}


def _message(request: HttpRequest) -> pb.VerifyRequest:
    return pb.VerifyRequest(
        http_request=pb.HttpRequest(
            method=request.method.decode(),
            target=request.target,
            content=request.content or b"",
            headers=[pb.Header(name=name.decode(), value=value) for name, value in request.headers],
        )
    )
