"""docs/oidc.md and the sample in `deploy/` are right: their tables can be read, and the limits in them are those in force."""

import re
import tomllib
from pathlib import Path

from counterseal.server.sessions import id_claims, id_token_text, jwk_set, jwks, jwks_fetch
from counterseal.server.settings.oidc import ALGORITHMS, OidcSetting, read_oidc

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "oidc.md").read_text(encoding="utf-8")


def _sample() -> str:
    lines = (ROOT / "deploy" / "counterseal.toml").read_text(encoding="utf-8").splitlines()
    start = lines.index("# [[oidc]]")
    return "\n".join(line.removeprefix("# ") for line in lines[start : lines.index("", start)])


def test_the_tables_can_be_read() -> None:
    (shown,) = re.findall(r"(?ms)^```toml\n(.*?)^```$", TEXT)
    for text in (shown, _sample()):
        (setting,) = read_oidc(tomllib.loads(text)["oidc"])
        assert setting.principal_prefix == "shop:"


def test_every_setting_is_described_with_its_default() -> None:
    rows = {match[1]: match[2] for match in re.finditer(r"(?m)^\| `(\w+)` \| ([^|]+) \|", TEXT)}
    least = {"issuer": "i", "audiences": ["a"], "jwks_url": "https://i/", "principal_prefix": ""}
    (setting,) = read_oidc([least])
    for name in OidcSetting.__dataclass_fields__:
        shown = rows[name].strip().strip("`")
        if name in least:
            assert shown == "required"
        elif name == "algorithms":
            assert frozenset(tomllib.loads(f"x = {shown}")["x"]) == setting.algorithms
        else:
            assert shown == getattr(setting, name)
    assert f"among {', '.join(ALGORITHMS)} (Ed25519)" in TEXT


def test_limits() -> None:
    assert (id_token_text.MAX_BYTES, id_claims.LEEWAY) == (16 * 1024, 60)
    assert (jwks_fetch.MAX_BYTES, jwk_set.MAX_KEYS, jwks.FETCH_SECONDS) == (256 * 1024, 64, 5)
    assert (jwks.FRESH_SECONDS, jwks.PACE_SECONDS, jwks.USABLE_SECONDS) == (600, 30, 86_400)
    for words in (
        "at most 16 KiB",
        "a minute of leeway",
        "at most 5 seconds, 256 KiB and 64 keys",
        "ten minutes",
        "every 30 seconds",
    ):
        assert words in TEXT


def test_log_lines_are_those_that_are_written() -> None:
    source = Path(jwks.__file__).read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^\| `(oidc_\w+)`", TEXT)) == set(re.findall(r'"(oidc_\w+)"', source))
