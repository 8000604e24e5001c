"""Nothing secret in a log line, whatever the call: not by repr, not by an exception, not by a library."""

import io
import json
import logging
from pathlib import Path

import pytest

from counterseal.server.errors import StoreUnavailable
from counterseal.server.rpc.redact import loggable_key_id
from counterseal.server.telemetry.log import describe, open_log
from counterseal.v1 import keys_pb2
from tests.server.calls import Issued, failing, signed
from tests.server.inprocess import in_process

SECRET = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
# Not a secret of any key: pytest itself captures what libraries log.
VALUE = "value out of a parameter"
SESSION = "FwoGZXIvYXdzEXAMPLESESSIONTOKEN"


def test_no_message_is_formatted_anywhere() -> None:
    """Nobody formats a message: protobuf's own text holds everything. Logs get single, checked fields."""
    assert SECRET in repr(keys_pb2.IssueKeyResponse(secret=SECRET))
    folder = Path(__file__).parents[2] / "service" / "counterseal" / "server" / "rpc"
    for source in folder.glob("*.py"):
        text = source.read_text()
        for forbidden in (
            "MessageToJson",
            "MessageToDict",
            "MessageToString",
            "text_format",
            "repr(",
            "{request}",
            "{message}",
        ):
            assert forbidden not in text, f"{source.name}: {forbidden}"


@pytest.mark.parametrize("key_id", ["AKIAIOSFODNN7EXAMPLE", "a.b~c:d@e+f=g/h-i_j", "abc", "x" * 128])
def test_key_ids_that_may_be_logged(key_id: str) -> None:
    assert loggable_key_id(key_id) == key_id


@pytest.mark.parametrize("key_id", ["", "ab", "x" * 129, "a\nb", "a b", "-abc", 'a"b', "a\0bc", "ключ", "abc\n", "*)(uid=*"])
def test_key_ids_that_may_not(key_id: str) -> None:
    assert loggable_key_id(key_id) == ""


def test_an_exceptions_text_stays_out_unless_it_is_ours() -> None:
    def fail() -> None:
        try:
            raise ValueError(VALUE)
        except ValueError as cause:
            raise StoreUnavailable("the key store did not answer") from cause

    with pytest.raises(StoreUnavailable) as caught:
        fail()
    described = json.dumps(describe(caught.value))
    assert VALUE not in described
    assert "the key store did not answer" in described
    assert "ValueError" in described
    with pytest.raises(ValueError) as bug:
        raise ValueError(VALUE)
    assert VALUE not in json.dumps(describe(bug.value))


def test_a_librarys_log_is_led_in_without_its_text() -> None:
    stream = io.StringIO()
    open_log("info", stream)
    library = logging.getLogger("some.library")
    try:
        raise ValueError(VALUE)
    except ValueError:
        library.exception("failed with %s and {'secret': '%s'}", VALUE, VALUE)
    library.warning(VALUE)
    lines = [json.loads(line) for line in stream.getvalue().splitlines()]
    assert [line["logger"] for line in lines] == ["some.library"] * 2
    assert lines[0]["error"] == ["builtins.ValueError"]
    assert VALUE not in stream.getvalue()


def test_a_log_that_nobody_reads_stops_nothing() -> None:
    class Broken(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError

    log = open_log("info", Broken())
    log.info("a line")
    log.error("another")


def test_every_line_is_json_on_one_line() -> None:
    stream = io.StringIO()
    open_log("info", stream).info("event", value='line\nbreak "quoted" \x1b[31m \u2028 ü')
    (line,) = stream.getvalue().splitlines()
    assert line.isascii()
    assert json.loads(line)["value"] == 'line\nbreak "quoted" \x1b[31m \u2028 ü'


def test_a_servers_log_holds_no_secret(tmp_path: Path) -> None:
    """Issue, import, verify, refuse, fail: then look for every secret value in the log."""
    with in_process(tmp_path / "data", LOG_SUCCESS_SAMPLE="1", ALLOW_STRING_TO_SIGN="true") as server:
        client = server.client
        issued = client.issue(principal="alice", request_id="r-1")
        imported = keys_pb2.ImportedSecret(key_id="AKIAIMPORTED", secret=SECRET.encode(), security_token=SESSION)
        client.issue(imported_secret=imported)
        message = signed(issued, request_id="r-2")
        assert client.verify(message) == "verified"
        signature = next(bytes(h.value) for h in message.http_request.headers if h.name == "authorization")[-64:].decode()
        with_session = signed(Issued("AKIAIMPORTED", SECRET.encode(), SESSION), request_id="r-3")
        assert client.verify(with_session) == "verified"
        assert client.verify(signed(Issued(issued.key_id, b"another secret, long enough"), request_id="r-4")) == "MISMATCH"
        client.revoke(issued.key_id)
        assert client.verify(message) == "KEY_REVOKED"
        with failing():
            client.issue(imported_secret=imported)
        with failing():
            client.issue(imported_secret=keys_pb2.ImportedSecret(key_id="bad id", secret=SECRET.encode()))
        with failing():
            client.verify(message, (("authorization", "Bearer " + SESSION),))
        log = server.log()
    for secret in (SECRET, SESSION, issued.secret.decode(), signature, client.admin[0][1]):
        assert str(secret) not in log
    assert str(client.admin[0][1]).removeprefix("Bearer ") not in log
    lines = [json.loads(line) for line in log.splitlines()]
    decisions = [(line["outcome"], line.get("reason"), line["request_id"]) for line in lines if line["event"] == "verify"]
    assert decisions == [
        ("verified", None, "r-2"),
        ("verified", None, "r-3"),
        ("rejected", "MISMATCH", "r-4"),
        ("rejected", "KEY_REVOKED", "r-2"),
    ]
    assert [line["event"] for line in lines if line["event"].startswith("key_")] == ["key_issued", "key_issued", "key_revoked"]


def test_rejections_are_always_logged_and_successes_sampled(tmp_path: Path) -> None:
    with in_process(tmp_path / "data", LOG_SUCCESS_SAMPLE="0") as server:
        issued = server.client.issue()
        for _ in range(20):
            assert server.client.verify(signed(issued)) == "verified"
            assert server.client.verify(signed(Issued(issued.key_id, b"another secret, long enough"))) == "MISMATCH"
        lines = [json.loads(line) for line in server.log().splitlines()]
        assert [line["outcome"] for line in lines if line["event"] == "verify"] == ["rejected"] * 20


def test_hostile_values_do_not_reach_the_log(tmp_path: Path) -> None:
    with in_process(tmp_path / "data") as server:
        for key_id in ("x" * 5000, "evil\u2028id", "a b", '"},{"', "AKIA*", "%0a%0d"):
            message = signed(Issued("PLACEHOLDER", b"x" * 32))
            for header in message.http_request.headers:
                header.value = bytes(header.value).replace(b"PLACEHOLDER", key_id.encode())
            assert server.client.verify(message) == "MALFORMED"
            assert key_id not in server.log()
        for line in server.log().splitlines():
            json.loads(line)
