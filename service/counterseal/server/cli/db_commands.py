"""`counterseal db backup|check|accept-restore`: a copy of the store, and whether the store is as far as it was."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from counterseal.server.cli.audit import compare_with_mark
from counterseal.server.cli.audit_lines import read_files
from counterseal.server.cli.exits import CONFIG, CONFLICT, REJECTED, Failure
from counterseal.server.cli.output import echo_table, printable
from counterseal.server.cli.settings import read_master_keys, read_settings
from counterseal.server.cli.store_commands import db, opened_store

if TYPE_CHECKING:
    from counterseal.server.assembly.restore import Comparison
    from counterseal.server.store.audit_chain import ChainedEntry
    from counterseal.server.store.engine import KeyStore


@db.command("backup", short_help="Copy the SQLite database, while servers run.")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(*, file: Path) -> None:
    """Copy the database into FILE, which must not exist: of one moment, while servers run. Master keys are not in it.

    For SQLite. PostgreSQL and MariaDB have programs of their own: docs/backup.md.
    """
    from sqlalchemy import make_url

    from counterseal.server.store.sqlite_backup import back_up

    config = read_settings()
    with opened_store(config) as store:
        store.ping()
        url = make_url(config.database_url)
        if url.get_backend_name() != "sqlite":
            program = "pg_dump" if url.get_backend_name() == "postgresql" else "mariadb-dump or mysqldump"
            raise Failure(f"the key store is no SQLite file: back it up with {program}", CONFIG, "docs/backup.md says how.")
        try:
            back_up(Path(url.database or ""), file)
        except FileExistsError:
            raise Failure(f"{file} exists already", CONFLICT) from None
        except OSError as error:
            raise click.FileError(str(file), error.strerror) from None
        shown = _shown(store)
    click.echo(f"Backed up into {file}. The store is {shown} by now; keep the master keys somewhere else.")


def _shown(store: "KeyStore") -> str:
    head = store.chain_head()
    return f"at change {head.sequence}, hash {(head.hash or b'').hex() or '-'}"


@db.command("check", short_help="Check that the store is as far as it was.")
@click.option("--expect-sequence", type=click.IntRange(min=0), metavar="N", help="The store must have come to change N.")
@click.option("--expect-hash", metavar="HASH", help="The hash of the audit chain at change N, as an export or a check said it.")
def check(*, expect_sequence: int | None, expect_hash: str | None) -> None:
    """Check the database: that it answers and has the right schema, that it has not gone back to an earlier state of itself,
    and that no key, caller, principal or session was removed, or put back as it was earlier. Ends with 1 and prints what is
    wrong, if anything.

    What it has not gone back behind is the high-water mark in the data folder, and what is expected by the options.
    """
    if expect_hash is not None and expect_sequence is None:
        raise click.UsageError("--expect-hash needs --expect-sequence")
    from counterseal.server.keys.audit_check import keys_beside_trail
    from counterseal.server.keys.caller_check import callers_beside_trail
    from counterseal.server.keys.cipher import SecretCipher
    from counterseal.server.keys.session_check import principals_beside_trail, sessions_beside_trail

    problems: list[str] = []
    config = read_settings()
    cipher = SecretCipher(read_master_keys(config))
    with opened_store(config) as store:
        store.ping()
        compare_with_mark(config, store, cipher, problems.append)
        _expect(store, expect_sequence, expect_hash, problems)
        problems += keys_beside_trail(store, None)
        problems += callers_beside_trail(store, None)
        problems += principals_beside_trail(store, None)
        problems += sessions_beside_trail(store, None)
        shown = _shown(store)
    for problem in problems:
        click.echo(printable(problem))
    click.echo(f"The store is {shown}.")
    if problems:
        raise Failure(f"the store is not as it was: {len(problems)} problems", REJECTED)


def _expect(store: "KeyStore", sequence: int | None, digest: str | None, problems: list[str]) -> None:
    if sequence is None:
        return
    from counterseal.server.store.audit_trail import AuditTrail

    head = store.chain_head()
    if head.sequence < sequence:
        problems.append(f"the store has gone back: it is at change {head.sequence}, and {sequence} is expected")
    elif digest is not None and (AuditTrail(store).hash_at(sequence) or b"").hex() != digest.lower():
        problems.append(f"the store's changes up to {sequence} are others than those that are expected")


_EXPORTS = click.Path(exists=True, dir_okay=False, path_type=Path)


@db.command("accept-restore", short_help="Accept a store that went back to an earlier state.")
@click.option("--export", "exports", type=_EXPORTS, multiple=True, metavar="FILE", help="An audit export: shows what was lost.")
@click.option(
    "--reapply-revocations", "again", type=_EXPORTS, multiple=True, metavar="FILE",
    help="An audit export: keys whose revocations were lost are revoked again, and sessions that had ended end.",
)  # fmt: skip
@click.option("--force", is_flag=True, help="Also when this data folder remembers no more than the store holds.")
@click.option("--yes", is_flag=True, help="Do not ask.")
def accept_restore(*, exports: tuple[Path, ...], again: tuple[Path, ...], force: bool, yes: bool) -> None:
    """Accept the store as it is, after an older backup was restored on purpose. Servers that refuse to start start then, and
    running ones answer again; none has to be told.

    Whatever happened since the backup is lost: keys that were revoked since verify again, sessions that ended go on, and
    passwords are those of before. Give the newest audit export.
    """
    from counterseal.server.assembly.restore import ACTOR, accept, compare, lost_entries, revoke_again
    from counterseal.server.assembly.restore_sessions import end_again
    from counterseal.server.high_water import HighWaterFile
    from counterseal.server.keys.audit_key import arm_journal
    from counterseal.server.keys.canary import check_master_keys
    from counterseal.server.keys.cipher import SecretCipher

    config = read_settings()
    file = HighWaterFile(config.high_water_file)
    cipher = SecretCipher(read_master_keys(config))
    with opened_store(config) as store:
        store.upgrade()
        check_master_keys(store, cipher)
        arm_journal(store, cipher)
        found = compare(store, cipher, file)
        _show(found)
        if not found.why and found.mark is not None and not force:
            click.echo("There is nothing to accept. If another server says otherwise: --force.")
            return
        lost = lost_entries(store, read_files((*exports, *again)))
        _show_lost(lost, bool(exports or again))
        if not yes:
            click.confirm("Accept the store as it is now?", abort=True)
        if again:
            # Sessions first, which revokes their keys; a key that is revoked stays so.
            end_again(store, cipher, lost, lambda name, what: click.echo(f"{printable(name)} {what}"), actor=ACTOR)
            revoke_again(store, cipher, lost, lambda key_id, what: click.echo(f"{printable(key_id)} {what}"))
        mark = accept(store, cipher, found, file)
    click.echo(f"Accepted: the store goes on from change {mark.sequence}, incarnation {mark.incarnation}.")


def _show(found: "Comparison") -> None:
    mark = found.mark
    if mark is None:
        click.echo(f"This data folder remembers nothing. The store is at change {found.head.sequence}.")
    else:
        click.echo(f"This data folder has seen change {mark.sequence}. The store is at change {found.head.sequence}.")
        click.echo(f"The store has gone back: {found.why}." if found.why else "The store has not gone back.")


def _show_lost(lost: "list[ChainedEntry]", given: bool) -> None:
    if not given:
        click.echo("No audit export is given: what was lost is not known.")
        return
    click.echo(f"Of the exported entries, the store lacks {len(lost)}:")
    if lost:
        rows = ((str(entry.sequence), entry.time, entry.actor, entry.action, entry.key_id, entry.detail_json) for entry in lost)
        echo_table(("NUMBER", "TIME", "ACTOR", "ACTION", "KEY", "DETAIL"), rows)
