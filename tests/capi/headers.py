"""Reads the C headers: functions with their arguments, structs with their fields, and the layout a 64-bit compiler gives them.

usage: headers.py symbols HEADER_FOLDER     names of all functions, one a line, sorted
       headers.py layout HEADER_FOLDER      one line a field: struct field offset size
       headers.py constants HEADER_FOLDER   one line an enumerator or number: name value
       headers.py asserts LAYOUT_FILE       a C source that fails to compile where a compiler disagrees with the layout

The headers are written plainly enough for regular expressions: no macro makes a declaration, one declarator a field.
"""
import pathlib
import re
import sys
from dataclasses import dataclass, field

SIZES = {"int32_t": 4, "uint32_t": 4, "float": 4, "int64_t": 8, "uint64_t": 8, "double": 8, "size_t": 8, "char": 1,
         "llava_status": 4}


@dataclass
class Argument:
    type: str  # "const llava_image *", blanks as clang-format leaves them
    name: str


@dataclass
class Function:
    name: str
    result: str
    header: str
    arguments: list = field(default_factory=list)


def without_comments(text):
    return re.sub(r"/\*.*?\*/", "", text, flags=re.S)


def split_declarator(text):
    """("const char *", "path") of "const char *path"."""
    found = re.match(r"^(.*?)(\w+)$", " ".join(text.split()), re.S)
    return found.group(1).strip(), found.group(2)


def functions(folder):
    """All exported functions, in the order of the headers' names."""
    pattern = re.compile(r"LLAVA_API\s+(?:LLAVA_NODISCARD\s+)?([^#;]*?)LLAVA_CALL\s+(llava_\w+)\((.*?)\);", re.S)
    found = []
    for header in sorted(pathlib.Path(folder).glob("*.h")):
        for result, name, arguments in pattern.findall(without_comments(header.read_text(encoding="utf-8"))):
            function = Function(name, " ".join(result.split()), header.name)
            if arguments.strip() != "void":
                function.arguments = [Argument(*split_declarator(part)) for part in arguments.split(",")]
            found.append(function)
    return found


def structs(folder):
    """{name: [(type, field, count)]} of all structs with fields."""
    found = {}
    for header in sorted(pathlib.Path(folder).glob("*.h")):
        text = without_comments(header.read_text(encoding="utf-8"))
        for body, name in re.findall(r"typedef struct \w+ \{(.*?)\} (\w+);", text, re.S):
            fields = []
            for line in body.split(";"):
                if not line.strip():
                    continue
                array = re.match(r"^(.*)\[(\d+)\]$", line.strip(), re.S)
                kind, member = split_declarator(array.group(1) if array else line)
                fields.append((kind, member, int(array.group(2)) if array else 1))
            found[name] = fields
    return found


def size_of(kind):
    if kind in SIZES:
        return SIZES[kind]
    if kind.endswith("*") or kind.endswith("_fn"):
        return 8
    raise SystemExit(f"a field has the unexpected type {kind!r}")


def layout(folder):
    """Lines "struct field offset size". A hole between fields or at the end is an error: no implicit padding."""
    lines = []
    for name, fields in sorted(structs(folder).items()):
        offset, widest = 0, 1
        for kind, member, count in fields:
            size = size_of(kind)
            if offset % size:
                raise SystemExit(f"{name}.{member} is not aligned: {offset} % {size}")
            lines.append(f"{name} {member} {offset} {size * count}")
            offset += size * count
            widest = max(widest, size)
        if offset % widest:
            raise SystemExit(f"{name} ends with padding: {offset} % {widest}")
        lines.append(f"{name} - {offset} 0")
    return lines


def constants(folder):
    """Lines "name value" of all enumerators and of the macros that are numbers, versions left out."""
    lines = []
    for header in sorted(pathlib.Path(folder).glob("*.h")):
        text = without_comments(header.read_text(encoding="utf-8"))
        for body in re.findall(r"\benum\s*\{(.*?)\}", text, re.S):
            for enumerator in filter(None, (part.strip() for part in body.split(","))):
                if "=" not in enumerator:
                    raise SystemExit(f"{header.name}: {enumerator} has no value of its own")
                lines.append(" ".join(part.strip() for part in enumerator.split("=")))
        lines += [f"{name} {value}" for name, value in re.findall(r"^#define (LLAVA_\w+) \(?(-?\d+)\)?\s*$", text, re.M)
                  if not name.startswith("LLAVA_VERSION")]
    return sorted(lines)


def stand_in(folder):
    """A C source that defines every function of the headers: a library with its debug information, for libabigail."""
    out = ["#include <llava/llava.h>"]
    for function in functions(folder):
        arguments = ", ".join(f"{a.type} {a.name}" for a in function.arguments) or "void"
        body = " ".join(f"(void){a.name};" for a in function.arguments) + ("" if function.result == "void" else " return 0;")
        out.append(f"{function.result} LLAVA_CALL {function.name}({arguments}) {{ {body} }}")
    return out


def asserts(path):
    """A source that any C11 or C++ compiler checks against the committed layout."""
    out = ["/* Generated from layout.txt: every offset and size as committed. */", "#include <llava/llava.h>", "#include <stddef.h>",
           "#ifdef __cplusplus", "#define LLAVA_ASSERT static_assert", "#else", "#define LLAVA_ASSERT _Static_assert", "#endif"]
    for line in pathlib.Path(path).read_text(encoding="utf-8").splitlines():
        name, member, offset, size = line.split()
        if member == "-":
            out.append(f'LLAVA_ASSERT(sizeof({name}) == {offset}, "{name}");')
        else:
            out.append(f'LLAVA_ASSERT(offsetof({name}, {member}) == {offset}, "{name}.{member}");')
            out.append(f'LLAVA_ASSERT(sizeof((({name} *)0)->{member}) == {size}, "{name}.{member}");')
    return out


def main():
    what, where = sys.argv[1:3]
    if what == "symbols":
        print("\n".join(sorted(f.name for f in functions(where))))
    elif what == "layout":
        print("\n".join(layout(where)))
    elif what == "constants":
        print("\n".join(constants(where)))
    else:
        print("\n".join(asserts(where)))


if __name__ == "__main__":
    main()
