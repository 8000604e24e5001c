"""The Go stubs, built and run as a newcomer would."""

from tests.clients.stubs.programs import ExampleProgram
from tests.clients.stubs.toolchain import CLIENTS, ROOT, build


class TestGo(ExampleProgram):
    @staticmethod
    def build() -> list[str]:
        program = ROOT / ".tools" / "examples" / "verify-go"
        build(["go", "build", "-o", str(program), "./examples/verify"], CLIENTS / "go")
        return [str(program)]


def test_everything_compiles_and_passes_vet() -> None:
    build(["go", "vet", "./..."], CLIENTS / "go")
