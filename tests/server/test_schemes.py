"""Which schemes a server knows and enables: built-in, configured and installed ones; and what it says about them."""

import hashlib
import hmac
import importlib
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from counterseal.core.model import KeyKind
from counterseal.core.schemes import BUILT_IN
from counterseal.server.config import load_config
from counterseal.server.errors import ConfigError
from counterseal.server.rpc.admin_channel import Endpoint
from counterseal.server.rpc.admin_client import AdminClient
from counterseal.server.schemes import KINDS, TUNED, find_schemes
from counterseal.server.settings import SchemeSetting
from counterseal.v1 import keys_pb2
from counterseal.v1 import verification_pb2 as pb
from tests.server.calls import Client, bearer, failing
from tests.server.inprocess import in_process
from tests.support.process import RunningServer, running_server

ACME = """
[[schemes]]
name = "acme"
kind = "webhook-hmac"
signature_header = "x-acme-signature"
timestamp_header = "x-acme-time"
template = "{timestamp}.{body}"
"""
EDGE = "the-bearer-of-a-gateway-of-acme"
CALLER = f"""
[[callers]]
name = "edge"
role = "gateway"
token_sha256 = "{hashlib.sha256(EDGE.encode()).hexdigest()}"
schemes = ["acme", "aws-sigv4"]
"""


def enabled(tmp_path: Path, toml: str, **settings: str) -> tuple[str, ...]:
    path = tmp_path / "c.toml"
    path.write_text(toml)
    return load_config({f"COUNTERSEAL_{name}": value for name, value in settings.items()}, path).schemes


def test_a_configured_scheme_is_enabled_beside_the_default(tmp_path: Path) -> None:
    assert enabled(tmp_path, ACME) == ("aws-sigv4", "bearer", "rfc9421", "acme")


def test_settings_that_name_the_schemes_name_all_of_them(tmp_path: Path) -> None:
    assert enabled(tmp_path, ACME, SCHEMES="aws-sigv4") == ("aws-sigv4",)
    assert enabled(tmp_path, ACME, SCHEMES="acme,stripe") == ("acme", "stripe")
    inline = 'schemes = ["stripe", {name = "acme", kind = "webhook-hmac", signature_header = "x-a", template = "{body}"}]'
    assert enabled(tmp_path, inline) == ("stripe", "acme")
    assert enabled(tmp_path, 'schemes = ["stripe", "github"]') == ("stripe", "github")
    assert enabled(tmp_path, 'schemes = "stripe,github"') == ("stripe", "github")


@pytest.mark.parametrize(
    ("toml", "words"),
    [
        ("[[schemes]]", r"schemes\[0\]: name must be"),
        ('[[schemes]]\nname = "Acme"', r"schemes\[0\]: name must be"),
        (f'[[schemes]]\nname = "{"a" * 64}"', r"schemes\[0\]: name must be"),
        ('[[schemes]]\nname = "a\\n"\nkind = "cavage"', r"schemes\[0\]: name must be"),
        ("[[schemes]]\nname = 1", r"schemes\[0\]: name must be"),
        ('[[schemes]]\nname = "acme"', r"schemes\[0\]: kind is required"),
        ('[[schemes]]\nname = "acme"\nkind = "hmac"', "schemes: acme: kind must be one of .*webhook-hmac"),
        ('[[schemes]]\nname = "acme"\nkind = "webhook-hmac"', "schemes: acme: option signature_header"),
        (ACME + 'colour = "red"', "schemes: acme: option colour"),
        (ACME + ACME, "schemes: two entries have the same name"),
        (ACME.replace("acme", "aws-sigv4"), "schemes: aws-sigv4: the name is taken"),
        ("schemes = [1]", "COUNTERSEAL_CONFIG: schemes: must be"),
        ('schemes = [1, {name = "a", kind = "cavage"}]', "COUNTERSEAL_CONFIG: schemes: must be"),
        ("schemes = -1", "COUNTERSEAL_SCHEMES: must be names"),
        ('schemes = ["no-such"]', "COUNTERSEAL_SCHEMES: no-such: there is no such scheme; known: .*aws-sigv4"),
        ("schemes = []", "COUNTERSEAL_SCHEMES: must be names"),
    ],
)
def test_wrong_schemes(tmp_path: Path, toml: str, words: str) -> None:
    with pytest.raises(ConfigError, match=words):
        enabled(tmp_path, toml)


@pytest.mark.parametrize(("kind", "name"), [*((kind, "acme") for kind in KINDS), *((name, name) for name in TUNED)])
def test_every_kind_names_the_option_that_it_does_not_have(kind: str, name: str) -> None:
    with pytest.raises(ConfigError, match=rf"schemes: {name}: .*no_such_option"):
        find_schemes((name,), (SchemeSetting(name=name, kind=kind, options={"no_such_option": "x"}),))


@pytest.mark.parametrize("name", TUNED)
def test_a_built_in_scheme_with_options_is_that_scheme(name: str) -> None:
    found = find_schemes((name,), (SchemeSetting(name=name, kind=name),))
    assert found.enabled[name] is not BUILT_IN[name]
    assert type(found.enabled[name]) is type(BUILT_IN[name])
    assert set(found.known) == set(BUILT_IN)
    with pytest.raises(ConfigError, match="schemes: acme: kind must be one of"):
        find_schemes(("acme",), (SchemeSetting(name="acme", kind=name),))


def test_hosts_that_name_buckets() -> None:
    options: dict[str, object] = {"base_domains": ["s3.example.com"], "bucket_hosts": ["photos.example.com"]}
    find_schemes(("aws-sigv4",), (SchemeSetting(name="aws-sigv4", kind="aws-sigv4", options=options),))
    for wrong in ({"base_domains": "s3"}, {"bucket_hosts": [1]}, {"base_domains": ["S3"]}):
        with pytest.raises(ConfigError, match=r"schemes: aws-sigv4: .*(base_domains|bucket_hosts)"):
            find_schemes(("aws-sigv4",), (SchemeSetting(name="aws-sigv4", kind="aws-sigv4", options=dict(wrong)),))


# Plug-ins.

PLUGIN = """
    from counterseal.core.model import KeyKind
    from counterseal.core.schemes.base import SchemeDefaults

    class Toy(SchemeDefaults):
        name = "toy"
        title = "a toy"
        def _no(self, *_, **__):
            raise NotImplementedError
        def recognises(self, request):
            return False
        read = check_coverage = matches = payload_duty = verified_path = sign = _no

    toy = Toy()
    def make():
        return Toy()
    def failing():
        raise RuntimeError("a text with a password in it")
    class Other(Toy):
        name = "other"
    class Kindless(Toy):
        key_kinds = frozenset()
    class Stepless(Toy):
        sign = None
    class Titleless(Toy):
        title = None
    class Vague(Toy):
        timeless = None
    number = 1
"""


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Return what installs entry points: names and what they point to, as a distribution on the path has them."""
    folder = tmp_path / "site"
    info = folder / "toy-1.0.dist-info"
    info.mkdir(parents=True)
    (folder / "toy_scheme_plugin.py").write_text(textwrap.dedent(PLUGIN))
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toy\nVersion: 1.0\n")
    monkeypatch.syspath_prepend(str(folder))

    def install(*points: str) -> None:
        (info / "entry_points.txt").write_text("[counterseal.schemes]\n" + "\n".join(points) + "\n")
        importlib.invalidate_caches()

    yield install
    importlib.invalidate_caches()


@pytest.mark.parametrize("value", ["toy_scheme_plugin:toy", "toy_scheme_plugin:Toy", "toy_scheme_plugin:make"])
def test_an_installed_scheme_is_enabled_by_its_name(plugin: Any, value: str) -> None:
    plugin(f"toy = {value}")
    found = find_schemes(("toy", "stripe"), ())
    assert list(found.enabled) == ["toy", "stripe"]
    assert found.enabled["toy"].key_kinds == {KeyKind.SYMMETRIC}


def test_what_is_merely_installed_is_not_imported(plugin: Any) -> None:
    plugin("toy = there_is_no_such_module:toy")
    found = find_schemes(("aws-sigv4",), ())
    assert "toy" not in found.known
    with pytest.raises(ConfigError, match=r"known: .*toy"):
        find_schemes(("no-such",), ())


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("there_is_no_such_module:toy", "cannot be loaded .ModuleNotFoundError"),
        ("toy_scheme_plugin:missing", "cannot be loaded .AttributeError"),
        ("toy_scheme_plugin:failing", "cannot be loaded .RuntimeError"),
        ("toy_scheme_plugin:number", "cannot be loaded .TypeError"),
        ("toy_scheme_plugin:Other", "is not a scheme of that name"),
        ("toy_scheme_plugin:Kindless", "key_kinds must be"),
        ("toy_scheme_plugin:Stepless", "lacks sign"),
        ("toy_scheme_plugin:Titleless", "title must be"),
        ("toy_scheme_plugin:Vague", "timeless, names_key, reads_forms must be"),
    ],
)
def test_what_is_installed_and_no_scheme(plugin: Any, value: str, words: str) -> None:
    plugin(f"toy = {value}")
    with pytest.raises(ConfigError, match=f"COUNTERSEAL_SCHEMES: toy: .*{words}") as caught:
        find_schemes(("toy",), ())
    assert "password" not in str(caught.value)


def test_no_plugin_takes_the_place_of_another_scheme(plugin: Any) -> None:
    plugin("aws-sigv4 = toy_scheme_plugin:toy", "toy = toy_scheme_plugin:toy")
    with pytest.raises(ConfigError, match="aws-sigv4: offered more than once"):
        find_schemes(("aws-sigv4",), ())
    options = {"signature_header": "x-a", "template": "{body}"}
    configured = SchemeSetting(name="toy", kind="webhook-hmac", options=options)
    with pytest.raises(ConfigError, match="toy: offered more than once"):
        find_schemes(("toy",), (configured,))
    assert find_schemes(("stripe",), (configured,)).known["toy"].title != "a toy"


# A server.


@pytest.fixture(scope="module")
def acme(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    folder = tmp_path_factory.mktemp("acme")
    (folder / "c.toml").write_text(ACME + CALLER)
    settings = {"CONFIG": str(folder / "c.toml"), "SCHEMES": "acme,aws-sigv4,aws-sigv2,rfc9421"}
    with running_server(folder / "data", settings) as server:
        yield server


@pytest.fixture(scope="module")
def client(acme: RunningServer) -> Iterator[Client]:
    with acme.channel() as channel:
        yield Client(channel, bearer(acme.admin_token))


def webhook(secret: bytes, key_id: str, body: bytes = b"an event", **demand: Any) -> pb.VerifyRequest:
    stamp = str(int(time.time()))
    signature = hmac.new(secret, stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    headers = {"host": "example.com", "x-acme-time": stamp, "x-acme-signature": signature}
    request = pb.HttpRequest(method="POST", target=b"/hook", content=body, scheme="https")
    for name, value in headers.items():
        request.headers.add(name=name, value=value.encode())
    return pb.VerifyRequest(http_request=request, demand=pb.Demand(key_id=key_id, **demand))


def test_a_configured_scheme_verifies(client: Client) -> None:
    issued = client.issue(allowed_schemes=["acme"])
    assert client.verify(webhook(issued.secret, issued.key_id)) == "verified"
    assert client.verify(webhook(issued.secret + b"x", issued.key_id)) == "MISMATCH"
    assert client.verify(webhook(issued.secret, "")) == "UNSUPPORTED_SCHEME"
    other = client.issue()  # for aws-sigv4
    assert client.verify(webhook(other.secret, other.key_id)) == "UNSUPPORTED_SCHEME"


def test_keys_are_issued_for_enabled_schemes_alone(client: Client) -> None:
    for name in ("stripe", "no-such"):
        with failing() as seen:
            client.issue(allowed_schemes=[name])
        assert (seen[0].code, seen[0].field) == ("INVALID_ARGUMENT", "allowed_schemes")
        assert "acme, aws-sigv2, aws-sigv4, rfc9421" in seen[0].text


def test_the_list(acme: RunningServer, client: Client) -> None:
    listed = client.verification.ListSchemes(pb.ListSchemesRequest()).schemes
    assert [scheme.name for scheme in listed] == sorted({*BUILT_IN, "acme"})
    by_name = {scheme.name: scheme for scheme in listed}
    assert {name for name, scheme in by_name.items() if scheme.enabled} == {"acme", "aws-sigv4", "aws-sigv2", "rfc9421"}
    assert by_name["rfc9421"].key_kinds == [keys_pb2.KEY_KIND_SYMMETRIC, keys_pb2.KEY_KIND_PUBLIC]
    assert not by_name["acme"].names_key
    assert by_name["aws-sigv4"].names_key
    assert all(scheme.title for scheme in listed)
    assert {name for name, scheme in by_name.items() if scheme.weakness} == {
        name for name, scheme in BUILT_IN.items() if getattr(scheme, "weakness", "")
    }
    assert "SHA1" in by_name["aws-sigv2"].weakness
    with AdminClient(Endpoint(address=acme.address, timeout=30)) as admin:
        shown = admin.list_schemes()
    assert [scheme.name for scheme in shown] == [scheme.name for scheme in listed]
    assert shown[[scheme.name for scheme in shown].index("rfc9421")].key_kinds == {KeyKind.SYMMETRIC, KeyKind.PUBLIC}


def test_the_list_keeps_to_the_callers_limits(client: Client) -> None:
    listed = client.verification.ListSchemes(pb.ListSchemesRequest(), metadata=bearer(EDGE)).schemes
    assert [scheme.name for scheme in listed] == ["acme", "aws-sigv4"]
    with failing() as seen:
        client.verification.ListSchemes(pb.ListSchemesRequest(), metadata=bearer("nobody-gave-this-one-out"))
    assert seen[0].code == "UNAUTHENTICATED"


def test_a_weak_scheme_is_warned_of_at_start(acme: RunningServer) -> None:
    lines = [line for line in acme.log().splitlines() if "weak_scheme_enabled" in line]
    assert len(lines) == 1
    assert '"scheme": "aws-sigv2"' in lines[0]
    assert '"level": "warning"' in lines[0]


def test_sound_schemes_are_not_warned_of(tmp_path: Path) -> None:
    with in_process(tmp_path / "data") as server:
        assert "weak_scheme_enabled" not in server.log()
        assert "aws-sigv2" not in server.log()


def test_every_scheme_that_is_built_in_can_be_enabled_at_once(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", SCHEMES=",".join(BUILT_IN)) as server:
        assert server.client.verify(pb.VerifyRequest(http_request=pb.HttpRequest(method="GET", target=b"/"))) == "UNSIGNED"


def test_the_registry_has_no_kind_without_a_maker() -> None:
    assert set(KINDS) == {"cavage", "oss4", "sigv4-family", "webhook-hmac"}
