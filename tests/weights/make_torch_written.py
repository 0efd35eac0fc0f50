"""Has torch open the file that the test of weights/torch_writer writes, and keeps what it found.

usage: LLAVA_TEST_WRITTEN=/tmp/written.bin build/bin/weights_test -ts=weights/torch_writer
       make_torch_written.py /tmp/written.bin        (needs torch and safetensors)

Leaves tests/weights/torch/written.bin, the file as it is, and written.safetensors, its tensors as torch.load(weights_only=True)
gave them: written by the safetensors library from torch's own memory.
"""
import pathlib
import shutil
import sys

import torch
from safetensors.torch import save_file

HERE = pathlib.Path(__file__).parent / "torch"


def main():
    found = torch.load(sys.argv[1], weights_only=True)
    assert type(found) is dict and all(type(value) is torch.Tensor for value in found.values()), found
    again = torch.load(sys.argv[1], weights_only=True, mmap=True)
    assert all(torch.equal(value.nan_to_num(), again[name].nan_to_num()) for name, value in found.items())
    shutil.copy(sys.argv[1], HERE / "written.bin")
    save_file({name: value.clone() for name, value in found.items()}, HERE / "written.safetensors")
    print({name: (tuple(value.shape), value.dtype) for name, value in found.items()})


if __name__ == "__main__":
    main()
