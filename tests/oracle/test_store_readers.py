"""The event store in the programs of the field: each must show the dense numbers that the events say, with no help from us."""

import importlib.util
import pathlib
import subprocess
from collections.abc import Callable

import emdfile
import h5py
import hyperspy.api as hyperspy
import libertem.api as libertem
import ncempy.io.emd
import nexusformat.nexus
import numpy as np
import py4DSTEM
import pytest
import silx.io
import silx.io.nxdata
import xarray
from libertem.udf.sum import SumUDF

import stores
from abi import Library

DOCUMENTATION = pathlib.Path(__file__).parents[2] / "docs"
EVERY_EXAMPLE = [*stores.EXAMPLES, stores.SEVERAL_FRAMES]


@pytest.fixture(scope="module")
def stored(library: Library, tmp_path_factory: pytest.TempPathFactory) -> Callable[[stores.Example], tuple[pathlib.Path, np.ndarray]]:
    """The file and the dense numbers of an example, written once."""
    folder = tmp_path_factory.mktemp("stores")
    written: dict[str, tuple[pathlib.Path, np.ndarray]] = {}

    def of(example: stores.Example) -> tuple[pathlib.Path, np.ndarray]:
        if example.name not in written:
            path = folder / f"{example.name}.h5"
            written[example.name] = (path, example.write(library, path))
        return written[example.name]

    return of


@pytest.fixture
def inline() -> libertem.Context:
    return libertem.Context.make_with("inline")


def each(examples: list[stores.Example]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("example", examples, ids=lambda example: example.name)


@each(EVERY_EXAMPLE)
def test_own_reader(library: Library, stored: Callable, example: stores.Example) -> None:
    path, _ = stored(example)
    read = library.read_store(path)
    assert read == example.events()


@each(EVERY_EXAMPLE)
def test_reader_of_the_documentation(stored: Callable, example: stores.Example) -> None:
    """The page that describes the format comes with a reader in h5py and numpy; it must find every event."""
    specification = importlib.util.spec_from_file_location("read_event_store", DOCUMENTATION / "read_event_store.py")
    reader = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(reader)
    path, _ = stored(example)
    with h5py.File(path) as file:
        for frame, wanted in enumerate(example.events()):
            indices, values = reader.events(file, frame)
            np.testing.assert_array_equal(indices, wanted.indices)
            if example.values != "none" and wanted.status != 0:
                np.testing.assert_array_equal(values, wanted.values)


@each(EVERY_EXAMPLE)
def test_h5py(stored: Callable, example: stores.Example) -> None:
    path, wanted = stored(example)
    with h5py.File(path) as file:
        data = file["/electron_counts/data"]
        assert data.chunks == (1,) * (data.ndim - 2) + example.shape
        np.testing.assert_array_equal(data[...], wanted)
        np.testing.assert_array_equal(data[0, 1], wanted[0, 1])
        np.testing.assert_array_equal(data[1:, ::2, ..., 3:20, 2], wanted[1:, ::2, ..., 3:20, 2])
        for other_name in ("/datacube_root/datacube/data", "/entry/data/data"):
            assert file[other_name] == data
        assert data.dtype == wanted.dtype


@each(EVERY_EXAMPLE)
def test_nexus_default_plot(stored: Callable, example: stores.Example) -> None:
    """The chain of attributes that a NeXus viewer follows ends at the data, with an axis for each dimension."""
    path, wanted = stored(example)
    with h5py.File(path) as file:
        entry = file[file.attrs["default"]]
        assert entry.attrs["NX_class"] == "NXentry"
        plot = entry[entry.attrs["default"]]
        assert plot.attrs["NX_class"] == "NXdata"
        np.testing.assert_array_equal(plot[plot.attrs["signal"]][...], wanted)
        assert [len(plot[axis]) for axis in plot.attrs["axes"]] == list(wanted.shape)


@each(EVERY_EXAMPLE)
def test_h5dump(stored: Callable, tmp_path: pathlib.Path, example: stores.Example) -> None:
    """The HDF5 library that Debian ships, years older than h5py's."""
    path, wanted = stored(example)
    raw = tmp_path / "raw"
    subprocess.run(["h5dump", "-d", "/electron_counts/data", "-b", "LE", "-o", raw, path], check=True, capture_output=True)
    np.testing.assert_array_equal(np.fromfile(raw, wanted.dtype).reshape(wanted.shape), wanted)


@each(EVERY_EXAMPLE)
@pytest.mark.parametrize("how", [{"file_format": "EMD"}, {"file_format": "EMD", "lazy": True}, {"file_format": "Nexus", "nxdata_only": True}],
                         ids=["emd", "emd_lazy", "nexus"])
def test_hyperspy(stored: Callable, example: stores.Example, how: dict) -> None:
    path, wanted = stored(example)
    signal = hyperspy.load(path, **how)
    np.testing.assert_array_equal(np.asarray(signal.data), wanted)
    position = (1, 1) + (0,) * (wanted.ndim - 4)
    pattern = signal.transpose(signal_axes=["column", "row"]).inav[position[::-1]]  # hyperspy's indices run from the fastest axis
    np.testing.assert_array_equal(np.asarray(pattern.data), wanted[position])


@each(EVERY_EXAMPLE)
@pytest.mark.parametrize("lazy", [False, True])
def test_hyperspy_navigates_the_scan(stored: Callable, example: stores.Example, lazy: bool) -> None:
    """As NeXus: patterns are the signal, without a transposition."""
    path, wanted = stored(example)
    signal = hyperspy.load(path, file_format="Nexus", nxdata_only=True, lazy=lazy)
    assert isinstance(signal, hyperspy.signals.Signal2D) and signal._lazy == lazy
    assert [axis.name for axis in signal.axes_manager.signal_axes] == ["column", "row"]
    assert signal.axes_manager.navigation_shape == wanted.shape[-3::-1]
    np.testing.assert_array_equal(np.asarray(signal.data), wanted)


@pytest.mark.parametrize("name", ["counted.nxs", "counted.emd"])
def test_hyperspy_chooses_its_reader_by_the_name(stored: Callable, tmp_path: pathlib.Path, name: str) -> None:
    path, wanted = stored(stores.EXAMPLES[0])
    (tmp_path / name).symlink_to(path)
    loaded = hyperspy.load(tmp_path / name, lazy=True)
    signal = loaded[0] if isinstance(loaded, list) else loaded  # as NeXus it lists all data sets, the first is the scan
    assert isinstance(signal, hyperspy.signals.Signal2D) or name.endswith("emd")
    np.testing.assert_array_equal(np.asarray(signal.data), wanted)


@each(EVERY_EXAMPLE)
def test_silx(stored: Callable, example: stores.Example) -> None:
    """What silx view shows when a store is opened: patterns, the scan by sliders."""
    path, wanted = stored(example)
    with silx.io.open(str(path)) as file:
        shown = silx.io.nxdata.get_default(file)
        assert shown.is_valid and shown.is_image and shown.interpretation == "image"
        assert [axis.shape[0] for axis in shown.axes] == list(wanted.shape)
        np.testing.assert_array_equal(shown.signal[...], wanted)


@each(EVERY_EXAMPLE)
def test_nexusformat(stored: Callable, example: stores.Example) -> None:
    path, wanted = stored(example)
    plot = nexusformat.nexus.nxload(str(path)).plottable_data
    assert plot.nxsignal.shape == wanted.shape
    assert [len(axis) for axis in plot.nxaxes] == list(wanted.shape)
    np.testing.assert_array_equal(plot.nxsignal[1, 1].nxvalue, wanted[1, 1])


@each(EVERY_EXAMPLE)
def test_xarray(stored: Callable, example: stores.Example) -> None:
    path, wanted = stored(example)
    with xarray.open_dataset(path, engine="h5netcdf", group="/entry/data", phony_dims="sort") as data:
        np.testing.assert_array_equal(data["data"], wanted)
        assert [data[name].size for name in ("scan_y", "scan_x")] == list(wanted.shape[:2])


@each(EVERY_EXAMPLE)
def test_libertem(inline: libertem.Context, stored: Callable, example: stores.Example) -> None:
    path, wanted = stored(example)
    dataset = inline.load("hdf5", path=str(path), ds_path="/electron_counts/data", sig_dims=2)
    assert tuple(dataset.shape) == wanted.shape
    summed = inline.run_udf(dataset=dataset, udf=SumUDF())["intensity"].data
    np.testing.assert_array_equal(summed, wanted.reshape(-1, *example.shape).sum(axis=0))


def test_libertem_detects_the_format(inline: libertem.Context, stored: Callable) -> None:
    path, wanted = stored(stores.EXAMPLES[0])
    assert tuple(inline.load("auto", path=str(path)).shape) == wanted.shape


@each(stores.EXAMPLES)
def test_py4dstem(stored: Callable, example: stores.Example) -> None:
    path, wanted = stored(example)
    cube = py4DSTEM.read(str(path))
    assert isinstance(cube, py4DSTEM.DataCube)
    np.testing.assert_array_equal(cube.data, wanted)
    np.testing.assert_array_equal(py4DSTEM.DataCube.get_dp_mean(cube).data, wanted.mean(axis=(0, 1)))


def test_emdfile_reads_several_frames(stored: Callable) -> None:
    """py4DSTEM has no data cubes with five axes; the library beneath it shows them as an array."""
    path, wanted = stored(stores.SEVERAL_FRAMES)
    np.testing.assert_array_equal(emdfile.read(str(path)).data, wanted)


@each(EVERY_EXAMPLE)
def test_ncempy(stored: Callable, example: stores.Example) -> None:
    path, wanted = stored(example)
    with ncempy.io.emd.fileEMD(str(path), readonly=True) as file:
        groups = {group.name: group for group in file.list_emds}
        data, axes = file.get_emdgroup(groups["/electron_counts"])
        np.testing.assert_array_equal(data, wanted)
        assert [len(coordinates) for coordinates, _, _ in axes] == list(wanted.shape)
        assert [name for _, name, _ in axes][-2:] == ["row", "column"]
