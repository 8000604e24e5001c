"""What a signature is computed over, step by step: where two sides disagree, these texts show the first difference.

None of them holds a secret, and the signature that they lead to cannot be computed without one.
"""

from typing import TYPE_CHECKING

import click

from counterseal.core.model import HttpRequest, Refusal

if TYPE_CHECKING:
    from counterseal.core.model import Claim


def echo_explanation(request: HttpRequest) -> None:
    """Print what a signed request's signature is computed over to standard error, or why there is nothing to print."""
    try:
        texts = [text for claim in _claims(request) for text in _texts(claim)]
        problem = "no signature that a built-in scheme reads, or a bearer token, which covers nothing"
    except Refusal as refusal:
        texts, problem = [], refusal.detail
    except ValueError as error:  # the body is part of the text, and was left out
        texts, problem = [], str(error)
    if not texts:
        click.echo(f"--- nothing to explain: {problem}", err=True)
        return
    for title, text in texts:
        click.echo(f"--- {title}", err=True)
        click.echo(_shown(text), err=True)
    click.echo("---", err=True)


def _claims(request: HttpRequest) -> list["Claim"]:
    """Return the claim of every built-in scheme that recognises the request. Raises Refusal."""
    from counterseal.core import http
    from counterseal.core.model import Demand
    from counterseal.core.schemes import BUILT_IN

    read = http.read_request(request)
    demand = Demand(key_id="any")  # webhooks name none; nothing is looked up
    return [scheme.read(read, demand) for scheme in BUILT_IN.values() if scheme.recognises(read)]


def _texts(claim: "Claim") -> list[tuple[str, bytes]]:
    """Return the steps by their titles.

    Raises:
        ValueError: the body is needed and was left out.
    """
    from counterseal.core.schemes.aws_sigv2 import SigV2Claim
    from counterseal.core.schemes.aws_sigv4 import SigV4Claim, canonical_request, string_to_sign
    from counterseal.core.schemes.cavage import CavageClaim
    from counterseal.core.schemes.rfc9421 import Rfc9421Claim
    from counterseal.core.schemes.webhooks import WebhookClaim

    match claim:
        case SigV4Claim():
            canonical = canonical_request(claim)
            return [("canonical request", canonical), ("string to sign", string_to_sign(claim, canonical))]
        case SigV2Claim():
            return [("string to sign", claim.strings_to_sign[0])]
        case CavageClaim():
            return [("string to sign", claim.strings[0])]
        case Rfc9421Claim():
            return [("signature base", claim.base)]
        case WebhookClaim(pieces=pieces):
            if pieces is None:
                raise ValueError("the body is signed, and was not sent along")
            return [("what is signed", b"".join(pieces))]
    return []


def _shown(text: bytes) -> str:
    """Return the text with its line ends kept and every other byte outside printable ASCII escaped."""
    return "".join(chr(byte) if byte == 0x0A or 0x20 <= byte <= 0x7E else f"\\x{byte:02x}" for byte in text)
