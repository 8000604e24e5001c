"""The README's table of test vectors: suites, cases, passed, and every deviation with its reason.

`python -m tests.support.vector_table` writes it into the README. A case that is not among a suite's deviations passes: the
tests of that suite run every case, and hold each deviation to the verdict written down for it.
"""

import json
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
VECTORS = ROOT / "tests" / "vectors"
README = ROOT / "README.md"
MARKED = re.compile(r"(?<=<!-- vectors -->\n).*?(?=<!-- /vectors -->)", re.DOTALL)


def suites() -> dict[str, list[str]]:
    """Return the ids of the cases of every suite."""
    found = {}
    for path in sorted(VECTORS.glob("*.json")):
        cases = json.loads(path.read_text())["cases"]
        found[path.stem] = [case["id"] for case in cases]
    return found


def deviations() -> dict[str, dict[str, str]]:
    """Return the deviations of every suite that has some: case id and reason."""
    found = {}
    for path in sorted((VECTORS / "deviations").glob("*.json")):
        content = json.loads(path.read_text())
        assert content["suite"] == path.stem
        found[path.stem] = content["deviations"]
    return found


def table() -> str:
    """Return the text that stands between the README's marks."""
    ours, lines = deviations(), ["| suite | cases | passed | deviations |", "|---|---|---|---|"]
    total = passed = 0
    for suite, ids in suites().items():
        kept = len(ids) - len(ours.get(suite, {}))
        lines.append(f"| {suite} | {len(ids)} | {kept} | {len(ids) - kept or ''} |")
        total, passed = total + len(ids), passed + kept
    lines.append(f"| all | {total} | {passed} | {total - passed} |")
    return "\n".join([*lines, "", *_reasons(ours), ""])


def _reasons(ours: dict[str, dict[str, str]]) -> list[str]:
    lines = ["<details><summary>Every deviation, and why</summary>", "", "| suite | cases | why |", "|---|---|---|"]
    for suite, cases in ours.items():
        by_reason = defaultdict(list)
        for case, reason in cases.items():
            by_reason[reason].append(case.removeprefix("aws-c-auth/v4/").removeprefix(f"{suite}/"))
        lines += [f"| {suite} | {', '.join(f'`{name}`' for name in names)} | {reason} |" for reason, names in by_reason.items()]
    return [*lines, "", "</details>"]


def main() -> None:
    """Write the table into the README."""
    README.write_text(MARKED.sub(lambda _: table(), README.read_text()))


if __name__ == "__main__":
    main()
