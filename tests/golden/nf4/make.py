#!/usr/bin/env python3
"""What NormalFloat4 with quantised scales makes of a matrix, by the formulas of bitsandbytes 0.45 written out in numpy.

    ~/.cache/libllava/oracle-venv/bin/python tests/golden/nf4/make.py

expected.safetensors: matrix (f16, [151, 130]: blocks go over the ends of rows, the last one is short, and there are more than
256 of them), widened (f32). The first block of 64 is zero.
"""

import pathlib

import numpy
from safetensors.numpy import save_file

HERE = pathlib.Path(__file__).resolve().parent
LEVELS = numpy.array([-1.0, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
                      -0.18477343022823334, -0.09105003625154495, 0.0, 0.07958029955625534, 0.16093020141124725,
                      0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023,
                      1.0], "f4")


def dynamic_map():
    data = []
    for i in range(7):
        boundaries = numpy.linspace(0.1, 1, 2**i + 1)
        means = (boundaries[:-1] + boundaries[1:]) / 2
        data += (10.0 ** (-6 + i) * means).tolist() + (-(10.0 ** (-6 + i)) * means).tolist()
    return numpy.sort(numpy.array(data + [0, 1.0])).astype("f4")


def rounded(values, levels):
    return levels[numpy.abs(values[:, None] - levels[None, :]).argmin(1)]


def blocks_of(values, size):
    return [values[i:i + size] for i in range(0, len(values), size)]


def main():
    rng = numpy.random.default_rng(5)
    matrix = (rng.standard_normal((151, 130)) * rng.uniform(0.01, 0.1, (151, 1))).astype("f2")
    flat = matrix.reshape(-1)
    flat[:64] = 0
    blocks = blocks_of(flat.astype("f4"), 64)
    scales = numpy.array([numpy.abs(block).max() for block in blocks], "f4")
    codes = [rounded(block / scale if scale else block, LEVELS) for block, scale in zip(blocks, scales)]
    mean = numpy.float32(scales.astype("f8").mean())
    restored = []
    for group in blocks_of(scales - mean, 256):
        most = numpy.abs(group).max()
        restored.append(rounded(group / most, dynamic_map()) * most + mean)
    widened = numpy.concatenate([code * scale for code, scale in zip(codes, numpy.concatenate(restored))])
    save_file({"matrix": matrix, "widened": widened.astype("f4").reshape(matrix.shape)}, HERE / "expected.safetensors")


if __name__ == "__main__":
    main()
