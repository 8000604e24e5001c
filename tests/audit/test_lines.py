"""Files of exported entries that somebody names."""

from pathlib import Path

import pytest

from counterseal.server.cli.audit_lines import entry_line, last_sequence
from counterseal.server.rpc.client_errors import UnreadableFile
from counterseal.server.store.audit_chain import ChainedEntry

ENTRY = ChainedEntry(
    sequence=7,
    time="2026-11-01T12:00:00.000000Z",
    actor="me",
    action="issue",
    key_id="k",
    tenant="t",
    request_id="",
    detail_json="{}",
    hash=b"h" * 32,
    previous_hash=b"",
)
LINE = entry_line(ENTRY) + "\n"


@pytest.mark.parametrize("text", ["something else", LINE + "something else", "a: b\n", '{"sequence": 1}\n' + LINE[:5]])
def test_another_file_is_left_as_it_is(tmp_path: Path, text: str) -> None:
    """`--output` with the wrong name must not cost the end of that file."""
    path = tmp_path / "file"
    path.write_text(text)
    with pytest.raises(UnreadableFile, match="the last line is"):
        last_sequence(path)
    assert path.read_text() == text


@pytest.mark.parametrize("rest", ["", "{", LINE[:14], LINE[:-1]])
@pytest.mark.parametrize(("whole", "last"), [("", 0), (LINE, 7)])
def test_the_beginning_of_a_line_is_cut_off(tmp_path: Path, whole: str, last: int, rest: str) -> None:
    path = tmp_path / "file"
    path.write_text(whole + rest)
    assert last_sequence(path) == last
    assert path.read_text() == whole
