"""The ring of master keys: read exactly, kept to oneself, made once."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from counterseal.server.errors import ConfigError
from counterseal.server.keys.master import MasterKeys

ONE, TWO = (base64.b64encode(bytes([number]) * 32).decode() for number in (1, 2))


def test_the_first_entry_is_active() -> None:
    for text in (f"b:{ONE},a:{TWO}", f" b:{ONE} ,\n\n a:{TWO}\n", f"b:{ONE}\r\na:{TWO}"):
        ring = MasterKeys.parse(text)
        assert ring.active == "b"
        assert ring.keys == {"b": b"\x01" * 32, "a": b"\x02" * 32}
        assert MasterKeys.parse(ring.text()) == ring


@pytest.mark.parametrize(
    "text",
    [
        "",
        " , \n",
        ONE,
        f":{ONE}",
        f"a b:{ONE}",
        f"-a:{ONE}",
        f"{'a' * 33}:{ONE}",
        f"ä:{ONE}",
        "a:",
        "a:AAAA",
        f"a:{ONE[:-4]}",
        f"a:{ONE[:-1]}",
        f"a:{ONE}=",
        f"a:{ONE[:10]}*{ONE[11:]}",
        f"a:{ONE[:10]} {ONE[10:]}",
        f"a:{base64.b64encode(b'x' * 33).decode()}",
        f"a:{ONE},a:{TWO}",
        f"a:{ONE},a:{ONE}",
    ],
)
def test_what_is_no_ring_is_refused_without_being_quoted(text: str) -> None:
    with pytest.raises(ConfigError, match="COUNTERSEAL_MASTER_KEYS") as caught:
        MasterKeys.parse(text)
    assert ONE[:8] not in str(caught.value)
    assert caught.value.__cause__ is None


def test_a_ring_prints_no_key() -> None:
    ring = MasterKeys.generate()
    assert len(ring.keys[ring.active]) == 32
    assert repr(ring) == f"MasterKeys(active={ring.active!r})"
    assert MasterKeys.generate().keys != ring.keys


def test_a_file_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    path = tmp_path / "master.keys"
    made = MasterKeys.load_or_create(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert MasterKeys.load_or_create(path) == MasterKeys.load(path) == made
    assert list(tmp_path.iterdir()) == [path]


def test_processes_that_start_at_once_use_one_key(tmp_path: Path) -> None:
    code = "import sys, pathlib; from counterseal.server.keys.master import MasterKeys as M; "
    code += "print(M.load_or_create(pathlib.Path(sys.argv[1])).active)"
    command = [sys.executable, "-c", code, str(tmp_path / "master.keys")]
    starting = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(6)]
    assert len({process.communicate(timeout=250)[0] for process in starting}) == 1
    assert [process.returncode for process in starting] == [0] * 6
    assert os.listdir(tmp_path) == ["master.keys"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o610, 0o602, 0o644, 0o666])
def test_a_file_that_others_can_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "master.keys"
    MasterKeys.load_or_create(path)
    path.chmod(mode)
    with pytest.raises(ConfigError, match="chmod 600"):
        MasterKeys.load_or_create(path)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"a:b", b"\x00" * 100])
def test_a_damaged_file_is_refused_and_not_replaced(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "master.keys"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(ConfigError, match=r"master\.keys"):
        MasterKeys.load_or_create(path)
    assert path.read_bytes() == content


def test_what_cannot_be_read_or_made_is_a_matter_of_configuration(tmp_path: Path) -> None:
    for path in (tmp_path / "absent" / "master.keys", tmp_path):
        with pytest.raises(ConfigError, match="COUNTERSEAL_MASTER_KEYS"):
            MasterKeys.load_or_create(path)
    with pytest.raises(ConfigError):
        MasterKeys.load(tmp_path / "master.keys")
