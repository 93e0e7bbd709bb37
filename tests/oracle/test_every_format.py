"""Every format x type of pixel x role (frames, darks, gain, mask, weights) x axes x way of giving it, through the command line.

A cell counts small frames with references of the same kind, all given alike, and compares the references in the store and the
electrons with those of numpy; then it reduces the store with images of that kind. What a kind cannot be is in the table with words
of the sentence that refuses it (`Kind.image`, `Kind.mask`), and is tried, too. All formats hold one frame, a line and a scan; what
holds no scan is folded (`Kind.holds_scan`)."""

import pathlib
from dataclasses import dataclass, field

import h5py
import numpy as np
import pytest

import frame_writers as writers
from frame_writers import Kind
from program import Program

LOWS = {"u1": 150, "i1": -50, "u2": 40_000, "i2": -30_000, "u4": 1_000_003, "i4": -1_000_003, "u8": 1_000_003, "i8": -1_000_003,
        "f2": -5.5, "f4": 1000.25, "f8": -1000.0625, "?": 0}
NUMBERS = ["u1", "i1", *(order + code for code in LOWS if code[1:] not in ("", "1") for order in "<>")]
CAMERA = (576, 576)
OF_CAMERA = "holds raw frames of a camera (4D Camera), and an image of the detector is expected"
NO_FORMAT = "its format cannot be told from its name or its first bytes"


def kind(name: str, write: writers.Writer, dtype: str, type: str = "", **more: object) -> Kind:
    of_dtype = {"low": LOWS[dtype.lstrip("<>")]} | ({"step": 1} if dtype == "?" else {})
    return Kind(name, type or dtype.replace("<", "le_").replace(">", "be_").replace("?", "bool"), dtype, write, **(of_dtype | more))


def flat(dtype: str) -> Kind:
    """Flat images hold f32, as masks bytes."""
    size = np.dtype(dtype).itemsize
    unlike = "a flat file of one f32 a pixel, which has 256 bytes"
    if size == 4:
        unlike = "seems to hold big-endian f32" if dtype == ">f4" else "seems to hold whole numbers of 32 bits"
    return kind("raw", writers.raw, dtype, options=("--shape", "8x8", "--dtype", dtype if dtype[0] in "<>" else f"|{dtype}"),
                holds_scan=False, image="" if dtype == "<f4" else unlike,
                mask="" if size == 1 else "a flat file of one u8 a pixel, which has 64 bytes")


def camera(version: str, write: writers.Writer, why: str, named: bool, **more: object) -> Kind:
    return kind(version, write, "<u2", options=("--input-format", version) if named else (), **({"image": why, "mask": why} | more))


DM_TYPES = (("<i2", 1, 2), ("<f4", 2, 6), ("u1", 6, 10), ("<i4", 7, 3), ("i1", 9, 9), ("<u2", 10, 4), ("<u4", 11, 5), ("<f8", 12, 7))
MRC_TYPES = ((0, "i1"), (0, "u1"), (1, "<i2"), (1, ">i2"), (2, "<f4"), (2, ">f4"), (6, "<u2"), (6, ">u2"), (12, "<f2"), (12, ">f2"))
SER_TYPES = ("u1", "<u2", "<u4", "i1", "<i2", "<i4", "<f4", "<f8")
KINDS = [
    *(kind("npy", writers.npy, dtype) for dtype in (*NUMBERS, "?")),
    *(kind("npy_fortran", writers.fortran, dtype) for dtype in ("<u2", ">f8")),
    *(kind("hdf5", writers.hdf5, dtype) for dtype in (*NUMBERS, "?")),
    *(kind("hdf5_chunked", writers.chunked, dtype) for dtype in ("<u2", ">f4", "<i8")),
    *(flat(dtype) for dtype in NUMBERS),
    *(kind("mrc", writers.mrc(mode, "<" if dtype[0] != ">" else ">"), dtype, holds_scan=False) for mode, dtype in MRC_TYPES),
    kind("mrc", writers.mrc(101), "u1", "4bit", low=1, step=8, holds_scan=False),
    *(kind("mib", writers.mib(pixel), dtype) for pixel, dtype in (("U08", "u1"), ("U16", ">u2"), ("U32", ">u4"))),
    kind("mib", writers.mib("R64", "1"), "u1", "1bit", shape=(64, 64), low=0, step=1),
    kind("mib", writers.mib("R64", "6"), "u1", "6bit", low=5),
    kind("mib", writers.mib("R64", "12"), "<u2", "12bit", low=4000),
    kind("mib", writers.mib("R64", "24"), "<u4", "24bit", low=8_000_000),
    kind("empad", writers.empad, "<f4", shape=(128, 128)),
    kind("empad_xml", writers.empad_xml, "<f4", shape=(128, 128)),
    *(kind(f"dm{version}", writers.dm(number, element, version), dtype) for version in (3, 4) for dtype, number, element in DM_TYPES),
    kind("dm4", writers.dm(14, 8), "?"),
    kind("dm4_scan_fastest", writers.dm(10, 4, scan_fastest=True), "<u2"),
    *(kind("tvips", writers.tvips, dtype, holds_scan=False) for dtype in ("u1", "<u2")),
    *(kind("blo", writers.blo, dtype) for dtype in ("u1", "<u2")),
    *(kind("ser", writers.ser(number), dtype) for number, dtype in enumerate(SER_TYPES, 1)),
    *(kind("seq", writers.seq, dtype, holds_scan=False) for dtype in ("u1", "<u2", "<u4")),
    camera("v1", writers.blocks(1), OF_CAMERA, True, holds_scan=False),
    camera("v2", writers.blocks(2), OF_CAMERA, True, holds_scan=False, shape=CAMERA),
    camera("v3", writers.records(3), OF_CAMERA, False, shape=CAMERA),
    camera("v4", writers.records(4), OF_CAMERA, True, shape=CAMERA),
    camera("v5", writers.records(5), OF_CAMERA, False, shape=CAMERA),
]


@dataclass
class Scene:
    """What is written of a kind: frames, darks that alternate around their mean, factors and a mask."""

    kind: Kind
    axes: int

    def __post_init__(self) -> None:
        rng = np.random.default_rng(7)
        shape, step = self.kind.shape, self.kind.step
        lead = {2: (), 3: (12,), 4: (3, 4)}[self.axes] if shape != CAMERA else {2: (), 3: (2,), 4: (2, 1)}[self.axes]
        is_bit, has_fractions = step == 1, np.dtype(self.kind.dtype).kind == "f"
        self.dark = self.kind.low + (0 if is_bit else 1) + rng.integers(0, 1 if is_bit else 4, shape)
        alternating = np.arange(np.prod(lead, dtype=int)) % 2 * 2 - 1
        self.darks = self.typed(self.dark + (0 if is_bit or self.axes == 2 else alternating.reshape(*lead, 1, 1)) + np.zeros((*lead, 1, 1)))
        electrons = np.zeros((*lead, *shape), bool)
        electrons[..., ::2, ::2] = rng.random((*lead, shape[0] // 2, shape[1] // 2)) < 0.4  # none touches another
        self.frames = self.typed(self.dark + step * electrons)
        self.charges = step * electrons
        where = np.add.outer(np.arange(shape[0]) // 2, np.arange(shape[1]) // 2)
        low, high = (0.75, 1.5) if has_fractions else (0, 1) if is_bit else (1, 2)
        self.gain = np.where(where % 2, high, low)
        self.mask = np.where(where % 3 == 2, 0.5 if has_fractions else 1, 0)

    def typed(self, values: np.ndarray) -> np.ndarray:
        made = np.asarray(values).astype(self.kind.dtype)
        np.testing.assert_array_equal(made.astype(float), values)  # a type that cannot hold them would compare nothing
        return made

    def image(self, values: np.ndarray) -> np.ndarray:
        """One image of as many axes."""
        return self.typed(values).reshape((1,) * (self.axes - 2) + self.kind.shape)


@dataclass
class Cell:
    kind: Kind
    axes: int
    frames_way: str
    way: str  # of the references and images

    def __str__(self) -> str:
        return f"{self.kind}-{self.axes}d-{self.frames_way}-{self.way}".replace(":/", "_")


def cells() -> list[Cell]:
    """All kinds: as files in all axes, as directories of scans. The first type of a format: frames as files, the others as directories."""
    found = []
    formats = set()
    for one in KINDS:
        ways = [("file", "file")] + [("FILE:/path", "FILE:/path")] * one.format.startswith("hdf5")
        found += [Cell(one, axes, *way) for axes in (2, 3, 4) for way in ways]
        found += [Cell(one, 4, "directory", "directory")] + [Cell(one, 4, "file", "directory")] * (one.format not in formats)
        formats.add(one.format)
    return found


def words_for(kind: Kind, folder: pathlib.Path, way: str, pixels: np.ndarray) -> list[str]:
    """Writes frames into a folder of their own; what is put on the command line."""
    folder.mkdir()
    path = kind.write(folder, "made", pixels)
    if way == "FILE:/path":
        with h5py.File(path, "a") as file:
            file["other"] = np.zeros((5, *kind.shape), "u2")  # so that only the path can have named the frames
        return [f"{path}:/measured/frames"]
    if way == "directory":
        return [str(path if path.is_dir() else folder)]
    return sorted(map(str, path.iterdir())) if path.is_dir() else [str(path)]


@dataclass
class Trial:
    """The images of a cell that are accepted; the others are refused with the sentence that the table has."""

    program: Program
    cell: Cell
    given: dict[str, list[str]]
    taken: dict[str, list[str]] = field(default_factory=dict)

    def take(self, option: str, image: str, command: tuple[object, ...]) -> None:
        why = self.cell.kind.mask if image == "mask" else self.cell.kind.image
        if self.cell.way == "directory" and self.cell.kind.format == "raw":
            why = NO_FORMAT
        if not why:
            self.taken[option] = self.given[image]
            return
        if self.cell.axes == 2 or self.cell.way == "directory":  # the same file in all axes
            refused = self.program.refuse(*command, option, self.given[image][0])
            assert why in refused, refused

    def words(self) -> list[str]:
        return [word for option, paths in self.taken.items() for word in (option, *paths)]


@pytest.mark.parametrize("cell", cells(), ids=str)
def test_cell(program: Program, tmp_path: pathlib.Path, cell: Cell) -> None:
    kind, scene, store = cell.kind, Scene(cell.kind, cell.axes), tmp_path / "counted.h5"
    frames = words_for(kind, tmp_path / "frames", cell.frames_way, scene.frames)
    darks = words_for(kind, tmp_path / "references", cell.way, scene.darks)
    images = {name: words_for(kind, tmp_path / name, cell.way, scene.image(values)) for name, values in (("gain", scene.gain), ("mask", scene.mask))}
    scan = ("--scan", "4x3" if kind.shape != CAMERA else "1x2") if cell.axes == 4 and not kind.holds_scan else ()
    command = ("count", *frames, "--dark", *darks, *kind.options, *scan, "-o", store, "--no-png", "--xray-threshold", "inf", "--force")
    trial = Trial(program, cell, images)
    trial.take("--gain", "gain", (*command, "--threshold", 0.5))
    trial.take("--mask", "mask", (*command, "--threshold", 0.5))
    threshold = scene.kind.step * (1.3 if "--gain" in trial.taken and scene.gain.max() > 1 else 0.5)
    program.run(*command, "--threshold", threshold, *trial.words())

    gain = scene.gain if "--gain" in trial.taken else np.ones(kind.shape)
    mask = (gain == 0) | (scene.mask != 0 if "--mask" in trial.taken else False)
    wanted = ((scene.charges * gain > threshold) & ~mask).astype(np.uint8)
    wanted = wanted.reshape(*(1, 1, *wanted.shape[:-2])[-2:], *kind.shape)
    assert wanted.any()
    with h5py.File(store) as file:
        used = file["/calibration"]
        np.testing.assert_array_equal(used["dark16"], 16 * scene.dark)
        np.testing.assert_array_equal(used["gain"] if "--gain" in trial.taken else gain, gain)
        np.testing.assert_array_equal(used["mask"][...] != 0 if "mask" in used else np.zeros(kind.shape, bool), mask)
    np.testing.assert_array_equal(program.dense(store), wanted)
    reduce(program, cell, images, store, wanted, {"--weights": scene.gain, "--mask": scene.mask != 0})


def reduce(program: Program, cell: Cell, images: dict[str, list[str]], store: pathlib.Path, counted: np.ndarray,
           weights: dict[str, np.ndarray]) -> None:
    """Sums of weights, and events within the mask, of each position."""
    output = store.parent / "images.h5"
    command = ("reduce", store, "-o", output, "--force")
    trial = Trial(program, cell, images)
    trial.take("--weights", "gain", command)
    trial.take("--mask", "mask", command)
    if not trial.taken:
        return
    program.run(*command, *trial.words())
    with h5py.File(output) as file:
        for option in trial.taken:
            made = file["reductions/weighted_0" if option == "--weights" else "reductions/virtual_0"]
            np.testing.assert_array_equal(made, (counted * weights[option]).sum(axis=(-2, -1)))


SIMULATED = [("v3", ()), ("v4", ("--input-format", "v4")), ("v5", ()), ("npy", ()), ("hdf5", ()), ("raw", ("--shape", "32x32", "--scan", "4x3"))]


@pytest.mark.parametrize(("format", "options"), SIMULATED, ids=[name for name, _ in SIMULATED])
def test_the_folder_of_a_simulation_counts_as_it_is(program: Program, tmp_path: pathlib.Path, format: str, options: tuple[str, ...]) -> None:
    folder = tmp_path / "simulated"
    frame = ("--frame", "32x32") if format in ("npy", "hdf5", "raw") else ()
    made = program.run("simulate", folder, "--scan", "4x3", "--dark-frames", 20, "--occupancy", 0.01, "--format", format, *frame, "--json")
    command = ("--no-png", "--threshold", 9.5, "--xray-threshold", "inf", "--json", *options)
    stores = []
    for number, (frames, darks) in enumerate((([folder], [folder]), (made["frame_files"], made["dark_files"]), (made["frame_files"], [folder]))):
        store = folder / f"counted_{number}.h5"  # beside the frames, and then left out as well
        told = program.run("count", *frames, "--dark", *darks, "-o", store, *command)
        assert told["frames"] == 12 and told["missing_frames"] == 0
        named = [warning for warning in told["warnings"] if "files of this folder are left out" in warning]
        assert len(named) == (folder in frames) + (folder in darks), told["warnings"]
        with h5py.File(store) as file:
            stores.append((file["/electron_counts/data"][...], file["/calibration/dark16"][...]))
    assert stores[0][0].any()
    for other in stores[1:]:
        np.testing.assert_array_equal(other[0], stores[0][0])
        np.testing.assert_array_equal(other[1], stores[0][1])
    with h5py.File(folder / "counted_0.h5") as file:
        assert "files_left_out" in str(dict(file["provenance"].attrs))


BY_NAME = {str(one): one for one in KINDS}


OTHERS = [(other, way) for other in ("raw-le_u2", "npy-le_u2", "hdf5-le_u2", "mrc-le_u2", "tvips-le_u2") for way in ("file", "directory")]


@pytest.mark.parametrize("of_frames", ["raw-le_u2", "npy-le_u2", "hdf5-le_u2", "mib-be_u2"])
@pytest.mark.parametrize(("of_others", "way"), [*OTHERS, ("hdf5-le_u2", "FILE:/path")])
def test_references_of_another_format(program: Program, tmp_path: pathlib.Path, of_frames: str, of_others: str, way: str) -> None:
    frames, others = BY_NAME[of_frames], BY_NAME[of_others]
    scene, other = Scene(frames, 3), Scene(others, 3)
    store = tmp_path / "counted.h5"
    given = words_for(frames, tmp_path / "frames", "file" if way == "file" else "directory", scene.frames)
    darks = words_for(others, tmp_path / "references", way, other.darks)
    command = ("count", *given, *frames.options, "--dark", *darks, "-o", store, "--no-png", "--threshold", 20, "--xray-threshold", "inf", "--force")
    if others.format == "raw" and frames.format != "raw":
        assert NO_FORMAT in program.refuse(*command)
        return
    gain = words_for(others, tmp_path / "gain", way, other.image(other.gain)) if others.format != "raw" else None
    program.run(*command, *(("--gain", *gain) if gain else ()))
    with h5py.File(store) as file:
        np.testing.assert_array_equal(file["/calibration/dark16"], 16 * other.dark)
    factors = other.gain if gain else np.ones(frames.shape)
    np.testing.assert_array_equal(program.dense(store)[0], (scene.charges * factors > 20).astype(np.uint8))


@pytest.mark.parametrize("name", ["npy-le_u2", "hdf5-le_u2", "mrc-le_u2", "mib-be_u2", "dm4-le_u2", "tvips-le_u2", "blo-le_u2", "ser-le_u2", "seq-le_u2"])
def test_what_is_refused(program: Program, tmp_path: pathlib.Path, name: str) -> None:
    kind, scene = BY_NAME[name], Scene(BY_NAME[name], 3)
    frames = words_for(kind, tmp_path / "frames", "file", scene.frames)[0]
    command = ("count", frames, "-o", tmp_path / "counted.h5", "--no-png", "--threshold", 20, "--xray-threshold", "inf")
    for option, what in (("--gain", "gain reference"), ("--mask", "mask")):
        assert f"holds 12 frames where a {what} is a single one" in program.refuse(*command, option, frames)
    large = kind.write(tmp_path, "large", np.ones((1, 16, 16), kind.dtype))
    for option in ("--gain", "--mask", "--dark"):
        assert "is of 16 x 16 pixels, the frames are of 8 x 8" in program.refuse(*command, option, large)
    for option in ("INPUT", "--gain", "--mask", "--dark"):
        named = f"{frames}:/absent"
        given = ("count", named, *command[2:]) if option == "INPUT" else (*command, option, named)
        wanted = "/absent" if kind.format == "hdf5" else "holds no datasets: leave out the name /absent"
        assert wanted in program.refuse(*given)
    words_for(kind, tmp_path / "two", "file", scene.frames)
    other = kind.write(tmp_path / "two", "other", scene.frames)
    refused = program.refuse("count", other.parent, *command[2:])
    assert other.parent.name in refused, refused


def test_what_a_directory_or_a_dataset_stands_for_is_no_output(program: Program, tmp_path: pathlib.Path) -> None:
    kind, scene = BY_NAME["hdf5-le_u2"], Scene(BY_NAME["hdf5-le_u2"], 3)
    frames = words_for(kind, tmp_path / "frames", "file", scene.frames)[0]
    count = ("count", frames, "--no-png", "--threshold", 20, "--xray-threshold", "inf", "--force")
    store = tmp_path / "counted.h5"
    program.run(*count, "-o", store)
    for way in ("directory", "FILE:/path"):
        darks = words_for(kind, tmp_path / f"darks_{way[0]}", way, scene.darks)[0]
        gain, mask = (words_for(kind, tmp_path / f"{name}_{way[0]}", way, scene.image(values))[0] for name, values in (("gain", scene.gain), ("mask", scene.mask)))
        for option, path, command in (("--dark", darks, count), ("--gain", gain, count), ("--mask", mask, count),
                                      ("--weights", gain, ("reduce", store, "--force")), ("--exclude", mask, ("reduce", store, "--force", "--sum"))):
            file = pathlib.Path(path.partition(":/")[0]) / ("made.h5" if way == "directory" else "")
            before = file.read_bytes()
            assert "is one of the files to be read" in program.refuse(*command, option, path, "-o", file), option
            assert file.read_bytes() == before
