"""What the clients of two gateways do, written from the plugins' documentation and sources, and not from this project's code.

Kong: https://developer.konghq.com/plugins/hmac-auth/ (Kong Gateway 3.x). APISIX: https://apisix.apache.org/docs/apisix/plugins/hmac-auth/
(3.11 and later). Each signs, and each says whether it would accept, as its plugin would with body validation.
"""

import base64
import hashlib
import hmac
import re

Headers = dict[str, str]
_KONG = re.compile(r'\s*[Hh]mac\s*username="(.+)",\s*algorithm="(.+)",\s*headers="(.+)",\s*signature="(.+)"')
_HASHES = {"hmac-sha1": "sha1", "hmac-sha256": "sha256", "hmac-sha384": "sha384", "hmac-sha512": "sha512"}


def _mac(secret: str, text: str, algorithm: str) -> str:
    return base64.b64encode(hmac.new(secret.encode(), text.encode(), _HASHES[algorithm]).digest()).decode()


def body_digest(body: bytes) -> str:
    return "SHA-256=" + base64.b64encode(hashlib.sha256(body).digest()).decode()


def kong_string(method: str, target: str, headers: Headers, names: list[str], version: str = "1.1") -> str:
    lines = []
    for name in names:
        if name in headers:
            lines.append(f"{name}: {headers[name]}")
        elif name == "@request-target":
            lines.append(f"@request-target: {method.lower()} {target}")
        elif name == "request-line":
            lines.append(f"{method} {target} HTTP/{version}")
        else:
            lines.append(f"{name}:")
    return "\n".join(lines)


def kong_sign(key_id: str, secret: str, algorithm: str, method: str, target: str, headers: Headers, names: list[str]) -> str:
    signature = _mac(secret, kong_string(method, target, headers, names), algorithm)
    listed = " ".join(names)
    return f'hmac username="{key_id}", algorithm="{algorithm}", headers="{listed}", signature="{signature}"'


def kong_accepts(secret: str, method: str, target: str, headers: Headers, body: bytes) -> bool:
    found = _KONG.match(headers["authorization"])
    if found is None:
        return False
    _, algorithm, listed, signature = found.groups()
    wanted = _mac(secret, kong_string(method, target, headers, listed.split(" ")), algorithm)
    fits = headers["digest"] == body_digest(body) if "digest" in headers else not body
    return hmac.compare_digest(wanted, signature) and fits


def apisix_string(key_id: str, method: str, target: str, headers: Headers, names: list[str]) -> str:
    lines = [key_id]
    for name in names:
        if name in headers:
            lines.append(f"{name}: {headers[name]}")
        elif name == "@request-target":
            lines.append(f"{method} {target}")
    return "".join(line + "\n" for line in lines)


def apisix_sign(key_id: str, secret: str, algorithm: str, method: str, target: str, headers: Headers, names: list[str]) -> str:
    signature = _mac(secret, apisix_string(key_id, method, target, headers, names), algorithm)
    listed = " ".join(names)
    return f'Signature keyId="{key_id}",algorithm="{algorithm}",headers="{listed}",signature="{signature}"'


def apisix_accepts(secret: str, method: str, target: str, headers: Headers, body: bytes) -> bool:
    fields = dict(re.findall(r'\s*(\w+)="(.*?)"', headers["authorization"].removeprefix("Signature")))
    text = apisix_string(fields["keyId"], method, target, headers, fields["headers"].split(" "))
    fits = headers["digest"] == body_digest(body) if "digest" in headers else not body
    return hmac.compare_digest(_mac(secret, text, fields["algorithm"]), fields["signature"]) and fits
