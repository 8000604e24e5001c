"""What is reported of sessions."""

from prometheus_client import CollectorRegistry, Counter


class SessionCounts:
    """Counts what was asked of sessions, by outcome. No principal and no address: strangers choose them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._outcomes = Counter(
            "counterseal_sessions",
            "What was asked of sessions, and what came of it: `done`, or why it was refused.",
            ("what", "outcome"),
            registry=registry,
        )

    def outcome(self, what: str, reason: str) -> None:
        """Count an answer; `reason` empty: it was done."""
        self._outcomes.labels(what, reason.lower() or "done").inc()
