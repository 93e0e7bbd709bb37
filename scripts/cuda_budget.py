#!/usr/bin/env python3
"""What each kernel may use on each architecture, and whether it does.

  scripts/cuda_budget.py [--update] [--architectures 80,90] [--jobs 2]

Compiles kernels/cuda/*.cu with nvcc, every warning an error, and reads what ptxas reports. Fails when a kernel spills, uses more registers
or shared memory than docs/cuda_budget.json allows, or is not in it. --update writes that file, with the occupancy that follows from it on
published device figures (cuda_occupancy.h; no device is needed).
"""
import argparse
import concurrent.futures
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

root = pathlib.Path(__file__).resolve().parent.parent
budget_file = root / "docs" / "cuda_budget.json"
all_architectures = ["80", "86", "89", "90", "100", "120"]
devices = {"A100": "80", "H100": "90", "H200": "90", "B200": "100"}


def nvcc():
    found = shutil.which("nvcc") or "/usr/local/cuda/bin/nvcc"
    if not pathlib.Path(found).exists():
        sys.exit("cuda_budget: nvcc is needed and not on the PATH")
    return found


def compile_one(source, architecture, out):
    command = [nvcc(), "-std=c++20", "-O3", "-Werror", "all-warnings", "-Xptxas", "-v,--warn-on-spills,--warn-on-local-memory-usage",
               f"-I{root}", f"-I{root}/host/include", "-gencode", f"arch=compute_{architecture},code=sm_{architecture}", "-c", source, "-o",
               str(out)]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        sys.exit(f"cuda_budget: {source} does not compile for sm_{architecture}:\n{done.stderr}")
    return done.stderr


def demangled(mangled):
    """The kernel's name with its pixel type, or None for what is not ours."""
    text = subprocess.run(["c++filt", mangled], capture_output=True, text=True).stdout.strip()
    found = re.search(r"countem::cuda::\(anonymous namespace\)::(\w+_kernel)(?:<([^>]*)>)?", text)
    return None if found is None else found.group(1) + (f"<{found.group(2)}>" if found.group(2) else "")


def usage(report):
    kernels = {}
    name = None
    for line in report.splitlines():
        if begins := re.search(r"Compiling entry function '(\S+)'", line):
            name = demangled(begins.group(1))
            if name:
                kernels[name] = {"registers": 0, "shared_bytes": 0, "spill_bytes": 0}
        elif name and (spills := re.search(r"(\d+) bytes spill stores, (\d+) bytes spill loads", line)):
            kernels[name]["spill_bytes"] = int(spills.group(1)) + int(spills.group(2))
        elif name and (used := re.search(r"Used (\d+) registers", line)):
            kernels[name]["registers"] = int(used.group(1))
            shared = re.search(r"(\d+) bytes smem", line)
            kernels[name]["shared_bytes"] = int(shared.group(1)) if shared else 0
    return kernels


def threads_of(kernel):
    return 256 if re.match(r"(hits|quieted_hits|label_(runs|unite|sums))_kernel", kernel) else 128


def occupancies(measured, scratch):
    """Warps that can be resident on a multiprocessor, by device and kernel."""
    program = pathlib.Path(scratch) / "occupancy"
    toolkit = pathlib.Path(nvcc()).resolve().parent.parent
    subprocess.run(["g++", "-std=c++20", f"-I{toolkit}/include", str(root / "bench/gpu/occupancy.cpp"), "-o", str(program)], check=True)
    warps = {}
    for device, architecture in devices.items():
        if architecture not in measured:
            continue  # its figures stay
        kernels = measured[architecture]
        # The program's names hold no spaces: kernels go by number.
        lines = "".join(f"{i} {threads_of(kernel)} {used['registers']} {used['shared_bytes']}\n" for i, (kernel, used) in enumerate(kernels.items()))
        out = subprocess.run([str(program), device], input=lines, capture_output=True, text=True, check=True).stdout
        warps[device] = {kernel: int(line.split()[1]) for kernel, line in zip(kernels, out.splitlines())}
    return warps


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--update", action="store_true")
    options.add_argument("--architectures", default=",".join(all_architectures))
    options.add_argument("--jobs", type=int, default=2)
    chosen = options.parse_args()
    architectures = chosen.architectures.split(",")
    sources = sorted(str(source) for source in (root / "kernels/cuda").glob("*.cu"))
    measured = {architecture: {} for architecture in architectures}
    with tempfile.TemporaryDirectory() as scratch:
        with concurrent.futures.ThreadPoolExecutor(chosen.jobs) as pool:
            jobs = {(source, architecture): pool.submit(compile_one, source, architecture, pathlib.Path(scratch) / f"{i}.o")
                    for i, (source, architecture) in enumerate((s, a) for s in sources for a in architectures)}
            for (source, architecture), job in jobs.items():
                measured[architecture].update(usage(job.result()))
        if chosen.update:
            known = json.loads(budget_file.read_text()) if budget_file.exists() else {"kernels": {}}
            known["kernels"].update({f"sm_{a}": dict(sorted(kernels.items())) for a, kernels in measured.items()})
            known["warps_per_multiprocessor"] = {**known.get("warps_per_multiprocessor", {}), **occupancies(measured, scratch)}
            budget_file.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n")
    budget = json.loads(budget_file.read_text())["kernels"]
    offences = []
    for architecture, kernels in measured.items():
        for kernel, used in kernels.items():
            allowed = budget.get(f"sm_{architecture}", {}).get(kernel)
            if allowed is None:
                offences.append(f"{kernel} for sm_{architecture} is not in docs/cuda_budget.json")
                continue
            offences += [f"{kernel} for sm_{architecture} uses {used[what]} {what}, {allowed[what]} are allowed"
                         for what in ("registers", "shared_bytes", "spill_bytes") if used[what] > allowed[what]]
            if used["spill_bytes"]:
                offences.append(f"{kernel} for sm_{architecture} spills")
    for offence in offences:
        print("cuda_budget:", offence, file=sys.stderr)
    print(f"cuda_budget: {sum(len(kernels) for kernels in measured.values())} kernels on {len(architectures)} architectures, {len(offences)} offences")
    sys.exit(1 if offences else 0)


if __name__ == "__main__":
    main()
