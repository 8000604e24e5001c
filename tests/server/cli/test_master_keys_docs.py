"""docs/master-keys.md names commands, settings and messages that there are. The walks in it: test_master_keys.py."""

import json
import re
import shlex
from pathlib import Path

import click
import pytest

from counterseal.server.cli.main import cli as root
from counterseal.server.config import SETTINGS
from counterseal.server.keys.wrapping.aws_kms import CONTEXT
from counterseal.server.keys.wrapping.choice import GROUP

REPOSITORY = Path(__file__).parents[3]
DOCS = REPOSITORY / "docs" / "master-keys.md"


@pytest.fixture(scope="module")
def text() -> str:
    return DOCS.read_text(encoding="utf-8")


def test_every_command_line_can_be_read(text: str) -> None:
    lines = set(re.findall(r"(?m)^(?:\$ )?counterseal (.+)$", text)) | set(re.findall(r"`counterseal ([^`]+)`", text))
    assert len(lines) >= 8
    for line in lines:
        command: click.Command = root
        arguments = shlex.split(line)
        while isinstance(command, click.Group):
            command = command.commands[arguments.pop(0)]
        with command.make_context("counterseal", arguments) as context:
            assert context.params.keys() == {parameter.name for parameter in command.params if parameter.name != "help"}


def test_every_command_of_the_ring_is_there(text: str) -> None:
    group = root.commands["master-keys"]
    assert isinstance(group, click.Group)
    assert all(f"master-keys {name}" in text for name in group.commands)


def test_every_setting_is_one(text: str) -> None:
    named = set(re.findall(r"COUNTERSEAL_([A-Z_]*[A-Z])", text))
    assert named <= SETTINGS.keys()
    assert {"MASTER_KEYS", "KEY_WRAPPING"} <= named


def test_the_policy_asks_for_what_is_sent(text: str) -> None:
    [policy] = re.findall(r"(?s)```json\n(.*?)```", text)
    [statement] = json.loads(policy)["Statement"]
    assert set(statement["Action"]) == {"kms:Encrypt", "kms:Decrypt"}
    conditions = statement["Condition"]
    assert list(conditions["StringLike"]) == [f"kms:EncryptionContext:{CONTEXT}"]
    assert conditions["ForAllValues:StringEquals"] == {"kms:EncryptionContextKeys": [CONTEXT]}
    assert GROUP in text


def test_every_message_is_one_of_ours(text: str) -> None:
    code = "".join(
        path.read_text(encoding="utf-8") for path in (REPOSITORY / "service" / "counterseal" / "server").rglob("*.py")
    )
    code = re.sub(r'"\s*\n\s*f?"', "", code)
    table = text[text.index("## When something is wrong") :]
    for message in re.findall(r"(?m)^\| `([^`]+)`", table):
        # What is filled in is left out: names, ids, and the reasons that KMS gives.
        for part in re.split(r"\.\.\.|[A-Za-z./]*master\.keys|\([A-Za-z]*\)|COUNTERSEAL_[A-Z_]+|Decrypt", message):
            assert part.strip(" ,:") in code, message
