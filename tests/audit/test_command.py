"""`counterseal audit`: listing, exporting with resumption, and checking of exports and of the store."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.server.cli.shell import Cli, cli_for, issue
from tests.support.process import RunningServer, running_server


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningServer]:
    with running_server(tmp_path_factory.mktemp("audit") / "data") as running:
        yield running


@pytest.fixture(scope="module")
def cli(server: RunningServer, tmp_path_factory: pytest.TempPathFactory) -> Cli:
    made = cli_for(server, tmp_path_factory.mktemp("cwd"))
    for _ in range(2):
        issue(made)
    return made


def sequences(text: str) -> list[int]:
    return [json.loads(line)["sequence"] for line in text.splitlines()]


def test_list_export_and_verify(cli: Cli, tmp_path: Path) -> None:
    key = issue(cli)
    first = tmp_path / "one.jsonl"
    assert cli("audit", "export", "--output", str(first)).code == 0
    assert first.stat().st_mode & 0o777 == 0o600
    before = sequences(first.read_text())
    assert before == list(range(1, len(before) + 1))
    assert cli("keys", "revoke", key.key_id, "--reason", "r").code == 0
    with first.open("a") as file:
        file.write('{"sequence": 99, "ti')  # a killed export
    assert "1 entries" in cli("audit", "export", "--output", str(first)).err
    assert sequences(first.read_text()) == [*before, before[-1] + 1]
    store = cli("audit", "export", "--from-store")
    assert store.out == first.read_text()
    assert cli("audit", "export", "--after", str(before[-1])).out.splitlines() == store.out.splitlines()[-1:]

    shown = cli("audit", "list", "--key", key.key_id)
    assert [line.split()[3] for line in shown.out.splitlines()[1:]] == ["issue", "revoke"]
    assert sequences(cli("audit", "list", "--json", "--limit", "2").out) == [1, 2]

    assert cli("audit", "verify").code == 0
    found = cli("audit", "verify", str(first), "--with-store", "--json")
    assert found.code == 0
    assert found.json() == {
        "entries": len(before) + 1,
        "sequence": before[-1] + 1,
        "hash": json.loads(store.out.splitlines()[-1])["hash"],
        "problems": 0,
    }


def test_several_files_in_sequence_and_what_is_wrong_with_them(cli: Cli, tmp_path: Path) -> None:
    lines = cli("audit", "export", "--from-store").out.splitlines()
    one, two = tmp_path / "one", tmp_path / "two"
    one.write_text(lines[0] + "\n")
    two.write_text("\n".join(lines[1:]) + "\n")
    assert cli("audit", "verify", str(one), str(two)).code == 0
    found = cli("audit", "verify", str(two), str(one))
    assert found.code == 1
    assert f"{one}:1: entry 1 comes after entry" in found.out
    two.write_text(lines[1].replace('"issue"', '"import"') + "\n")
    found = cli("audit", "verify", str(one), str(two))
    assert found.code == 1
    assert f"{two}:1: entry 2: its hash does not belong to what it says" in found.out
    two.write_text("{}\n")
    assert cli("audit", "verify", str(two)).code == 2
    assert cli("audit", "verify", "--with-store").code == 2


def test_an_export_of_another_store_is_told_from_this_one(cli: Cli, tmp_path: Path) -> None:
    from counterseal.server.cli.audit_lines import entry_line, read_line

    line = read_line(cli("audit", "export", "--from-store").out.splitlines()[0])
    other = tmp_path / "other"
    import dataclasses

    changed = dataclasses.replace(line, actor="somebody")
    other.write_text(entry_line(dataclasses.replace(changed, hash=changed.expected_hash())) + "\n")
    assert cli("audit", "verify", str(other)).code == 0  # in itself it is a chain like any other
    found = cli("audit", "verify", str(other), "--with-store")
    assert found.code == 1
    assert "the store holds another, or none" in found.out


def test_verify_needs_the_master_keys_and_says_so(server: RunningServer, cli: Cli, tmp_path: Path) -> None:
    database = f"sqlite:///{server.data_dir / 'counterseal.db'}"
    nothing = tmp_path / "empty"
    nothing.mkdir(mode=0o700)
    elsewhere = Cli(tmp_path, {"COUNTERSEAL_DATA_DIR": str(nothing), "COUNTERSEAL_DATABASE_URL": database})
    found = elsewhere("audit", "verify")
    assert found.code == 78
    assert "COUNTERSEAL_MASTER_KEYS" in found.err


def test_a_backup_is_not_written_over(cli: Cli, tmp_path: Path) -> None:
    target = tmp_path / "backup.db"
    assert cli("db", "backup", str(target)).code == 0
    before = target.read_bytes()
    assert cli("db", "backup", str(target)).code == 3
    assert target.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["backup.db"]
    assert cli("db", "backup", str(tmp_path / "absent" / "x")).code != 0
