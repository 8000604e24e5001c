"""Key wrapping on this machine, and the choice among kinds of it. AWS KMS: test_wrapping_kms.py."""

import base64
import itertools
import os
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from counterseal.server.errors import ConfigError, StoreUnavailable
from counterseal.server.keys.master import MasterKeys
from counterseal.server.keys.ring_text import RingEntry, entries_text, make_entry, new_entry, read_entries
from counterseal.server.keys.wrapping import KeyWrapper, choice, find_wrapper, kinds_of
from counterseal.server.keys.wrapping.local import LocalWrapper

KEY, OTHER = (base64.b64encode(bytes([number]) * 32).decode() for number in (7, 8))
MASTER = bytes(range(32))


def local(number: int = 7) -> LocalWrapper:
    return LocalWrapper(bytes([number]) * 32, source=f"the key {number}")


def wrapping_file(path: Path, content: str = KEY + "\n", mode: int = 0o600) -> Path:
    path.write_text(content)
    path.chmod(mode)
    return path


def refused(setting: str, data_dir: Path, **environ: str) -> str:
    with pytest.raises(ConfigError, match="COUNTERSEAL_KEY_WRAPPING: ") as caught:
        find_wrapper(setting, data_dir, environ)
    assert KEY[:8] not in str(caught.value)
    return str(caught.value)


def check_wraps(wrapper: KeyWrapper | None) -> None:
    assert wrapper is not None
    wrapped = wrapper.wrap(MASTER, master_key_id="mk-1")
    assert MASTER not in wrapped
    assert wrapper.unwrap(wrapped, master_key_id="mk-1") == MASTER
    assert wrapper.wrap(MASTER, master_key_id="mk-1") != wrapped
    with pytest.raises(ConfigError, match="mk-2"):
        wrapper.unwrap(wrapped, master_key_id="mk-2")


def test_a_file_wraps(tmp_path: Path) -> None:
    path = wrapping_file(tmp_path / "wrapping.key")
    check_wraps(find_wrapper(f"file:{path}", tmp_path / "data"))


def test_a_variable_wraps(tmp_path: Path) -> None:
    check_wraps(find_wrapper("env:WRAPPING", tmp_path, {"WRAPPING": KEY}))


def test_without_a_setting_nothing_is_wrapped(tmp_path: Path) -> None:
    assert find_wrapper(None, tmp_path) is None
    assert kinds_of(None) == []


def test_every_bit_of_a_wrapped_key_counts() -> None:
    wrapped = local().wrap(MASTER, master_key_id="a")
    for position, bit in itertools.product(range(len(wrapped)), range(8)):
        changed = bytearray(wrapped)
        changed[position] ^= 1 << bit
        with pytest.raises(ConfigError):
            local().unwrap(bytes(changed), master_key_id="a")
    for cut in range(len(wrapped)):
        with pytest.raises(ConfigError):
            local().unwrap(wrapped[:cut], master_key_id="a")
    with pytest.raises(ConfigError, match="does not open under the key 8"):
        local(8).unwrap(wrapped, master_key_id="a")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o602, 0o644])
def test_a_wrapping_key_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = wrapping_file(tmp_path / "k", mode=mode)
    assert "chmod 600" in refused(f"file:{path}", tmp_path / "data")


@pytest.mark.parametrize("content", ["", "\n", KEY[:-4], KEY + KEY, f"{KEY}\n{OTHER}\n", KEY.replace("=", "*"), "x" * 5000])
def test_what_is_no_wrapping_key_is_refused(tmp_path: Path, content: str) -> None:
    path = wrapping_file(tmp_path / "k", content)
    assert "32 random bytes" in refused(f"file:{path}", tmp_path / "data")
    if content:
        assert "32 random bytes" in refused("env:K", tmp_path, K=content)


def test_a_wrapping_key_beside_what_it_protects_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "sub").mkdir(parents=True)
    for path in (data / "k", data / "sub" / "k"):
        assert "keep it elsewhere" in refused(f"file:{wrapping_file(path)}", data)
    (tmp_path / "link").symlink_to(data / "k")
    assert "keep it elsewhere" in refused(f"file:{tmp_path}/link", data)
    assert "keep it elsewhere" in refused(f"file:{tmp_path}/other/../data/k", data)


def test_what_cannot_be_a_wrapping_keys_place_is_refused(tmp_path: Path) -> None:
    assert "absolute" in refused("file:relative/k", tmp_path / "data")
    assert "cannot read" in refused(f"file:{tmp_path}/absent", tmp_path / "data")
    assert "chmod 600" in refused("file:/dev/null", tmp_path / "data")
    assert "not set" in refused("env:ABSENT", tmp_path)
    assert "not set" in refused("env:EMPTY", tmp_path, EMPTY="")
    for name in ("A B", "1A", "A=B", "COUNTERSEAL_WRAPPING", "é"):
        assert "name of a variable" in refused(f"env:{name}", tmp_path)


@pytest.mark.parametrize("setting", ["", "file", "file:", ":x", KEY, "FILE:/x", "env:A,", ",env:A", "a b:c", "vault:x"])
def test_what_is_no_setting_is_refused_without_being_quoted(tmp_path: Path, setting: str) -> None:
    text = refused(setting, tmp_path, A=KEY)
    assert "vault" not in text


def test_the_kinds_are_shown_and_nothing_else() -> None:
    assert kinds_of("aws-kms:arn:aws:kms:eu-1:1:key/2, file:/x,env:Y") == ["aws-kms", "file", "env"]


def test_the_first_of_several_wraps_and_all_open(tmp_path: Path) -> None:
    both = find_wrapper("env:NEW,env:OLD", tmp_path, {"NEW": KEY, "OLD": OTHER})
    check_wraps(both)
    assert both is not None
    assert both.unwrap(local(8).wrap(MASTER, master_key_id="a"), master_key_id="a") == MASTER
    assert local(7).unwrap(both.wrap(MASTER, master_key_id="a"), master_key_id="a") == MASTER
    with pytest.raises(ConfigError, match=r"variable NEW; .*variable OLD"):
        both.unwrap(local(9).wrap(MASTER, master_key_id="a"), master_key_id="a")


class Away:
    def wrap(self, key: bytes, *, master_key_id: str) -> bytes:
        raise StoreUnavailable("away")

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        raise StoreUnavailable("away")


def test_one_that_is_away_stops_only_what_it_alone_might_open() -> None:
    wrapped = local().wrap(MASTER, master_key_id="a")
    orders: list[list[KeyWrapper]] = [[Away(), local()], [local(), Away()]]
    for order in orders:
        assert choice.SeveralWrappers(order).unwrap(wrapped, master_key_id="a") == MASTER
    orders = [[Away(), local(8)], [local(8), Away()]]
    for order in orders:
        with pytest.raises(StoreUnavailable, match="away"):
            choice.SeveralWrappers(order).unwrap(wrapped, master_key_id="a")


# What plug-ins offer.
def plug_in(rest: str) -> KeyWrapper:
    return LocalWrapper(rest.encode() * 32, source="a plug-in")


def broken_plug_in(rest: str) -> KeyWrapper:
    raise ValueError("a text that may hold anything")


def no_wrapper(rest: str) -> object:
    return object()


def offer(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    offered = [EntryPoint(name=f"k{i}", value=f"{__name__}:{name}", group=choice.GROUP) for i, name in enumerate(names)]
    monkeypatch.setattr(choice, "entry_points", lambda group: [entry for entry in offered if entry.group == group])


def test_a_plug_in_wraps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(EntryPoint, "load", lambda entry: globals()[entry.value.split(":")[1]])
    offer(monkeypatch, "plug_in", "broken_plug_in", "no_wrapper")
    check_wraps(find_wrapper("k0:x", tmp_path))
    assert "cannot be used (ValueError)" in refused("k1:x", tmp_path)
    assert "may hold anything" not in refused("k1:x", tmp_path)
    assert "needs wrap and unwrap" in refused("k2:x", tmp_path)
    monkeypatch.setattr(choice, "entry_points", lambda group: [EntryPoint(name="k", value="a:b", group=group)] * 2)
    assert "more than once" in refused("k:x", tmp_path)


def test_a_file_may_hold_plain_and_wrapped_keys_and_no_ring_is_opened_from_it() -> None:
    """Whoever can write the file, and has no wrapping key, would slip in a master key of his own."""
    plain, wrapped = new_entry(None, "plain"), make_entry("hidden", MASTER, local())
    for entries in ([wrapped, plain], [plain, wrapped], [plain]):
        text = entries_text(entries)
        assert read_entries(text, "x") == tuple(entries)
        with pytest.raises(ConfigError, match="plain lies in plain text, and COUNTERSEAL_KEY_WRAPPING is set"):
            MasterKeys.parse(text, wrapper=local())
    assert MasterKeys.parse(entries_text([plain])).keys == {"plain": plain.material}


def test_a_wrapped_ring_opens_with_its_wrapper_alone() -> None:
    wrapped = make_entry("hidden", MASTER, local())
    text = entries_text([wrapped])
    assert base64.b64encode(MASTER).decode() not in text
    ring = MasterKeys.parse(text, wrapper=local())
    assert (ring.active, ring.keys) == ("hidden", {"hidden": MASTER})
    with pytest.raises(ConfigError, match="hidden is wrapped, and COUNTERSEAL_KEY_WRAPPING is not set"):
        MasterKeys.parse(text)
    with pytest.raises(ConfigError, match="does not open"):
        MasterKeys.parse(text, wrapper=local(8))
    with pytest.raises(ConfigError, match="does not open"):  # another's id
        MasterKeys.parse(text.replace("hidden", "other"), wrapper=local())
    assert "material" not in repr(wrapped)


@pytest.mark.parametrize("entry", ["a:wrapped:", "a:wrapped", "a:wrapped:*", "a:Wrapped:AAAA", "a:wrapped:wrapped:AAAA"])
def test_what_is_no_wrapped_entry_is_refused(entry: str) -> None:
    with pytest.raises(ConfigError, match="COUNTERSEAL_MASTER_KEYS: entry 1"):
        MasterKeys.parse(entry, wrapper=local())
    with pytest.raises(ConfigError, match="8192"):
        read_entries(f"a:wrapped:{base64.b64encode(bytes(8193)).decode()}", "x")


class Liar:
    """Gives back another key than it was given; or wraps into nothing."""

    def __init__(self, wrapped: bytes, key: bytes) -> None:
        self.wrapped, self.key = wrapped, key

    def wrap(self, key: bytes, *, master_key_id: str) -> bytes:
        return self.wrapped

    def unwrap(self, wrapped: bytes, *, master_key_id: str) -> bytes:
        return self.key


@pytest.mark.parametrize("liar", [Liar(b"w", bytes(32)), Liar(b"w", b""), Liar(b"", MASTER), Liar(bytes(9000), MASTER)])
def test_what_a_wrapper_would_lose_is_not_given_to_it(liar: Liar) -> None:
    with pytest.raises(ConfigError, match="COUNTERSEAL_KEY_WRAPPING"):
        make_entry("a", MASTER, liar)


def test_a_short_key_from_a_wrapper_is_refused() -> None:
    with pytest.raises(ConfigError, match="31 bytes instead of 32"):
        MasterKeys.open([RingEntry(key_id="a", wrapped=True, material=b"w")], Liar(b"w", bytes(31)))


def test_a_ring_made_at_the_first_start_is_made_wrapped(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    made = MasterKeys.load_or_create(path, wrapper=local())
    text = path.read_text()
    assert text.startswith(f"{made.active}:wrapped:")
    assert base64.b64encode(made.keys[made.active]).decode() not in text
    assert MasterKeys.load_or_create(path, wrapper=local()) == MasterKeys.load(path, wrapper=local()) == made
    assert os.listdir(tmp_path) == ["master.keys"]
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_wrapper_that_is_away_leaves_no_file(tmp_path: Path) -> None:
    for wrapper, error in ((Away(), StoreUnavailable), (Liar(b"w", b""), ConfigError)):
        with pytest.raises(error):
            MasterKeys.load_or_create(tmp_path / "master.keys", wrapper=wrapper)
    assert os.listdir(tmp_path) == []
