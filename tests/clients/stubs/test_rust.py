"""The Rust stubs: build.rs generates them, cargo builds the example."""

from tests.clients.stubs.programs import ExampleProgram
from tests.clients.stubs.toolchain import CLIENTS, build


class TestRust(ExampleProgram):
    @staticmethod
    def build() -> list[str]:
        folder = CLIENTS / "rust"
        build(["cargo", "build", "--quiet", "--example", "verify"], folder)
        return [str(folder / "target" / "debug" / "examples" / "verify")]
