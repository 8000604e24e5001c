"""docs/sessions.md is right: its numbers are those in force, and the tests that it names are there."""

import re
from pathlib import Path

from counterseal.server.config import load_config
from counterseal.server.sessions import begin, credentials, pace, session_keys, throttle

ROOT = Path(__file__).parents[3]
TEXT = (ROOT / "docs" / "sessions.md").read_text(encoding="utf-8")


def test_numbers(tmp_path: Path) -> None:
    config = load_config({"COUNTERSEAL_DATA_DIR": str(tmp_path)})
    assert (config.sign_in_failures, config.sign_in_seconds, config.sign_ins_at_once) == (5, 900, 2)
    assert (config.session_seconds, config.session_idle_seconds) == (12 * 3600, 3600)
    assert (config.access_token_seconds, config.session_key_seconds) == (900, 3600)
    assert (session_keys.MOST_PUBLIC_KEYS, credentials.MOST_CREDENTIALS, begin.MOST_SESSIONS) == (10, 30, 100)
    assert throttle._WIDER == 10
    assert (pace.MOST_IN_WINDOW, pace.WINDOW.total_seconds()) == (300, 15 * 60)
    for words in (
        "five for a principal from one source (`COUNTERSEAL_SIGN_IN_FAILURES`)",
        "within fifteen minutes (`COUNTERSEAL_SIGN_IN_SECONDS`)",
        "**Two at a time are hashed** in each process (`COUNTERSEAL_SIGN_INS_AT_ONCE`)",
        "`COUNTERSEAL_SESSION_SECONDS` (12 hours)",
        "`COUNTERSEAL_SESSION_IDLE_SECONDS` (an hour)",
        "`COUNTERSEAL_ACCESS_TOKEN_SECONDS`, 15 minutes",
        "`COUNTERSEAL_SESSION_KEY_SECONDS`, an hour",
        "Of a session ten keys live at once",
        "A principal begins 300 sessions in fifteen minutes",
    ):
        assert words in TEXT


def test_every_test_that_is_named_is_there() -> None:
    named = re.findall(r"`(tests/[\w/]+\.py)(?:::(\w+))?`", TEXT)
    assert len(named) > 20
    for file, function in named:
        source = (ROOT / file).read_text(encoding="utf-8")
        wanted = function or "test_[a-z0-9_]+"
        assert re.search(rf"^def {wanted}\(", source, re.MULTILINE), (file, function)
