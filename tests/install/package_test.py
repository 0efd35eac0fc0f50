"""Makes the packages, unpacks and installs them, and uses what lies there, with LibTorch somewhere else.

usage: package_test.py --build DIR --source DIR --torch DIR --cc CC --cxx CXX

The tar.gz goes to a folder whose name has a space, an umlaut and an emoji; the Debian packages go to a root of their own, and leave
it again. LLAVA_FULL=1 looks for the Debian packages' dependencies too (6 s: dpkg-shlibdeps reads LibTorch), and installs LibTorch (450 MB).
"""
import argparse
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).parent
SONAME = "libllava.so.0.1"
FULL = os.environ.get("LLAVA_FULL") == "1"
ENVIRONMENT = {name: value for name, value in os.environ.items() if name not in ("LD_LIBRARY_PATH", "LLAVA_TORCH_DIR", "DESTDIR")}


def run(*command, code=0, **more):
    """Runs a command, which must end with `code`; gives stdout and stderr together."""
    done = subprocess.run([str(part) for part in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, encoding="utf-8",
                          errors="surrogateescape", env={**ENVIRONMENT, **more})
    if done.returncode != code:
        sys.exit(f"{command} ended with {done.returncode}, expected {code}\n{done.stdout[-4000:]}")
    return done.stdout


def ok(what):
    print("ok:", what, flush=True)


def configure(arguments, place, prefix, *options, code=0):
    consumer = HERE / "consumer"
    return run("cmake", "-G", "Ninja", "-S", consumer, "-B", place, f"-DCMAKE_PREFIX_PATH={prefix}", f"-DCMAKE_C_COMPILER={arguments.cc}",
               f"-DCMAKE_CXX_COMPILER={arguments.cxx}", f"-DSOURCES={consumer / 'consumer.c'}", *options, code=code)


def make_packages(arguments, place):
    run("cpack", "--config", f"{arguments.build}/CPackConfig.cmake", "-G", "TGZ;DEB", "-B", place, "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip",
        "-D", f"CPACK_DEBIAN_PACKAGE_SHLIBDEPS={'ON' if FULL else 'OFF'}")
    return sorted(place.glob("*.tar.gz")), sorted(place.glob("*.deb"))


def check_without_torch(arguments, prefix, place):
    """Each way to notice that LibTorch is not there says what to do."""
    said = run(prefix / "libexec/llava/llava-torch", code=1)
    assert "finds no LibTorch 2.11" in said and "llava-torch FOLDER" in said, said
    said = " ".join(configure(arguments, place / "no LibTorch", prefix, code=1).split())
    assert "libllava needs LibTorch 2.11.0, which is not in" in said and "-DLLAVA_TORCH_DIR=FOLDER" in said, said
    assert "libtorch_cpu.so" in run(prefix / "bin/llava", "--version", code=127)
    ok("without LibTorch the messages say what to do")


def check_torch_dir(arguments, prefix, place):
    """A program that was told LLAVA_TORCH_DIR finds LibTorch when it runs."""
    configure(arguments, place / "LLAVA_TORCH_DIR", prefix, f"-DLLAVA_TORCH_DIR={arguments.torch}")
    run("cmake", "--build", place / "LLAVA_TORCH_DIR")
    assert "NOT_FOUND" in run(place / "LLAVA_TORCH_DIR/consumer_c")
    ok("with LLAVA_TORCH_DIR a program builds and runs")


def check_torch_link(arguments, prefix, place):
    """The link of llava-torch serves everybody: the command, CMake, pkg-config."""
    program = prefix / "libexec/llava/llava-torch"
    assert "has no lib/libtorch_cpu.so" in run(program, place, code=1)
    old = place / "torch of another version"
    (old / "lib").mkdir(parents=True)
    (old / "lib/libtorch_cpu.so").touch()
    (old / "build-version").write_text("2.10.0+cpu\n", encoding="utf-8")
    assert "holds LibTorch 2.10.0+cpu, expected 2.11" in run(program, old, code=1)
    assert run(program, arguments.torch).strip() == str(prefix / "lib/llava/torch/lib/libtorch_cpu.so")
    assert "llava 0.1" in run(prefix / "bin/llava", "--version")
    configure(arguments, place / "linked", prefix)
    flags = shlex.split(run("pkg-config", "--cflags", "--libs", "llava", PKG_CONFIG_PATH=str(prefix / "lib/pkgconfig")))
    run(arguments.cc, HERE / "consumer/consumer.c", "-o", place / "by pkg-config", *flags)
    assert "NOT_FOUND" in run(place / "by pkg-config", LD_LIBRARY_PATH=str(prefix / "lib"))
    run(program, "--forget")
    assert not (prefix / "lib/llava").exists(), "llava-torch --forget left its folder"
    ok("llava-torch FOLDER serves the command, CMake and pkg-config; other versions are refused")


def check_whole_tree(arguments, prefix):
    """LibTorch inside the installed tree: 450 MB."""
    run("cmake", "--install", arguments.build, "--prefix", prefix, "--component", "LibTorch")
    assert run(prefix / "libexec/llava/llava-torch").strip() == str(prefix / "lib/llava/torch/lib/libtorch_cpu.so")
    assert "llava 0.1" in run(prefix / "bin/llava", "--version")
    ok("a tree with LibTorch inside needs nothing else")


def check_archive(arguments, archive, place):
    folder = place / "ein Präfix 🐱"
    folder.mkdir()
    run("tar", "-xzf", archive, "-C", folder)
    prefix = next(folder.iterdir())
    dynamic = run("readelf", "-d", prefix / "lib/libllava.so")
    runpath = dynamic.split("Library runpath: [")[1].split("]")[0]
    assert all(part.startswith("$ORIGIN") for part in runpath.split(":")), f"the archive's library names a folder of this machine: {runpath}"
    check_without_torch(arguments, prefix, place)
    check_torch_dir(arguments, prefix, place)
    check_torch_link(arguments, prefix, place)
    if FULL:
        check_whole_tree(arguments, prefix)


def files_in(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if (path.is_symlink() or path.is_file()) and
                  not str(path.relative_to(root)).startswith("var/"))


def check_debian(arguments, packages, place):
    root = place / "a root"
    for folder in ("info", "updates", "triggers"):
        (root / "var/lib/dpkg" / folder).mkdir(parents=True)
    for file in ("status", "available"):
        (root / "var/lib/dpkg" / file).touch()
    dpkg = ["dpkg", f"--root={root}", "--force-not-root", "--force-script-chrootless", "--force-depends", "--force-bad-path", "--no-triggers"]
    said = run(*dpkg, "-i", *packages)
    assert "finds no LibTorch 2.11" in said, f"the package should say that LibTorch is missing:\n{said}"
    for file in ("usr/bin/llava", "usr/lib/libllava.so.0.1", "usr/lib/libllava.so", "usr/libexec/llava/llava-rank", "usr/lib/pkgconfig/llava.pc",
                 "usr/include/llava/llava.hpp", "usr/lib/cmake/llava/llava-config.cmake", "usr/share/doc/libllava0.1/copyright"):
        assert (root / file).exists(), f"no package brings {file}"
    run(root / "usr/libexec/llava/llava-torch", arguments.torch)
    assert "llava 0.1" in run(root / "usr/bin/llava", "--version")
    run(*dpkg, "-P", "llava", "libllava-dev", "libllava0.1")
    assert files_in(root) == [], f"left after the packages were removed: {files_in(root)}"
    ok(f"{len(packages)} Debian packages install, run and leave nothing behind")
    if FULL:
        depends = run("dpkg-deb", "-f", next(p for p in packages if p.name.startswith("libllava0")), "Depends")
        assert "libjpeg62-turbo" in depends and "libc6 (>=" in depends, depends
        ok(f"the library's package depends on {depends.strip()}")


def check_subdirectory(arguments, place):
    """libllava inside another project: configured, its headers used; the library is the one that is built already, put where that
    project would build it (minutes), so that its programs are linked by their own lines, and run."""
    run("cmake", "-G", "Ninja", "-S", HERE / "subdirectory", "-B", place, f"-DLIBLLAVA={arguments.source}", f"-DLLAVA_TORCH_DIR={arguments.torch}",
        f"-DCMAKE_C_COMPILER={arguments.cc}", f"-DCMAKE_CXX_COMPILER={arguments.cxx}")
    objects = [line.split(":")[0] for line in run("ninja", "-C", place, "-t", "targets", "all").splitlines() if "/consumer." in line.split(":")[0]]
    assert len(objects) == 2, objects
    run("ninja", "-C", place, *objects)
    for program in ("consumer_c", "consumer_cpp"):
        link = run("ninja", "-C", place, "-t", "commands", program).splitlines()[-1]
        assert "libllava.so" in link and "torch" not in link.replace(str(arguments.torch), "").replace("-rpath", ""), link
        library = place / next(word for word in shlex.split(link) if ".so" in word and "libllava" in word)
        library.parent.mkdir(parents=True, exist_ok=True)
        for name in (library.name, SONAME):
            shutil.copyfile(pathlib.Path(arguments.build) / "lib" / SONAME, library.parent / name)
        run("sh", "-c", f"cd {shlex.quote(str(place))} && {link}")
        assert "there is no such model" in run(place / program), f"{program} of a project with libllava inside does not run"
    tests = [line for line in run("ninja", "-C", place, "-t", "targets", "all").splitlines() if "_test:" in line]
    assert not tests, f"a project inside another builds no tests: {tests[:3]}"
    ok("libllava serves by add_subdirectory, without its tests and install rules")


def main():
    parser = argparse.ArgumentParser()
    for name in ("--build", "--source", "--torch", "--cc", "--cxx"):
        parser.add_argument(name, required=True)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        place = pathlib.Path(folder)
        archives, packages = make_packages(arguments, place / "packages")
        assert len(archives) == 1 and len(packages) == 3, (archives, packages)
        check_archive(arguments, archives[0], place)
        if shutil.which("dpkg"):
            check_debian(arguments, packages, place)
        else:
            print("skipped: there is no dpkg to install the Debian packages with", flush=True)
        check_subdirectory(arguments, place / "subdirectory")


if __name__ == "__main__":
    main()
