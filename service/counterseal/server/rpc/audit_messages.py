"""Between entries of the audit trail and their messages."""

from counterseal.server.store.audit_chain import ChainedEntry
from counterseal.v1 import audit_pb2 as pb


def put_entry(message: pb.AuditEntry, entry: ChainedEntry) -> None:
    """Fill in an entry."""
    message.sequence = entry.sequence
    message.time.FromJsonString(entry.time)
    message.actor = entry.actor
    message.action = entry.action
    message.key_id = entry.key_id
    message.tenant = entry.tenant
    message.request_id = entry.request_id
    message.detail_json = entry.detail_json
    message.hash = entry.hash
    message.previous_hash = entry.previous_hash


def read_entry(message: pb.AuditEntry) -> ChainedEntry:
    """Return the entry in an answer."""
    return ChainedEntry(
        sequence=message.sequence,
        time=message.time.ToDatetime().strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        actor=message.actor,
        action=message.action,
        key_id=message.key_id,
        tenant=message.tenant,
        request_id=message.request_id,
        detail_json=message.detail_json,
        hash=message.hash,
        previous_hash=message.previous_hash,
    )
