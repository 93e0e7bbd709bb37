"""Whether two stores hold the same, as our program and HDF5's own h5diff see them."""

import pathlib
import shutil
import subprocess


class SameContent:
    """For a ProgramTest."""

    def content(self, store):
        """Everything a store holds but where it came from: exported lists, and the facts of the description."""
        told = self.succeed_json("info", store)
        provenance = told.pop("provenance")
        for which in ("outputs", "warnings"):
            told.pop(which)
        told.pop("virtual_parts", None)  # of a virtual store alone
        exported = self.directory / "content.npz"
        self.succeed("convert", store, "-o", exported, "--to", "npz", "--force", "--quiet")
        self.succeed("verify", store)
        return told, provenance["thresholds"], provenance["seed"], provenance["inputs"], exported.read_bytes()

    def reductions(self, store):
        """The bytes of images and maps of all kinds that are made of it."""
        folder = self.directory / "reduced"
        shutil.rmtree(folder, ignore_errors=True)
        self.succeed("reduce", store, "-o", self.directory / "reduced.h5", "--sum", "--max", "--com", "--second-moments", "--descan", "--phase", "--virtual",
                     "disk:10", "--radial", "--radial-profile", "--errors", "--npy", folder, "--force", "--quiet")
        return {path.name.removeprefix(pathlib.Path(store).stem): path.read_bytes() for path in sorted(folder.iterdir())}

    def assert_same_content(self, store, expected):
        """Every event, status, X-ray tally, calibration and reduction."""
        self.assertEqual(self.content(store), self.content(expected))
        for group in ("/electron_counts", "/calibration"):
            done = subprocess.run(["h5diff", "--report", store, expected, group, group], capture_output=True, text=True, timeout=120, check=False)
            self.assertEqual(done.returncode, 0, f"{group}\n{done.stdout}{done.stderr}")
        self.assertEqual(self.reductions(store), self.reductions(expected))
