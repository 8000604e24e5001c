"""`counterseal callers` against a real server."""

from tests.server.cli.shell import Cli


def _create(cli: Cli, name: str, *options: str) -> str:
    result = cli("callers", "create", name, "--role", "gateway", "--json", *options)
    assert result.code == 0, result.err
    assert "cannot be read again" in result.err or "--san" in options
    return str(result.json()["bearer_token"])


def test_a_caller_from_beginning_to_end(cli: Cli) -> None:
    created = cli(
        *("callers", "create", "edge", "--role", "gateway", "--description", "the edge", "--tenant", "acme"),
        *("--tenant", "b", "--calls-per-second", "50", "--burst", "70", "--concurrent-calls", "9", "--json"),
    )
    assert created.code == 0, created.err
    answer = created.json()
    token = answer["bearer_token"]
    assert token.startswith("counterseal_caller_")
    caller = answer["caller"]
    assert (caller["name"], caller["role"], caller["state"], caller["has_bearer_token"]) == ("edge", "gateway", "active", True)
    assert caller["limits"] == {
        "tenants": ["acme", "b"], "schemes": [], "regions": [], "services": [], "string_to_sign": False,
        "calls_per_second": 50, "burst": 70, "concurrent_calls": 9,
    }  # fmt: skip
    assert cli("callers", "get", "edge", "--json").json() == {"caller": caller}
    assert caller in cli("callers", "list", "--json").json()["callers"]
    listed = cli("callers", "list")
    assert "tenants acme|b, 50 calls a second (burst 70), 9 at once" in listed.out
    mine = {"COUNTERSEAL_TOKEN": token}
    assert cli("schemes", env=mine).code == 0
    assert cli("keys", "list", env=mine).code == 4

    changed = cli("callers", "update", "edge", "--role", "auditor", "--no-limits", "--etag", caller["etag"], "--json")
    assert changed.code == 0, changed.err
    assert changed.json()["caller"]["role"] == "auditor"
    assert changed.json()["caller"]["limits"]["tenants"] == []
    assert cli("keys", "list", env=mine).code == 0
    assert cli("callers", "update", "edge", "--description", "x", "--etag", caller["etag"]).code == 3

    rotated = cli("callers", "rotate-token", "edge", "--json").json()["bearer_token"]
    assert cli("schemes", env=mine).code == 4
    assert cli("schemes", env={"COUNTERSEAL_TOKEN": rotated}).code == 0
    assert cli("callers", "update", "edge", "--state", "disabled").code == 0
    assert cli("schemes", env={"COUNTERSEAL_TOKEN": rotated}).code == 4

    assert cli("callers", "delete", "edge").out == "Removed edge.\n"
    assert cli("callers", "get", "edge").code == 3


def test_text_for_people(cli: Cli) -> None:
    created = cli("callers", "create", "mesh", "--role", "lease", "--san", "spiffe://mesh/x", "--string-to-sign")
    assert created.code == 0, created.err
    assert created.err == ""
    assert "bearer token" not in created.out
    assert "recognised by  spiffe://mesh/x" in created.out
    assert "may send strings to sign" in cli("callers", "get", "mesh").out
    both = cli("callers", "create", "both", "--role", "gateway", "--san", "spiffe://mesh/y", "--bearer")
    assert "recognised by  bearer token or spiffe://mesh/y" in both.out
    assert "cannot be read again" in both.err


def test_what_is_refused(cli: Cli) -> None:
    _create(cli, "taken")
    assert cli("callers", "create", "taken", "--role", "gateway").code == 3
    odd = cli("callers", "create", "a b", "--role", "gateway")
    assert odd.code == 2
    assert "caller.name" in odd.err
    assert cli("callers", "create", "x", "--role", "root").code == 2
    assert cli("callers", "update", "taken", "--no-limits", "--tenant", "a").code == 2
    assert "callers list" in cli("callers", "get", "nobody").err


def test_gateways_manage_no_callers(cli: Cli) -> None:
    mine = {"COUNTERSEAL_TOKEN": _create(cli, "curious")}
    for command in (("list",), ("update", "curious", "--role", "admin")):
        assert cli("callers", *command, env=mine).code == 4
