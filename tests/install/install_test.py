"""Installs a build tree and uses it as a stranger would: by pkg-config, by CMake, from a moved prefix.

usage: install_test.py --build DIR --source DIR --cc CC --cxx CXX --cuda ON|OFF

The prefix has a space and non-ASCII characters in its name. The programs of README.md's quick starts are built and run too, as it
says they are: ask.c by pkg-config, ask.cpp by CMake. tests/examples runs all examples, package_test.py looks at the packages.
"""
import argparse
import filecmp
import os
import pathlib
import shlex
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
CONSUMERS = sorted((HERE / "consumer").glob("consumer.c*"))


def run(command, **options):
    """Runs a command, which must succeed; gives its output, where bytes that are no UTF-8 survive as they are in file names."""
    done = subprocess.run(command, capture_output=True, encoding="utf-8", errors="surrogateescape", **options)
    if done.returncode:
        sys.exit(f"{command} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
    return done.stdout


def ok(what):
    print("ok:", what, flush=True)


def install(arguments, prefix):
    run(["cmake", "--install", arguments.build, "--prefix", prefix])
    return prefix


def check_same(first, second):
    """A build installed twice gives the same bytes."""
    files = {path.relative_to(first) for path in first.rglob("*") if path.is_file()}
    assert files == {path.relative_to(second) for path in second.rglob("*") if path.is_file()}, "the two lists of files differ"
    for name in files:
        assert filecmp.cmp(first / name, second / name, shallow=False), f"{name} differs between two installs"
    ok(f"two installs of {len(files)} files are equal")


def check_runpath(prefix):
    library = next(prefix.glob("lib*/**/libllava.so"))
    dynamic = run(["readelf", "-d", str(library)])
    runpath = dynamic.split("Library runpath: [")[1].split("]")[0]
    assert runpath.startswith("$ORIGIN:$ORIGIN/../torch/lib:$ORIGIN/llava/torch/lib:"), runpath
    ok(f"the installed library looks for LibTorch in {runpath}")


def try_program(arguments, program, source, environment=None):
    """Runs a consumer, or a quick start."""
    command = [str(program)]
    if source.parent.name == "examples":
        scenes = pathlib.Path(arguments.source) / "models/scenes"
        command += [str(scenes), str(scenes / "examples/dotted.png"), "How many objects are there?"]
    assert run(command, env=environment).strip(), f"{source.name} printed nothing"
    ok(f"{source.name} runs")


def check_pkg_config(arguments, prefix, place, examples):
    """C by pkg-config. Its output is meant for a shell: every byte beyond ASCII has a backslash before it."""
    libraries = next(prefix.glob("lib*/**/pkgconfig"))
    environment = {**os.environ, "PKG_CONFIG_PATH": str(libraries)}
    flags = shlex.split(run(["pkg-config", "--cflags", "--libs", "llava"], env=environment))
    place.mkdir()
    for source in (path for path in [*CONSUMERS, *examples] if path.suffix == ".c"):
        program = place / source.stem
        run([arguments.cc, "-std=c99", "-pedantic", "-Wall", "-Wextra", "-Werror", str(source), "-o", str(program), *flags])
        ok(f"{source.name} builds by pkg-config")
        try_program(arguments, program, source, {**os.environ, "LD_LIBRARY_PATH": str(libraries.parent)})


def configure(arguments, source, place, prefix, *options):
    return ["cmake", "-G", "Ninja", "-S", str(source), "-B", str(place), f"-DCMAKE_PREFIX_PATH={prefix}",
            f"-DCMAKE_C_COMPILER={arguments.cc}", f"-DCMAKE_CXX_COMPILER={arguments.cxx}", *options]


def check_cmake(arguments, prefix, place, examples):
    sources = [*CONSUMERS, *(path for path in examples if path.suffix == ".cpp")]
    run(configure(arguments, HERE / "consumer", place, prefix, "-DSOURCES=" + ";".join(map(str, sources))))
    run(["cmake", "--build", str(place)])
    for source in sources:
        ok(f"{source.name} builds by CMake")
        try_program(arguments, place / source.name.replace(".", "_"), source)


def check_refused(arguments, prefix, place, wish):
    done = subprocess.run(configure(arguments, HERE / "refused", place, prefix, f"-DWISH={wish}"), capture_output=True, text=True)
    assert done.returncode and "llava" in done.stderr, f"find_package(llava {wish}) should have failed"
    ok(f"find_package(llava {wish}) is refused")


def check_command(prefix):
    if not (prefix / "bin/llava").exists():
        return
    assert "0.1" in run([str(prefix / "bin/llava"), "--version"]), "the installed command does not say its version"
    ok("the installed command runs")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--build", "--source", "--cc", "--cxx", "--cuda"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        prefix = install(arguments, place / "a prefix with Ümläuten and 漢字")
        check_same(prefix, install(arguments, place / "second"))
        check_runpath(prefix)
        check_command(prefix)
        quick_starts = [pathlib.Path(arguments.source) / "examples" / name for name in ("ask.c", "ask.cpp")]
        check_pkg_config(arguments, prefix, place / "by pkg-config", quick_starts)
        check_cmake(arguments, prefix, place / "by cmake", quick_starts)
        check_refused(arguments, prefix, place / "refused version", "0.2")
        if arguments.cuda == "OFF":
            check_refused(arguments, prefix, place / "refused component", "0.1;COMPONENTS;cuda")
        moved = prefix.rename(place / "moved")
        check_pkg_config(arguments, moved, place / "moved by pkg-config", [])
        check_cmake(arguments, moved, place / "moved by cmake", [])


if __name__ == "__main__":
    main()
