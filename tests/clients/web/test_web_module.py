"""The browser's module: built under `strict`, run by Node's own test runner, and signed with for the service's own verifier."""

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.clients.web.building import BUNDLE, NODE, WEB, copy, run_node
from tests.support.require import require_program

# A first build installs the compiler.
pytestmark = pytest.mark.timeout(600)
SUITES = sorted(path.name for path in NODE.glob("*.test.mjs"))


@pytest.mark.parametrize("suite", SUITES)
def test_suite_of_node(package: Path, suite: str) -> None:
    said = run_node(package / "dist" / "index.js", "--test", "--test-reporter=tap", suite)
    assert int(re.findall(r"^# pass (\d+)$", said, re.MULTILINE)[-1]) >= 5, "hardly a test ran"
    assert re.findall(r"^# skipped (\d+)$", said, re.MULTILINE)[-1] == "0"


def test_the_suites_are_found() -> None:
    assert {"request.test.mjs", "session.test.mjs", "signature.test.mjs", "renewal.test.mjs"} <= set(SUITES)


def test_a_type_that_is_left_open_is_found(tmp_path: Path) -> None:
    """The build runs the same check, and passes."""
    broken = copy(tmp_path / "broken")
    keys = broken / "src" / "keys.ts"
    keys.write_text(keys.read_text() + "\nexport const twice = (value) => value * 2;\n")
    done = subprocess.run([require_program("npm"), "run", "check"], cwd=broken, capture_output=True, text=True, check=False)
    assert done.returncode != 0
    assert re.findall(r"error (TS\d+)", done.stdout) == ["TS7006"]


class TestOneFile:
    """The file that the demonstration serves to people who have no Node."""

    def test_is_what_the_source_builds(self, package: Path, tmp_path: Path) -> None:
        run_node(package / "dist" / "index.js", str(package / "bundle.mjs"), str(tmp_path / "made.js"))
        assert BUNDLE.read_text() == (tmp_path / "made.js").read_text(), "run `npm run build && npm run bundle` in clients/web"

    def test_needs_nothing_else(self) -> None:
        text = BUNDLE.read_text()
        assert not re.search(r"^\s*import\b|\bimport\(|\brequire\(|\beval\(|new Function|sourceMappingURL", text, re.MULTILINE)
        assert not re.search(r"localStorage|sessionStorage|document\.cookie", text)

    @pytest.mark.parametrize("suite", SUITES)
    def test_behaves_like_the_modules(self, package: Path, suite: str, tmp_path: Path) -> None:
        # Beside the modules, since one test looks into one of them. Node takes it for a module by the package.json.
        shutil.copytree(package / "dist", tmp_path / "dist")
        shutil.copy(package / "package.json", tmp_path)
        single = tmp_path / "dist" / "single.js"
        single.write_text(BUNDLE.read_text())
        run_node(single, "--test", "--test-reporter=tap", suite)


class TestPackage:
    def test_holds_what_it_should_and_nothing_else(self, package: Path) -> None:
        command = [require_program("npm"), "pack", "--dry-run", "--json", "--ignore-scripts"]
        done = subprocess.run(command, cwd=package, capture_output=True, text=True, check=True)
        (packed,) = json.loads(done.stdout)
        modules = {f"dist/{source.stem}{kind}" for source in (WEB / "src").glob("*.ts") for kind in (".js", ".d.ts")}
        paths = {entry["path"] for entry in packed["files"]}
        assert paths == modules | {"package.json", "README.md", "LICENSE"}

    def test_can_be_imported_by_name(self, package: Path, tmp_path: Path) -> None:
        (tmp_path / "node_modules" / "@counterseal").mkdir(parents=True)
        (tmp_path / "node_modules" / "@counterseal" / "web").symlink_to(package)
        (tmp_path / "page.mjs").write_text('console.log(Object.keys(await import("@counterseal/web")).sort().join());')
        said = run_node(package, str(tmp_path / "page.mjs"))
        assert said.split(",")[:3] == ["Counterseal", "FrontUnavailable", "NotSignable"]
        assert json.loads((WEB / "package.json").read_text())["sideEffects"] is False

    def test_depends_on_nothing(self) -> None:
        described = json.loads((WEB / "package.json").read_text())
        assert "dependencies" not in described
        assert set(described["devDependencies"]) == {"typescript"}
        assert "://" not in (WEB / "package-lock.json").read_text()
