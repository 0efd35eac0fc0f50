"""Reads and compares .npy arrays with the standard library alone, so that cases can be checked where numpy is absent."""

import array
import ast
import pathlib
import struct
import sys

CODES = {"|u1": "B", "<f4": "f", "<f8": "d", "<i8": "q", "<i4": "i"}


def read_npy(path):
    """(shape as a tuple, flat array.array). Little-endian, C order, the types in CODES."""
    data = pathlib.Path(path).read_bytes()
    if data[:6] != b"\x93NUMPY":
        raise ValueError(f"{path}: not a .npy file")
    width = 2 if data[6] == 1 else 4
    length = struct.unpack("<H" if width == 2 else "<I", data[8 : 8 + width])[0]
    header = ast.literal_eval(data[8 + width : 8 + width + length].decode("latin1"))
    if header["fortran_order"] or header["descr"] not in CODES:
        raise ValueError(f"{path}: {header}, expected C order and one of {', '.join(CODES)}")
    values = array.array(CODES[header["descr"]])
    values.frombytes(data[8 + width + length :])
    if sys.byteorder == "big":
        values.byteswap()
    shape, count = tuple(header["shape"]), 1
    for side in shape:
        count *= side
    if count != len(values):
        raise ValueError(f"{path}: {len(values)} values for shape {shape}")
    return shape, values


def squeezed(shape):
    return tuple(side for side in shape if side != 1)


def largest_difference(got, expected):
    """(max|Δ|, max|Δ| / max(1, max|expected|)) of two (shape, values); a batch side of 1 is ignored.

    Raises ValueError for shapes that differ and for values that are not finite.
    """
    if squeezed(got[0]) != squeezed(expected[0]):
        raise ValueError(f"shape {list(got[0])}, expected {list(expected[0])}")
    worst = 0.0
    for ours, theirs in zip(got[1], expected[1]):
        distance = abs(ours - theirs)
        if not distance <= worst:
            if distance != distance or distance == float("inf"):
                raise ValueError(f"{ours} where {theirs} is expected")
            worst = distance
    largest = max(max(expected[1]), -min(expected[1]), 1.0)
    return worst, worst / largest
