"""Which calls fail, and how."""

import collections

from shim import Fault

ALL_OF = 60  # up to so many calls of a kind all are tried
FIRST, SPREAD, LAST = 10, 30, 20

ONCE, STICKY = False, True
BOTH = (ONCE, STICKY)


def each(errors, sticky=BOTH):
    return tuple((error, repeats) for error in errors for repeats in sticky)


# EINTR from then on would be a call that never returns.
ERRORS = {
    "read": each(("EIO", "ESTALE")) + each(("EINTR",), (ONCE,)),
    "pread": each(("EIO", "SHORT", "ESTALE")) + each(("EINTR",), (ONCE,)),
    "write": each(("ENOSPC", "EIO", "SHORT")) + each(("EINTR",), (ONCE,)),
    "pwrite": each(("ENOSPC", "EIO", "SHORT", "EDQUOT")) + each(("EINTR", "KILL"), (ONCE,)),
    "fsync": each(("EIO", "ENOSPC", "EDQUOT")) + each(("EINTR", "KILL", "KILL_AFTER"), (ONCE,)),
    "ftruncate": each(("ENOSPC", "EIO")) + each(("EINTR", "KILL"), (ONCE,)),
    "rename": each(("EIO", "ENOSPC", "ESTALE")) + each(("KILL", "KILL_AFTER"), (ONCE,)),
    "open": each(("EMFILE", "EIO", "ESTALE", "ENOSPC", "EACCES")) + each(("EINTR",), (ONCE,)),
    "close": each(("EIO", "EDQUOT", "ENOSPC")) + each(("EINTR",), (ONCE,)),
    "fallocate": each(("ENOSPC", "EOPNOTSUPP", "EIO")) + each(("EINTR",), (ONCE,)),
    "stat": each(("EIO", "ESTALE", "EACCES")),
    "mmap": each(("ENOMEM", "ENODEV")),
    "lock": each(("ENOLCK", "EOPNOTSUPP", "ENOSYS")),
    "unlink": each(("EIO", "ESTALE")),
    "mkdir": each(("ENOSPC", "EIO")),
    "access": each(("EIO", "EACCES")),
    "readlink": each(("EIO", "ESTALE")),
    "attributes": each(("EPERM", "EIO")),
    "memory": each(("ENOMEM",)),
    "thread": each(("EAGAIN",)),
}


def calls_to_fail(number):
    if number <= ALL_OF:
        return range(1, number + 1)
    spread = {FIRST + 1 + (number - FIRST - LAST) * i // SPREAD for i in range(SPREAD)}
    return sorted({*range(1, FIRST + 1), *spread, *range(number - LAST + 1, number + 1)})


def faults_of(calls, start):
    """All faults for a scenario whose faultless run makes `calls` ({kind: number}). The errors take turns, once and sticky
    ones of the same call; `start` is with which."""
    for kind, number in calls.items():
        errors = ERRORS[kind]
        for turn, call in enumerate(calls_to_fail(number)):
            chosen = {errors[(start + 2 * turn + step) % len(errors)] for step in (0, 1)} if number > 6 else errors
            for error, repeats in sorted(chosen):
                yield Fault(kind, call, error, repeats)


def sample(jobs, number, random):
    """So many of the jobs (scenario, older, fault), the same share of each command and kind of call."""
    groups = collections.defaultdict(list)
    for job in jobs:
        groups[job[0].name, job[2].kind].append(job)
    order = sorted(groups)
    for name in order:
        random.shuffle(groups[name])
    chosen = []
    while len(chosen) < number and any(groups.values()):
        for name in order:
            if groups[name] and len(chosen) < number:
                chosen.append(groups[name].pop())
    return chosen
