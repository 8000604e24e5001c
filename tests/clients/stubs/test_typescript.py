"""The TypeScript stubs, compiled under `strict` and run by Node."""

from tests.clients.stubs.programs import ExampleProgram
from tests.clients.stubs.toolchain import CLIENTS, build, npm_packages
from tests.protos.checkout import installing
from tests.support.require import require_program


class TestTypeScript(ExampleProgram):
    @staticmethod
    def build() -> list[str]:
        node = require_program("node")
        folder = CLIENTS / "typescript"
        with installing():
            npm_packages(folder)
        build(["npm", "run", "--silent", "build"], folder)
        return [node, str(folder / "dist" / "examples" / "verify.js")]
