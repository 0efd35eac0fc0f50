"""Checks that operators.txt, which operators_test.cpp looks up, names the operators of ATen that our object files call, and no
others. They are told by the symbols that LibTorch's headers call, at::_ops::NAME_OVERLOAD::call.

usage: operators_test.py NM FOLDER             the folder of the object files
       operators_test.py NM FOLDER --update    writes the list: for a Python that has the torch libllava is made with
"""
import pathlib
import re
import subprocess
import sys

LIST = pathlib.Path(__file__).with_name("operators.txt")
HEADER = "# What src/ calls of ATen (operators_test.py --update): where, and the schema of LibTorch {version}\n"
CALLED = re.compile(r"at::_ops::(\w+)::call")
ON_CARDS = "aten::_scaled_dot_product_flash_attention", "aten::_scaled_dot_product_flash_attention_backward"


def called(nm, folder):
    objects = sorted(map(str, pathlib.Path(folder).rglob("*.o")))
    symbols = subprocess.run([nm, "-C", "--undefined-only", *objects], check=True, capture_output=True, text=True, errors="replace").stdout
    return len(objects), set(CALLED.findall(symbols))


def symbol_of(schema):
    """"aten::mm.out(Tensor …" is called as mm_out."""
    return schema.split("(")[0].removeprefix("aten::").replace(".", "_")


def update(names):
    import torch

    known = {symbol_of(str(schema)): str(schema) for schema in torch._C._jit_get_all_schemas() if str(schema).startswith("aten::")}
    schemas = sorted(known[name] for name in names)
    lines = [("card " if schema.split("(")[0] in ON_CARDS else "cpu ") + schema + "\n" for schema in schemas]
    LIST.write_text(HEADER.format(version=torch.__version__.split("+")[0]) + "".join(lines), encoding="utf-8")


def main(nm, folder, *more):
    objects, names = called(nm, folder)
    if more == ("--update",):
        update(names)
    listed = {symbol_of(line.split(" ", 1)[1]) for line in LIST.read_text(encoding="utf-8").splitlines() if not line.startswith("#")}
    for name in sorted(names - listed):
        print(f"at::_ops::{name} is called and is not in {LIST.name}: --update adds it")
    for name in sorted(listed - names):
        print(f"at::_ops::{name} is in {LIST.name} and is not called: --update takes it out")
    print(f"{objects} object files, {len(names)} operators")
    return 0 if names and names == listed else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
