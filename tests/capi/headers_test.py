"""Checks the headers as compilers, linkers and doxygen see them.

usage: headers_test.py --source ROOT --library LIBLLAVA --cc CC --cxx CXX [--work FOLDER]

- each header alone compiles as C99 (-pedantic -Wall -Wextra -Werror), C++17 and C++20, llava.hpp and its parts as C++17 and C++20;
- the functions of the headers, tests/capi/exports.txt and what the library exports are one list;
- the layout of every struct is the one of tests/capi/layout.txt, in C and in C++;
- every function has a comment that says @return, @param for each argument, and since when it exists;
- doxygen, where installed, has nothing to say.
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

import headers

FLAGS = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-fsyntax-only"]
problems = []


def run(command, text=None):
    done = subprocess.run(command, input=text, capture_output=True, text=True)
    return done.returncode, done.stdout + done.stderr


def compile_one(compiler, standard, language, text, include, what):
    code, output = run([compiler, f"-std={standard}", *FLAGS, f"-I{include}", "-x", language, "-"], text)
    if code:
        problems.append(f"{what} as {standard}:\n{output[:2000]}")


def check_compile(include, cc, cxx):
    count = 0
    for header in sorted((include / "llava").rglob("*.h*")):
        name = header.relative_to(include)
        text = f"#include <{name}>\n"
        jobs = [(cxx, "c++17", "c++"), (cxx, "c++20", "c++")]
        if header.suffix == ".h":
            jobs.append((cc, "c99", "c"))
        for compiler, standard, language in jobs:
            # a C translation unit must not be empty
            compile_one(compiler, standard, language, text + "typedef int not_empty;\n", include, name)
            count += 1
    return count


def check_symbols(include, library, listed):
    declared = sorted(f.name for f in headers.functions(include / "llava"))
    committed = listed.read_text(encoding="utf-8").split()
    _, output = run(["nm", "-D", "--defined-only", str(library)])
    exported = sorted(line.split()[-1].split("@")[0] for line in output.splitlines() if line.split()[-2] not in ("A",))
    for name, other, what in ((declared, committed, "declared, but not in exports.txt"), (committed, declared, "in exports.txt, not declared"),
                              (declared, exported, "declared, but not exported"), (exported, declared, "exported, but not declared")):
        for symbol in sorted(set(name) - set(other))[:20]:
            problems.append(f"{symbol} is {what}")
    return len(exported)


def check_layout(include, committed, cc, cxx):
    now = headers.layout(include / "llava")
    if now != committed.read_text(encoding="utf-8").splitlines():
        problems.append("the layout of a struct has changed; if that is meant, commit the output of headers.py layout")
    text = "\n".join(headers.asserts(committed)) + "\n"
    compile_one(cc, "c11", "c", text, include, "layout")
    compile_one(cxx, "c++17", "c++", text, include, "layout")
    return len(now)


def check_comments(include):
    count = 0
    for header in sorted((include / "llava").glob("*.h")):
        text = header.read_text(encoding="utf-8")
        for comment, name, arguments in re.findall(r"/\*\*((?:(?!\*/).)*)\*/\s*LLAVA_API.*?LLAVA_CALL\s+(llava_\w+)\((.*?)\);", text, re.S):
            count += 1
            if "Since 0.1." not in comment:
                problems.append(f"{header.name}: {name} does not say since when it exists")
            names = [] if arguments.strip() == "void" else [headers.split_declarator(a)[1] for a in arguments.split(",")]
            for argument in names:
                if not re.search(rf"@param {argument}\b", comment):
                    problems.append(f"{header.name}: {name} does not say what {argument} is")
    if count != len(headers.functions(include / "llava")):
        problems.append("a function has no comment")
    return count


def check_doxygen(source):
    if not shutil.which("doxygen"):
        return "not installed"
    with tempfile.TemporaryDirectory() as work:
        configuration = (source / "capi" / "Doxyfile").read_text(encoding="utf-8") + f"\nOUTPUT_DIRECTORY = {work}\n"
        done = subprocess.run(["doxygen", "-"], input=configuration, capture_output=True, text=True, cwd=source)
        for line in done.stderr.splitlines()[:20]:
            problems.append(f"doxygen: {line}")
    return "quiet"


def main():
    parser = argparse.ArgumentParser()
    for name in ("--source", "--library", "--cc", "--cxx"):
        parser.add_argument(name, required=True)
    options = parser.parse_args()
    source = pathlib.Path(options.source)
    include, here = source / "include", source / "tests" / "capi"
    compiled = check_compile(include, options.cc, options.cxx)
    symbols = check_symbols(include, options.library, here / "exports.txt")
    fields = check_layout(include, here / "layout.txt", options.cc, options.cxx)
    comments = check_comments(include)
    doxygen = check_doxygen(source)
    print(f"{compiled} compilations, {symbols} exported symbols, {fields} offsets, {comments} comments, doxygen: {doxygen}")
    for problem in problems:
        print(problem)
    sys.exit(1 if problems else 0)


if __name__ == "__main__":
    main()
