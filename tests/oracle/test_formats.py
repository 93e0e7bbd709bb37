"""Files of instruments, opened by countem and by programs that know these formats: the same pixels in the same rows.

Files that instruments wrote lie in the folder COUNTEM_REAL_DATA; where there is none, those tests are skipped. The others are made
here: by hyperspy where it writes the format, else byte by byte."""

import os
import pathlib
import struct
import sys

import hyperspy.api as hyperspy
import libertem.api
import ncempy.io.ser
import numpy as np
import pytest
import rsciio.blockfile
import rsciio.digitalmicrograph
import rsciio.empad
import rsciio.quantumdetector
import rsciio.tvips
from libertem.io.dataset import mib
from libertem.udf.raw import PickUDF

sys.path.insert(0, os.environ["COUNTEM_PYTHON_PACKAGE"])

import countem as ct  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore::countem.CountemWarning")

REAL = pathlib.Path(os.environ.get("COUNTEM_REAL_DATA", "absent"))


def real(name: str) -> pathlib.Path:
    if not (REAL / name).exists():
        pytest.skip(f"no {name} in COUNTEM_REAL_DATA")
    return REAL / name


@pytest.fixture(scope="module")
def context() -> libertem.api.Context:
    return libertem.api.Context.make_with("inline")


def pixels(file: pathlib.Path, scan: tuple[int, int] | None = None) -> np.ndarray:
    """All frames as countem reads them."""
    raw = ct.open_raw(file, scan=scan)
    return np.stack([raw[divmod(number, raw.shape[1])] for number in range(raw.shape[0] * raw.shape[1])]).reshape(raw.shape)


def frames_of(context: libertem.api.Context, dataset: object) -> np.ndarray:
    """All frames of a data set of LiberTEM."""
    roi = np.ones(dataset.shape.nav, dtype=bool)
    picked = context.run_udf(dataset=dataset, udf=PickUDF(), roi=roi)["intensity"].data
    return np.asarray(picked).reshape(tuple(dataset.shape))


def few(shape: tuple[int, ...], dtype: str, most: int = 9) -> np.ndarray:
    return np.random.default_rng(3).integers(0, most + 1, shape).astype(dtype)


def same(ours: np.ndarray, theirs: np.ndarray) -> None:
    np.testing.assert_array_equal(ours.reshape(-1, *ours.shape[-2:]), np.asarray(theirs).reshape(-1, *theirs.shape[-2:]))


class TestMerlin:
    @pytest.mark.parametrize("name", ["Single_1_Frame_CounterDepth_12_Rows_256", "002_4x2_6bit_roi128", "Quad_1_Frame_CounterDepth_6_Rows_256"])
    def test_libertem(self, name: str, context: libertem.api.Context, tmp_path: pathlib.Path) -> None:
        file = real(f"{name}.mib")
        frames = (2, 4) if name == "002_4x2_6bit_roi128" else (1,)
        theirs = frames_of(context, context.load("mib", path=str(file), nav_shape=frames, disable_glob=True))
        same(pixels(file), theirs)

    @pytest.mark.parametrize("name", ["Single_1_Frame_CounterDepth_12_Rows_256", "002_4x2_6bit_roi128", "Quad_1_Frame_CounterDepth_6_Rows_256"])
    def test_rosettasciio_turns_the_rows(self, name: str, tmp_path: pathlib.Path) -> None:
        (signal,) = rsciio.quantumdetector.file_reader(str(real(f"{name}.mib")))
        ours = pixels(real(f"{name}.mib"))
        assert ours.shape[-4:-2] == signal["data"].shape[:-2] or signal["data"].ndim == 2
        same(ours, signal["data"][..., ::-1, :])

    @pytest.mark.parametrize(("name", "frames"), [("Single_1_Frame_CounterDepth_1_Rows_256RAW", 1), ("Single_9_Frame_CounterDepth_1_Rows_256RAW", 9)])
    def test_single_bits(self, name: str, frames: int) -> None:
        """LiberTEM's decoder itself: the program stops at an assertion on these files."""
        file = real(f"{name}.mib")
        theirs = np.zeros((frames, 256 * 256), np.uint8)
        for number, record in enumerate(np.fromfile(file, np.uint8).reshape(frames, 384 + 8192)):
            mib.decode_r1_swap(record[384:], theirs, number, None, None, None, None, None)
        assert theirs.any()
        same(pixels(file), theirs.reshape(frames, 256, 256))

    def test_single_bits_of_four_chips(self) -> None:
        file = real("Quad_1_Frame_CounterDepth_1_Rows_256RAW.mib")
        rows = np.fromfile(file, np.uint8)[768:].reshape(256, 4, 32)  # chips 4, 3, 2 and 1
        theirs = np.zeros((1, 512 * 512), np.uint8)
        shape = np.array([1, 512, 512])
        for y in range(512):
            for right in (0, 1):
                part = rows[y, 3 - right] if y < 256 else rows[511 - y, 1 - right]
                mib.decode_r1_swap_2x2(part, theirs, 2 * y + right, None, np.array([0, 0, 0, int(y >= 256)]), shape, shape, shape)
        assert theirs.any()
        same(pixels(file), theirs.reshape(1, 512, 512))

    def test_24_bits(self, tmp_path: pathlib.Path) -> None:
        """LiberTEM's decoder itself, as above; no file of an instrument was at hand."""
        stored = few((2, 256, 256), ">u2", 4095)
        header = "MQ1,000001,00384,01,0512,0256,R64,   1x1,01,2021-05-07 18:56:59.0,0.1,MQ1A,24,"
        (tmp_path / "made.mib").write_bytes(header.encode().ljust(384, b"\0") + stored.tobytes())
        theirs = np.zeros((1, 256 * 256), np.uint32)
        for part in (0, 1):
            mib.decode_r24_swap(stored[part].ravel().view(np.uint8), theirs, part, None, None, None, None, None)
        same(pixels(tmp_path / "made.mib"), theirs.reshape(1, 256, 256))

    @pytest.mark.parametrize(("bits", "dtype", "most"), [(6, "u1", 63), (12, ">u2", 4095)])
    def test_raw_of_more_bits(self, bits: int, dtype: str, most: int, context: libertem.api.Context, tmp_path: pathlib.Path) -> None:
        """LiberTEM's readers of R64, which no file of an instrument was at hand for."""
        stored = few((4, 256, 256), dtype, most)
        with open(tmp_path / "made.mib", "wb") as file:
            for number, frame in enumerate(stored, 1):
                header = f"MQ1,{number:06},00384,01,0256,0256,R64,   1x1,01,2021-05-07 18:56:59.0,0.1,MQ1A,{bits},"
                file.write(header.encode().ljust(384, b"\0") + frame.tobytes())
        theirs = frames_of(context, context.load("mib", path=str(tmp_path / "made.mib"), nav_shape=(4,)))
        same(pixels(tmp_path / "made.mib"), theirs)

    @pytest.mark.parametrize(("bits", "dtype", "most"), [(6, "u1", 63), (12, ">u2", 4095)])
    def test_raw_of_four_chips(self, bits: int, dtype: str, most: int, context: libertem.api.Context, tmp_path: pathlib.Path) -> None:
        stored = few((2, 256, 1024), dtype, most)
        with open(tmp_path / "quad.mib", "wb") as file:
            for number, frame in enumerate(stored, 1):
                header = f"MQ1,{number:06},00768,04,1024,0256,R64,   2x2,0F,2021-05-07 18:56:59.0,0.1,MQ1A,{bits},"
                file.write(header.encode().ljust(768, b"\0") + frame.tobytes())
        theirs = frames_of(context, context.load("mib", path=str(tmp_path / "quad.mib"), nav_shape=(2,)))
        same(pixels(tmp_path / "quad.mib"), theirs)


def test_empad(context: libertem.api.Context, tmp_path: pathlib.Path) -> None:
    stored = few((64 * 32, 130, 128), "f4")
    stored.tofile(tmp_path / "scan_x32_y64.raw")
    description = tmp_path / "made.xml"
    description.write_bytes(real("EMPAD_v1.2.2_x32_y64_size0.8.xml").read_bytes())
    ours = pixels(description)
    assert ours.shape[:2] == (64, 32)
    same(ours, rsciio.empad.file_reader(str(description))[0]["data"])
    same(ours, frames_of(context, context.load("empad", path=str(description))))
    same(pixels(tmp_path / "scan_x32_y64.raw"), stored[:, :128])


def test_digital_micrograph(tmp_path: pathlib.Path) -> None:
    file = real("dm4_int16_64x65x66.dm4")
    same(pixels(file), rsciio.digitalmicrograph.file_reader(str(file))[0]["data"])


def test_blockfile(context: libertem.api.Context, tmp_path: pathlib.Path) -> None:
    frames = few((3, 4, 16, 16), "u1")
    hyperspy.signals.Signal2D(frames).save(tmp_path / "made.blo")
    ours = pixels(tmp_path / "made.blo")
    assert ours.shape[:2] == (3, 4)
    same(ours, frames)
    same(ours, frames_of(context, context.load("blo", path=str(tmp_path / "made.blo"))))
    ours = pixels(real("test2.blo"))
    same(ours, rsciio.blockfile.file_reader(str(real("test2.blo")))[0]["data"])


def test_tvips(context: libertem.api.Context, tmp_path: pathlib.Path) -> None:
    frames = few((6, 16, 20), "u2")
    hyperspy.signals.Signal2D(frames).save(tmp_path / "made_000.tvips")
    same(pixels(tmp_path / "made_000.tvips"), frames)
    same(pixels(tmp_path / "made_000.tvips"), frames_of(context, context.load("tvips", path=str(tmp_path / "made_000.tvips"), nav_shape=(6,), sync_offset=0)))
    first = real("test_tvips_2345_split_000.tvips")
    same(pixels(first, (2, 3)), rsciio.tvips.file_reader(str(first))[0]["data"])


def test_ser(tmp_path: pathlib.Path) -> None:
    """Written here as the description of the format has it, read by two programs."""
    frames = few((5, 12, 7), "u2")
    header = struct.pack("<HHHIIIIII", 0x4949, 0x0197, 0x210, 0x4122, 0x4152, 5, 5, 30 + 28 + 8, 1)
    header += struct.pack("<IddIII", 5, 0, 1, 0, 0, 0)
    start = len(header)
    assert start == 30 + 28 + 4
    header = header[:22] + struct.pack("<I", start) + header[26:]
    element = 50 + frames[0].nbytes
    first = start + 5 * 8
    tags = first + 5 * element
    header += struct.pack("<5I", *(first + number * element for number in range(5))) + struct.pack("<5I", *(tags + 8 * number for number in range(5)))
    body = b"".join(struct.pack("<ddIddIHII", 0, 1, 0, 0, 1, 0, 2, 7, 12) + frame[::-1].tobytes() for frame in frames)
    (tmp_path / "made.ser").write_bytes(header + body + struct.pack("<HHI", 0x4152, 0, 0) * 5)
    ours = pixels(tmp_path / "made.ser")
    same(ours, frames)
    with ncempy.io.ser.fileSER(str(tmp_path / "made.ser")) as file:
        same(ours, np.stack([file.getDataset(number)[0] for number in range(5)]))


def test_seq(context: libertem.api.Context, tmp_path: pathlib.Path) -> None:
    frames = few((4, 12, 7), "u2")
    header = bytearray(8192)
    struct.pack_into("<I24sii", header, 0, 0xFEED, "Norpix seq\n".encode("utf-16-le"), 5, 1024)
    struct.pack_into("<16s", header, 36, "frames".encode("utf-16-le"))
    struct.pack_into("<9I", header, 548, 7, 12, 16, 16, frames[0].nbytes, 100, 4, 0, 200)
    (tmp_path / "made.seq").write_bytes(bytes(header) + b"".join(frame.tobytes().ljust(200, b"x") for frame in frames))
    ours = pixels(tmp_path / "made.seq")
    same(ours, frames)
    same(ours, frames_of(context, context.load("seq", path=str(tmp_path / "made.seq"), nav_shape=(4,))))
