"""Arrays of .npy files, without numpy."""

import array
import ast


def load_npy(path):
    """Shape and numbers of a .npy file, without numpy."""
    content = path.read_bytes()
    assert content[:8] == b"\x93NUMPY\x01\x00", path
    length = int.from_bytes(content[8:10], "little")
    header = ast.literal_eval(content[10 : 10 + length].decode())
    numbers = array.array({"<u4": "I", "<u8": "Q", "<f8": "d"}[header["descr"]])
    numbers.frombytes(content[10 + length :])
    return header["shape"], numbers
