"""What a signature is computed over, step by step: where two sides disagree, these texts show the first difference.

Neither text holds a secret, and the signature that they lead to cannot be computed without one.
"""

import click

from counterseal.core.model import HttpRequest, Refusal


def echo_explanation(request: HttpRequest) -> None:
    """Print the canonical request and the string to sign of a signed request to standard error, or why there are none."""
    from counterseal.core.schemes.aws_sigv4 import canonical_request, read_claim, string_to_sign

    try:
        claim = read_claim(request)
        canonical = canonical_request(claim)
        to_sign = string_to_sign(claim, canonical)
    except Refusal as refusal:
        click.echo(f"--- nothing to explain: {refusal.detail}", err=True)
        return
    except ValueError as error:  # the body is part of the text, and was left out
        click.echo(f"--- nothing to explain: {error}", err=True)
        return
    for title, text in (("canonical request", canonical), ("string to sign", to_sign)):
        click.echo(f"--- {title}", err=True)
        click.echo(_shown(text), err=True)
    click.echo("---", err=True)


def _shown(text: bytes) -> str:
    """Return the text with its line ends kept and every other byte outside printable ASCII escaped."""
    return "".join(chr(byte) if byte == 0x0A or 0x20 <= byte <= 0x7E else f"\\x{byte:02x}" for byte in text)
