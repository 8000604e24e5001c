"""The Java stubs: Maven generates and compiles them, `java` runs the example from its source."""

from tests.clients.stubs.programs import ExampleProgram
from tests.clients.stubs.toolchain import CLIENTS, build, java_runtime


class TestJava(ExampleProgram):
    @staticmethod
    def build() -> list[str]:
        java = java_runtime()
        folder = CLIENTS / "java"
        build(["mvn", "-B", "-q", "compile"], folder)
        classpath = f"{folder / 'target' / 'classes'}:{folder / 'target' / 'dependency'}/*"
        return [java, "-cp", classpath, str(folder / "examples" / "Verify.java")]
