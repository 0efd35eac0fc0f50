"""With torch in the process: its LibTorch is the one in use, tensors go in and out without a copy.

Not part of the default run, which has no torch (3 GB): tools/test runs it where tools/oracle has fetched one.
"""

import subprocess
import sys

import numpy as np
import pytest
from conftest import PICTURE, QUESTION, SCENES

import llava

torch = pytest.importorskip("torch", reason="torch is not installed")


def libraries() -> set[str]:
    """The LibTorch files in this process."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        return {line.split()[-1] for line in maps if "libtorch_cpu" in line}


def test_one_libtorch_is_in_the_process_and_it_is_torchs() -> None:
    (path,) = libraries()
    assert path.startswith(str(torch.__path__[0]))


@pytest.mark.parametrize("order", ["import torch, llava", "import llava, torch"])
def test_both_may_come_first(order: str) -> None:
    code = (
        f"{order}\nimport sys\nwith llava.load(sys.argv[1]) as model:\n"
        "  rows = torch.from_dlpack(model.encode(sys.argv[2]))\n"
        "  assert torch.isfinite(rows @ rows.T).all()\n"
        "  print(model.ask(sys.argv[3], sys.argv[2], temperature=0))\n"
        "assert len({line.split()[-1] for line in open('/proc/self/maps') if 'libtorch_cpu' in line}) == 1\n"
    )
    run = subprocess.run([sys.executable, "-c", code, SCENES, PICTURE, QUESTION], capture_output=True, encoding="utf-8")
    assert (run.stdout, run.returncode) == ("four\n", 0), run.stderr


def test_the_command_uses_the_same_libtorch() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "llava", "chat", SCENES, "--image", PICTURE, "--prompt", QUESTION],
        capture_output=True,
        encoding="utf-8",
    )
    assert (run.stdout, run.stderr) == ("four\n", "")


def test_numbers_are_shared_with_torch(model: llava.Model) -> None:
    embedding = model.encode(PICTURE)
    tensor = embedding.tensor()
    shared = torch.from_dlpack(tensor)
    assert shared.data_ptr() == np.asarray(tensor).ctypes.data
    assert torch.from_dlpack(embedding).data_ptr() == shared.data_ptr()
    assert shared.dtype == torch.float32 and tuple(shared.shape) == embedding.shape
    expected = shared.clone()
    embedding.close()
    del tensor, embedding
    assert torch.equal(shared, expected)
    logits = torch.from_dlpack(model.forward([1, 5]))
    assert torch.allclose(logits.softmax(-1).sum(-1), torch.ones(2))


def test_tensors_come_in(model: llava.Model) -> None:
    numbers = torch.randn(4, 6)
    for given in (numbers, numbers.t().contiguous().t(), numbers.repeat_interleave(2, 1)[:, ::2]):
        assert torch.equal(torch.from_dlpack(llava.Tensor(given)), numbers)
    for dtype in (torch.float16, torch.bfloat16):
        assert torch.equal(torch.from_dlpack(llava.Tensor(numbers.to(dtype))), numbers.to(dtype))
    assert llava.Tensor(numbers.bfloat16()).dtype == "bfloat16"
    with pytest.raises(BufferError) as caught:
        memoryview(llava.Tensor(numbers.bfloat16()))
    assert "bfloat16, which the buffer protocol lacks" in str(caught.value.__cause__)
    with pytest.raises(ValueError, match=r"float64 \[4, 6\]"):
        llava.Tensor(numbers.double())
    rows = torch.from_dlpack(model.encode(PICTURE))
    assert torch.equal(torch.from_dlpack(model.embedding(rows)), rows)


def test_pictures_come_from_tensors_of_any_strides() -> None:
    pixels = torch.from_numpy(np.array(llava.Image(PICTURE)))
    expected = llava.Image(PICTURE).info["sha256"]
    planes = pixels.permute(2, 0, 1).contiguous()
    for given in (pixels, planes.permute(1, 2, 0), pixels.flip(0).flip(0), pixels.transpose(0, 1).contiguous().transpose(0, 1)):
        assert llava.Image(given).info["sha256"] == expected
    with pytest.raises(ValueError, match=r"use .permute\(1, 2, 0\)"):
        llava.Image(planes)
