"""How much of bodies a gateway keeps."""

from dataclasses import dataclass
from typing import Final

from counterseal.core.body import Limits

# What waits for an answer of the service, in bytes, beside the chunk that is still arriving. A call costs about as much as
# hashing half a MiB, so that at this size the calls cost little.
BATCH: Final = 4 << 20
# Less than core takes by default: clients send 64 KiB to 1 MiB (boto3), and a chunk is held of every upload at once.
_LIMITS: Final = Limits(max_chunk=4 << 20)
_SLACK: Final = 8 << 20  # pieces off the wire


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """How much of bodies a gateway keeps, in bytes. What is kept lies in memory up to 1 MiB, then in a file in TMPDIR.

    `max_set_aside`: of one body that has to be hashed before the verdict; larger ones are answered 413. `max_set_aside_total`:
    of all such bodies at once, whoever sends them: nobody knows yet. `max_sent`: of one that the service has to see itself, as
    webhooks' and forms' are; it has to fit into one of the service's messages. `max_held`, `max_held_total`: of bodies whose
    request is verified, and which count only at their end; S3 takes 5 GiB at once. What finds no room is answered 503,
    SlowDown. `hold_hashed`: hold bodies whose hash the head tells, like all others that count at their end. False: hand them
    on while they are hashed, all but the last piece, for a gateway with no disk; the application must then do nothing that
    cannot be undone before `more_body: False`. `limits`: how large signed chunks may be, 4 MiB by default.
    `max_waiting_total`: of all signed chunks that wait to be verified or handed on, in memory. One upload has what arrived of
    a chunk, and without a leased key up to 4 MiB that the service is asked about and as many that are handed on meanwhile.
    An upload that finds no room for its next piece is ended with 503, SlowDown.
    """

    max_set_aside: int = 16 << 20
    max_set_aside_total: int = 256 << 20
    max_sent: int = 3 << 20
    max_held: int = 5 << 30
    max_held_total: int = 16 << 30
    hold_hashed: bool = True
    max_waiting_total: int = 512 << 20
    limits: Limits = _LIMITS

    def __post_init__(self) -> None:
        if self.max_set_aside_total < self.max_set_aside or self.max_held_total < self.max_held:
            raise ValueError("a total must be at least what one body may have: a body that fits must find room")
        least = 2 * (self.limits.max_chunk + BATCH) + _SLACK
        if self.max_waiting_total < least:
            raise ValueError(f"max_waiting_total must be at least {least} with such chunks: a body that fits must find room")
