"""bindings/java/build after a failure: what it had made before is not taken for what it makes now.

Compilers, swig and Java are stood in for by scripts, so that this is about the order of things alone.
"""
import os
import pathlib
import stat
import subprocess
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parents[2]
SONAME = "libllava.so.0.1"

SWIG = """#!/bin/sh
while [ $# -gt 0 ]; do case $1 in -outdir) out=$2 ;; -o) file=$2 ;; esac; shift; done
echo 'public interface NativeConstants {}' >"$out/NativeConstants.java"
echo // >"$file"
"""
COMPILER = """#!/bin/sh
[ "$MAKES" = nothing ] && exit 1
while [ $# -gt 0 ]; do case $1 in -o) file=$2 ;; esac; shift; done
echo "$MAKES" >"$file"
"""


def program(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return path


class Build(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.place = pathlib.Path(folder.name)
        self.wrapper = self.place / "out/natives/libllava_java.so"
        program(self.place / "bin/swig", SWIG)
        program(self.place / "jdk/bin/javac", "#!/bin/sh\n")
        program(self.place / "compiler", COMPILER)
        (self.place / SONAME).write_text("the library", encoding="utf-8")

    def build(self, makes):
        environment = {**os.environ, "PATH": f"{self.place}/bin:{os.environ['PATH']}", "JAVA_HOME": f"{self.place}/jdk", "MAKES": makes,
                       "CXX": f"{self.place}/compiler", "CCACHE_DISABLE": "1"}
        command = [ROOT / "bindings/java/build", "--library", self.place, "--out", self.place / "out"]
        return subprocess.run(command, env=environment, capture_output=True).returncode

    def headers_change(self):
        """What was made before is older than the headers."""
        for path in (self.place / "out").rglob("*"):
            os.utime(path, (0, 0))

    def test_a_build_that_failed_is_made_again(self):
        self.assertNotEqual(self.build("nothing"), 0)
        self.assertFalse(self.wrapper.exists())
        self.assertEqual(self.build("first"), 0)
        self.assertEqual(self.wrapper.read_text(), "first\n")
        self.assertEqual(self.build("not called"), 0)
        self.assertEqual(self.wrapper.read_text(), "first\n")  # nothing has changed
        self.headers_change()
        self.assertNotEqual(self.build("nothing"), 0)
        self.assertEqual(self.build("second"), 0)
        self.assertEqual(self.wrapper.read_text(), "second\n")


if __name__ == "__main__":
    unittest.main()
