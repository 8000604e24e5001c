"""`counterseal audit list|export|verify`: the audit trail, by a server or in the store itself."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING, Final

import click

from counterseal.server.cli.audit_lines import entry_line, last_sequence, read_files
from counterseal.server.cli.connection import Connection, server_options
from counterseal.server.cli.exits import REJECTED, Failure
from counterseal.server.cli.output import echo_json, echo_table, printable
from counterseal.server.cli.settings import read_master_keys, read_settings
from counterseal.server.cli.store_commands import opened_store

if TYPE_CHECKING:
    from counterseal.server.config import Config
    from counterseal.server.keys.audit_check import AuditReport
    from counterseal.server.keys.cipher import SecretCipher
    from counterseal.server.rpc.admin_client import AdminClient
    from counterseal.server.store.audit_chain import ChainedEntry
    from counterseal.server.store.engine import KeyStore

_PAGE: Final = 1000
_MOST_PROBLEMS: Final = 1000


@click.group("audit")
def audit() -> None:
    """Read, export and check the audit trail: every change and every lease, in a chain of hashes."""


@audit.command("list", short_help="Print entries of the trail.")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="N", help="Only entries with a greater number.")
@click.option("--limit", type=click.IntRange(1, 100_000), default=100, show_default=True, help="At most so many.")
@click.option("--key", "key_id", default="", metavar="KEY_ID", help="Only entries about this key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object for each entry, as `export` does.")
@server_options
def list_command(*, connection: Connection, after: int, limit: int, key_id: str, as_json: bool) -> None:
    """Print entries in the order of their numbers, from the first on or from behind one."""
    found: list[ChainedEntry] = []
    with connection.open(token_required=True) as client:
        for entry in _by_rpc(client, after, key_id, min(limit, _PAGE)):
            found.append(entry)
            if len(found) == limit:
                break
    if as_json:
        for entry in found:
            click.echo(entry_line(entry))
        return
    rows = (
        (str(entry.sequence), entry.time, entry.actor, entry.action, entry.key_id, entry.tenant, entry.detail_json)
        for entry in found
    )
    echo_table(("NUMBER", "TIME", "ACTOR", "ACTION", "KEY", "TENANT", "DETAIL"), rows)


def _by_rpc(client: "AdminClient", after: int, key_id: str = "", size: int = _PAGE) -> "Iterator[ChainedEntry]":
    more = True
    while more:
        page, more = client.list_audit(after=after, page_size=size, key_id=key_id)
        yield from page
        after = page[-1].sequence if page else after


@audit.command("export", short_help="Write the trail as JSON lines.")
@click.option("--after", type=click.IntRange(min=0), default=0, metavar="N", help="Only entries with a greater number.")
@click.option(
    "--output", type=click.Path(dir_okay=False, path_type=Path), metavar="FILE",
    help="Append to FILE, behind the last entry in it. Without: standard output.",
)  # fmt: skip
@click.option("--from-store", is_flag=True, help="Read the store itself, as the server's settings name it; no server is asked.")
@server_options
def export(*, connection: Connection, after: int, output: Path | None, from_store: bool) -> None:
    """Write entries as JSON lines, each with its hash and the one before it.

    Interrupted, it goes on where it was when it is run again with the same --output, or with --after and the last number.
    """
    with _opened(output) as (file, behind):
        after = max(after, behind)
        if from_store:
            from counterseal.server.store.audit_trail import AuditTrail

            with opened_store(read_settings()) as store:
                _write(file, AuditTrail(store).entries(after))
        else:
            with connection.open(token_required=True) as client:
                _write(file, _by_rpc(client, after))


@contextmanager
def _opened(output: Path | None) -> Iterator[tuple[IO[str], int]]:
    if output is None:
        yield sys.stdout, 0
        return
    try:
        descriptor = os.open(output, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    except OSError as error:
        raise click.FileError(str(output), error.strerror) from None
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        yield file, last_sequence(output)
        file.flush()
        os.fsync(file.fileno())


def _write(file: IO[str], entries: "Iterator[ChainedEntry]") -> None:
    number = 0
    for entry in entries:
        file.write(entry_line(entry) + "\n")
        number += 1
    click.echo(f"{number} entries", err=True)


@audit.command("verify", short_help="Check that the trail is whole.")
@click.argument("files", nargs=-1, type=click.Path(exists=True, dir_okay=False, path_type=Path), metavar="[FILE]...")
@click.option("--with-store", is_flag=True, help="Also check that the store still holds every entry of the files.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object at the end instead of a sentence.")
def verify(*, files: tuple[Path, ...], with_store: bool, as_json: bool) -> None:
    """Check the trail in the store: every hash, link and mark, the head, and every key beside it. Needs the master keys.

    With FILEs: check exported entries by their hashes, the files in the order given. Ends with 1 when anything is wrong, and
    prints what, and where.
    """
    if with_store and not files:
        raise click.UsageError("--with-store needs exported files")
    problems = _Problems()
    summary = _verify_files(files, with_store, problems) if files else _verify_store(problems)
    if as_json:
        echo_json(summary | {"problems": problems.number})
    else:
        click.echo(", ".join(f"{name.replace('_', ' ')}: {value}" for name, value in summary.items() if value != ""))
    if problems.number:
        raise Failure(f"the audit trail is not whole: {problems.number} problems", REJECTED)


class _Problems:
    """Prints problems as they are found, up to a limit."""

    def __init__(self) -> None:
        self.number = 0

    def note(self, text: str) -> None:
        self.number += 1
        if self.number <= _MOST_PROBLEMS:
            click.echo(printable(text))
        elif self.number == _MOST_PROBLEMS + 1:
            click.echo("(further problems are only counted)")


def _verify_store(problems: _Problems) -> dict[str, object]:
    from counterseal.server.keys.audit_check import AuditCheck
    from counterseal.server.keys.audit_key import find_audit_key
    from counterseal.server.keys.cipher import SecretCipher

    config = read_settings()
    cipher = SecretCipher(read_master_keys(config))
    with opened_store(config) as store:
        store.ping()
        report = AuditCheck(store, find_audit_key(store, cipher), problems.note).run(cipher)
        compare_with_mark(config, store, cipher, problems.note)
    return _summary(report)


def compare_with_mark(config: "Config", store: "KeyStore", cipher: "SecretCipher", note: Callable[[str], None]) -> None:
    """Compare the store with the high-water mark in the data folder, if there is one."""
    from counterseal.server.assembly.restore import compare
    from counterseal.server.high_water import HighWaterFile

    file = HighWaterFile(config.high_water_file)
    found = compare(store, cipher, file)
    if found.why:
        note(f"{file.path}: the store has gone back: {found.why}")


def _summary(report: "AuditReport") -> dict[str, object]:
    head, old = report.head, report.unchained
    return {
        "entries": report.entries,
        "keys": report.keys,
        "callers": report.callers,
        "principals": report.principals,
        "sessions": report.sessions,
        "sequence": head.sequence if head else 0,
        "hash": (head.hash or b"").hex() if head else "",
        "outside_the_chain": old.number if old else 0,
        "the_first_of_them": old.first if old else "",
        "the_last_of_them": old.last if old else "",
    }


def _verify_files(files: tuple[Path, ...], with_store: bool, problems: _Problems) -> dict[str, object]:
    from counterseal.server.keys.audit_check import check_links

    number, last = check_links(read_files(files), problems.note)
    if with_store:
        from counterseal.server.store.audit_trail import AuditTrail

        with opened_store(read_settings()) as store:
            for where, entry in AuditTrail(store).lacks(read_files(files)):
                problems.note(f"{where}: entry {entry.sequence}: the store holds another, or none")
    return {"entries": number, "sequence": last.sequence if last else 0, "hash": last.hash.hex() if last else ""}
