"""How much of bodies a gateway keeps."""

from dataclasses import dataclass, field

from counterseal.core.body import Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Bodies:
    """How much of bodies a gateway keeps, in bytes. What is kept lies in memory up to 1 MiB, then in a file in TMPDIR.

    `max_set_aside`: of one body that has to be hashed before the verdict; larger ones are answered 413. `max_set_aside_total`:
    of all such bodies at once, whoever sends them: nobody knows yet. `max_sent`: of one that the service has to see itself, as
    webhooks' and forms' are; it has to fit into one of the service's messages. `max_held`, `max_held_total`: of bodies whose
    request is verified, and which count only at their end; S3 takes 5 GiB at once. What finds no room is answered 503,
    SlowDown. `hold_hashed`: hold bodies whose hash the head tells, like all others that count at their end. False: hand them
    on while they are hashed, all but the last piece, for a gateway with no disk; the application must then do nothing that
    cannot be undone before `more_body: False`. `limits`: how large signed chunks may be.
    """

    max_set_aside: int = 16 << 20
    max_set_aside_total: int = 256 << 20
    max_sent: int = 3 << 20
    max_held: int = 5 << 30
    max_held_total: int = 16 << 30
    hold_hashed: bool = True
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        if self.max_set_aside_total < self.max_set_aside or self.max_held_total < self.max_held:
            raise ValueError("a total must be at least what one body may have: a body that fits must find room")
