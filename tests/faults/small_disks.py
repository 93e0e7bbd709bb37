"""The commands on disks that are too small for their outputs: tmpfs of many sizes."""

import dataclasses
import os
import shutil
import subprocess

from shim import Fault

PAGE = 4096
RESERVED = 3 << 19  # a store in the making holds up to so much more than in the end

FULL = Fault("pwrite", 0, "ENOSPC")  # what a refusal is judged as


def can_mount(folder):
    folder.mkdir()
    if os.geteuid() != 0 or not mount(folder, PAGE):
        return False
    unmount(folder)
    return True


def mount(folder, size):
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    return subprocess.run(command, stderr=subprocess.DEVNULL, check=False).returncode == 0


def unmount(folder):
    subprocess.run(["umount", str(folder)], check=True)


def sizes(needed, number):
    """From too small for anything to more than enough, most of them about what is needed."""
    if number < 10:
        return [max(PAGE, int(needed * (step + 0.9) / number)) for step in range(number)]
    tight = number * 2 // 3
    return [PAGE + needed * step // (tight - 1) for step in range(tight)] + \
        [needed + RESERVED * (step + 1) // (number - tight) for step in range(number - tight)]


def bytes_of(folder):
    return sum(path.stat().st_size + PAGE for path in folder.rglob("*"))


def try_size(runner, scenario, older, size):
    """(outcome, findings) on a disk that has `size` bytes beside the older outputs."""
    folder = runner.worker_folder()
    before = runner.older[scenario.name] if older else None
    shutil.rmtree(folder / "out", ignore_errors=True)
    out = folder / "out"
    out.mkdir()
    taken = (bytes_of(before) if before else 0) + ((folder / scenario.part).stat().st_size + 2 * PAGE if scenario.part else 0)
    if not mount(out, size + taken + PAGE):
        raise RuntimeError(f"{out}: no tmpfs")
    try:
        if before:
            shutil.copytree(before, out, dirs_exist_ok=True)
        if scenario.part:
            shutil.copy2(folder / scenario.part, folder / (scenario.outputs[0] + ".part"))
        outcome = dataclasses.replace(runner.shim.run(scenario.arguments(older), folder), fired=1)
        subprocess.run(["mount", "-o", "remount,size=1G", str(out)], check=True)
        return outcome, runner.judge(scenario, older, FULL, outcome, cause=f"a disk of {size} bytes")
    finally:
        unmount(out)


def jobs(runner, scenarios, number):
    for scenario in scenarios:
        if not scenario.outputs:
            continue
        needed = bytes_of(runner.older[scenario.name])
        for turn, size in enumerate(sizes(needed, number)):
            yield scenario, turn % 2 == 1, size
