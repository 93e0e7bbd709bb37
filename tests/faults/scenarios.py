"""Every command that reads or writes files, on a scan so small that a run takes some ten milliseconds."""

import dataclasses
import pathlib
import re
import shutil

from shim import Fault

SCAN = ("--scan", "12x10", "--frame", "32x32", "--occupancy", "0.01", "--dark-frames", "4")
CAMERA_SCAN = ("--scan", "2x1")
IMAGES = ("counts", "sum", "com_row", "com_column")


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    command: tuple  # with the paths in/... and out/...
    outputs: tuple = ()  # final names, below the working folder
    store: bool = False  # the first output is an event store
    part: str = ""  # what an earlier count left, copied to the first output's name with ".part"
    replaces_with_force: bool = False  # an output that is there is replaced with --force only
    sides: str = ""  # pattern of the files that the first output names; their names change where others are there

    def arguments(self, older):
        """`older`: outputs of these names are there already."""
        return (*self.command, *(("--force",) if older and self.replaces_with_force else ()), "--quiet", "--json")

    def retry(self, folder, older):
        """The command that a user gives after one that failed."""
        resumes = self.command[0] == "count" and "--resume" not in self.command and (folder / (self.outputs[0] + ".part")).exists()
        live = self.command.index("--live") if resumes and "--live" in self.command else None
        command = self.arguments(older) if live is None else self.arguments(older)[:live] + self.arguments(older)[live + 2:]
        return (*command, "--resume") if resumes else command


def counted(stem, images, folder="out"):
    return tuple(f"{folder}/{stem}_{image}.png" for image in images)


def convert(form, output):
    return Scenario(f"convert_{form}{'_h5' if output.endswith('.h5') and form == 'dense' else ''}",
                    ("convert", "in/counted.h5", "-o", output, "--to", form), (output,))


def all_scenarios():
    count = ("count", "in/data.npy", "--calibration", "in/calibration.h5", "--threads", "2", "-o", "out/c.h5")
    reduced = tuple(f"out/{kind}/images_{image}.{kind}" for kind in ("png", "npy") for image in
                    (*IMAGES, "virtual_0_sum.npy" if kind == "png" else "virtual_0"))
    return (
        Scenario("count", (*count, "--live", "sum,com", "--no-png"), ("out/c.h5",), store=True),
        Scenario("count_pictures", (*count, "--png", "out/png"), ("out/c.h5", *counted("c", ("sum", "bright_field", "dark_field"), "out/png")),
                 store=True),
        Scenario("count_sectors", ("count", "in/camera", "--threshold", "10", "--xray-threshold", "2000", "--no-png", "--threads", "2", "-o",
                                   "out/c.h5"), ("out/c.h5",), store=True),
        Scenario("count_hdf5", ("count", "in/data.h5", "--dark", "in/dark.h5", "--no-png", "--threads", "2", "-o", "out/c.h5"), ("out/c.h5",),
                 store=True),
        Scenario("count_resume", (*count, "--no-png", "--resume"), ("out/c.h5",), store=True, part="in/broken.h5"),
        Scenario("calibrate", ("calibrate", "in/data.npy", "--dark", "in/dark.npy", "--threads", "2", "-o", "out/k.h5"), ("out/k.h5",)),
        Scenario("reduce_images", ("reduce", "in/counted.h5", "--sum", "--com", "--mask", "in/sum.npy", "--threads", "2", "-o", "out/images.h5",
                                   "--png", "out/png", "--npy", "out/npy"), ("out/images.h5", *reduced)),
        Scenario("reduce_bin", ("reduce", "in/counted.h5", "--bin", "2", "--threads", "2", "-o", "out/binned.h5"), ("out/binned.h5",), store=True),
        convert("stempy", "out/events.h5"),
        convert("csr", "out/events.h5"),
        dataclasses.replace(convert("raw_csr", "out/events.toml"), sides="out/events*.raw"),
        convert("npz", "out/events.npz"),
        convert("dense", "out/events.npy"),
        convert("dense", "out/events.h5"),
        Scenario("convert_from_stempy", ("convert", "in/stempy.h5", "-o", "out/back.h5", "--to", "store"), ("out/back.h5",), store=True),
        Scenario("convert_from_csr", ("convert", "in/csr.h5", "-o", "out/back.h5", "--to", "store"), ("out/back.h5",), store=True),
        Scenario("recover", ("recover", "in/broken.h5", "-o", "out/saved.h5"), ("out/saved.h5",), store=True, replaces_with_force=True),
        Scenario("report", ("report", "in/counted.h5", "-o", "out/page.html", "--count-json", "in/count.json", "--threads", "2"), ("out/page.html",)),
        Scenario("simulate", ("simulate", "out/sim", "--format", "npy", "--threads", "2", *SCAN),
                 ("out/sim/data.npy", "out/sim/dark.npy", "out/sim/truth.h5"), replaces_with_force=True),
        Scenario("simulate_sectors", ("simulate", "out/sim", "--threads", "2", *CAMERA_SCAN),
                 (*(f"out/sim/data_scan0000000001_id0000_module{module}_raw.data" for module in range(4)), "out/sim/truth.h5"),
                 replaces_with_force=True),
        Scenario("verify", ("verify", "in/counted.h5", "--threads", "2")),
        Scenario("compare", ("compare", "in/counted.h5", "in/truth.h5")),
        Scenario("info", ("info", "in/counted.h5")),
        Scenario("info_raw", ("info", "in/camera")),
        Scenario("info_list", ("info", "@in/files.txt")),
    )


class Inputs:
    """The inputs of all scenarios, made by the program itself: folder/in. Different seeds give different contents."""

    def __init__(self, shim, folder, seed):
        self.shim = shim
        self.folder = folder
        folder.mkdir()
        (folder / "out").mkdir()
        self._make(seed)

    def _run(self, *arguments):
        done = self.shim.run((*arguments, "--quiet"), self.folder)
        if done.code != 0:
            raise RuntimeError(f"countem {' '.join(arguments)}: {done.err}")
        return done

    def _make(self, seed):
        self._run("simulate", "in", "--format", "npy", "--seed", str(seed), *SCAN)
        self._run("simulate", "h5", "--format", "hdf5", "--seed", str(seed), *SCAN)
        self._run("simulate", "in/camera", "--seed", str(seed), *CAMERA_SCAN)
        inputs = self.folder / "in"
        for name in ("data.h5", "dark.h5"):
            (self.folder / "h5" / name).rename(inputs / name)
        (inputs / "camera" / "truth.h5").unlink()
        self._run("calibrate", "in/data.npy", "--dark", "in/dark.npy", "-o", "in/calibration.h5")
        counted = self._run("count", "in/data.npy", "--calibration", "in/calibration.h5", "-o", "in/counted.h5", "--no-png", "--json")
        (inputs / "count.json").write_text(re.sub(r'("\w*(?:second|_per_s)\w*": )[\d.e-]+', r"\g<1>1.5", counted.out))
        lines = [f"{path.relative_to(self.folder)}\n" for path in sorted((inputs / "camera").iterdir())]
        (inputs / "files.txt").write_text((20_000 * "\n").join(lines))  # read in several pieces
        self._run("reduce", "in/counted.h5", "--sum", "-o", "out/images.h5", "--npy", "out")
        (self.folder / "out" / "images_sum.npy").rename(inputs / "sum.npy")
        self._run("convert", "in/counted.h5", "-o", "in/stempy.h5", "--to", "stempy")
        self._run("convert", "in/counted.h5", "-o", "in/csr.h5", "--to", "csr")
        self._leave_a_part()
        shutil.rmtree(self.folder / "out")
        shutil.rmtree(self.folder / "h5")

    def _leave_a_part(self):
        """A count that is killed while it writes its frames."""
        command = ("count", "in/data.npy", "--calibration", "in/calibration.h5", "--threads", "2", "-o", "out/c.h5", "--no-png", "--quiet")
        writes = self.shim.run(command, self.folder).calls["pwrite"]
        (self.folder / "out" / "c.h5").unlink()
        part = self.folder / "out" / "c.h5.part"
        killed = self.shim.run(command, self.folder, Fault("pwrite", writes * 2 // 3, "KILL"))
        if killed.code >= 0 or not part.exists():
            raise RuntimeError(f"the count was not killed: {killed.err}")
        part.rename(self.folder / "in" / "broken.h5")

    def copy(self, folder):
        folder.mkdir()
        shutil.copytree(self.folder / "in", folder / "in")


def lay_out(scenario, folder, older):
    """An empty folder/out, or one that holds the files of the folder `older`, and what an earlier count left."""
    out = folder / "out"
    if out.exists():
        shutil.rmtree(out)
    if older:
        shutil.copytree(older, out)
    else:
        out.mkdir()
    if scenario.part:
        shutil.copy2(folder / scenario.part, folder / (scenario.outputs[0] + ".part"))


def files_below(folder):
    """Names, below `folder`, of all files in folder/out."""
    return sorted(str(path.relative_to(folder)) for path in pathlib.Path(folder, "out").rglob("*") if not path.is_dir())
