"""`protos/tools/check.sh` passes on the contract as it is, and fails on each kind of change that it is there to stop."""

from pathlib import Path

import pytest

from tests.protos.checkout import Checkout, make_checkout

pytestmark = pytest.mark.timeout(600)


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path)


def test_the_contract_passes(checkout: Checkout) -> None:
    done = checkout.run("check.sh")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("name", "old", "new", "complaint"),
    [
        ("keys.proto", "string etag = 15;", "string etag = 99;", "15"),
        ("keys.proto", "string revoke_reason = 14;", "bytes revoke_reason = 14;", "revoke_reason"),
        ("keys.proto", "int32 page_size = 1;", "string page_size = 1;", "page_size"),
        ("keys.proto", "string revoke_reason = 14;", "string why_revoked = 14;", "why_revoked"),
        ("keys.proto", "repeated string allowed_schemes = 6;", "string allowed_schemes = 6;", "allowed_schemes"),
        ("verification.proto", "REJECTION_REASON_MISMATCH = 9;", "REJECTION_REASON_MISMATCH = 19;", "9"),
        ("verification.proto", "returns (VerifyResponse)", "returns (stream VerifyResponse)", "Verify"),
    ],
    ids=["number", "type", "type to text", "name", "no longer repeated", "enum number", "streaming"],
)
def test_a_break_of_the_released_contract_is_refused(checkout: Checkout, name: str, old: str, new: str, complaint: str) -> None:
    checkout.replace(name, old, new)
    done = checkout.run("check.sh")
    assert done.returncode != 0
    assert "nothing released is broken" in done.stdout
    assert complaint in done.stdout + done.stderr


@pytest.mark.parametrize(
    "comment",
    [
        "// The states of a key.\n",
        "  // Verifies, within its times.\n",
        "// Called by administrators.\n",
        "  // Reads one key, without its secret. NOT_FOUND when there is none.\n",
        "// An existing id and secret.\n",
        "  // Whether requests signed with this key must carry a security token. Set by the service.\n",
        "  // Where the key material comes from. Unset: id and secret are generated.\n",
    ],
    ids=["enum", "enum value", "service", "rpc", "message", "field", "oneof"],
)
def test_an_element_without_a_comment_is_refused(checkout: Checkout, comment: str) -> None:
    checkout.replace("keys.proto", comment, "")
    done = checkout.run("check.sh")
    assert done.returncode != 0
    assert "comment" in done.stdout


def test_a_zero_value_that_means_something_is_refused(checkout: Checkout) -> None:
    checkout.replace("keys.proto", "KEY_KIND_UNSPECIFIED = 0;", "KEY_KIND_NONE = 0;")
    done = checkout.run("check.sh")
    assert done.returncode != 0
    assert "_UNSPECIFIED" in done.stdout


def test_another_layout_is_refused(checkout: Checkout) -> None:
    checkout.replace("keys.proto", "  string etag = 15;", "    string etag = 15;")
    assert checkout.run("check.sh").returncode != 0


def test_stale_python_stubs_are_refused(checkout: Checkout) -> None:
    checkout.replace("keys.proto", "  string etag = 15;", "  string etag = 15;\n  // One more.\n  string one_more = 99;")
    done = checkout.run("check.sh")
    assert done.returncode != 0
    assert "make protos" in done.stderr


def test_an_addition_passes_once_the_stubs_are_regenerated(checkout: Checkout) -> None:
    checkout.replace("keys.proto", "  string etag = 15;", "  string etag = 15;\n  // One more.\n  string one_more = 99;")
    checkout.regenerate()
    done = checkout.run("check.sh")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_field_may_go_when_its_number_and_name_are_reserved(checkout: Checkout) -> None:
    field = "  // Changes with every change of the key. Set by the service; sent back in UpdateKey to exclude lost updates.\n"
    checkout.replace("keys.proto", field + "  string etag = 15;\n", '  reserved 15;\n  reserved "etag";\n')
    checkout.regenerate()
    done = checkout.run("check.sh")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_release_replaces_the_image_by_an_addition_but_not_by_a_break(checkout: Checkout) -> None:
    image = checkout.root / "protos" / "released" / "counterseal.v1.json"
    checkout.replace("keys.proto", "  string etag = 15;", "  string etag = 15;\n  // One more.\n  string one_more = 99;")
    assert checkout.run("release.sh").returncode == 0
    released = image.read_text()
    assert "one_more" in released
    checkout.replace("keys.proto", "  string one_more = 99;", "  bytes one_more = 99;")
    assert checkout.run("release.sh").returncode != 0
    assert image.read_text() == released
