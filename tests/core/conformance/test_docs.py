"""docs/schemes.md says what there is: every scheme, every option of signing, examples that work."""

import re
import tomllib
from pathlib import Path

import pytest

from counterseal.conformance import SchemeCase, run
from counterseal.core.model import KeyKind
from counterseal.core.schemes import BUILT_IN
from counterseal.core.schemes.base import Credentials, Scheme, Signing
from counterseal.server.schemes import KINDS, TUNED
from tests.core.conformance.requests import NOW, UPLOAD
from tests.core.conformance.third_party.toy import Toy

TEXT = (Path(__file__).parents[3] / "docs" / "schemes.md").read_text(encoding="utf-8")
_KINDS = {"secret": KeyKind.SYMMETRIC, "public": KeyKind.PUBLIC, "token": KeyKind.BEARER}


def section(title: str) -> str:
    return TEXT.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| `")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_list_is_that_of_the_built_in_schemes() -> None:
    listed = {row[0].strip("`"): row for row in rows(section("The list"))}
    assert set(listed) == set(BUILT_IN)
    for name, row in listed.items():
        scheme = BUILT_IN[name]
        assert {_KINDS[kind] for kind in row[2].split(", ")} == scheme.key_kinds, name
        assert (row[3] == "yes") is not scheme.timeless, name
        assert (row[4] == "yes") is scheme.names_key, name
        assert ("**Weak**" in row[1]) is bool(getattr(scheme, "weakness", "")), name


def options_of(scheme: Scheme) -> set[str]:
    """Return the options that `sign` names when it is given one that it has not."""
    credentials = Credentials(key_id="KEY1", secret=b"a secret of enough bytes for all")
    with pytest.raises(ValueError, match=r"which has: ") as raised:
        scheme.sign(UPLOAD, credentials, Signing(now=NOW, options={"no-such-option": "1"}))
    known = str(raised.value).partition("which has: ")[2]
    return set() if known == "none" else set(known.split(", "))


def test_the_options_of_signing() -> None:
    documented: dict[str, set[str]] = {name: set() for name in BUILT_IN}
    for schemes, options in rows(section("Signing, and its options")):
        names = set(re.findall(r"`([a-z0-9-]+)`", schemes))
        if "dialects" in schemes:
            names |= {"cavage-kong", "cavage-apisix"}
        for name in names:
            found = re.findall(r"`([a-z_-]+)`", re.sub(r"\([^)]*\)|: [^;]*?(?=;|, `[a-z]+`|$)", "", options))
            documented[name] |= set(found)
    for name, scheme in BUILT_IN.items():
        assert documented[name] - {"form"} == options_of(scheme) - {"form"}, name


def test_the_settings_work() -> None:
    """Every example builds, and every kind that the server builds is told of."""
    text = section("Configured schemes")
    makers = {**KINDS, **TUNED}
    examples = [tomllib.loads(example) for example in re.findall(r"(?s)```toml\n(.*?)```", text)]
    for table in [table for example in examples for table in example["schemes"]]:
        name, kind = table.pop("name"), table.pop("kind")
        assert makers[kind](name, table).name == name
    assert {kind for kind in makers if f'kind = "{kind}"' not in text} == set()


def test_the_example_of_a_case_passes() -> None:
    (code,) = re.findall(r"(?s)```python\n(from counterseal.conformance import Sample.*?)```", TEXT)
    names: dict[str, object] = {"Toy": Toy}
    exec(compile(code.replace("from acme_scheme import Toy\n", ""), "docs/schemes.md", "exec"), names)
    case = names["TestToy"].case  # type: ignore[attr-defined]
    assert isinstance(case, SchemeCase)
    assert list(run(case)) == []


def test_every_link_leads_somewhere() -> None:
    folder = Path(__file__).parents[3] / "docs"
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", TEXT):
        assert (folder / target).exists(), target
