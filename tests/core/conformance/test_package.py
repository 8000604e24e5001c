"""The suite is for other people's machines: it needs the core and Python, and nothing that tests or serves."""

import subprocess
import sys

from counterseal.conformance import SchemeConformance, names


def test_it_imports_the_core_alone() -> None:
    asked = "import counterseal.conformance, sys; print(sorted({m.split('.')[0] for m in sys.modules}), [*sys.modules])"
    done = subprocess.run([sys.executable, "-I", "-c", asked], capture_output=True, check=True, timeout=240, text=True)
    for foreign in ("pytest", "hypothesis", "grpc", "google", "sqlalchemy", "click"):
        assert f"'{foreign}'" not in done.stdout
    assert "counterseal.server" not in done.stdout
    assert "counterseal.conformance" in done.stdout


def test_every_check_says_what_holds() -> None:
    assert len(names()) > 45
    for name in names():
        assert getattr(SchemeConformance, name).__doc__, name
