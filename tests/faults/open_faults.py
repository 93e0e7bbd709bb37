"""The list of open_faults.txt: what the campaign finds without failing."""

import fnmatch
import pathlib

LIST = pathlib.Path(__file__).with_name("open_faults.txt")


class OpenFaults:
    def __init__(self, text):
        self.lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
        self.used = set()

    def covers(self, finding):
        for line in self.lines:
            kinds, what, commands, _ = (part.strip() for part in line.split("|"))
            if any(fnmatch.fnmatch(finding.kind, kind) for kind in kinds.split()) and fnmatch.fnmatch(finding.what, what) and \
                    fnmatch.fnmatch(finding.scenario, commands):
                self.used.add(line)
                return True
        return False

    def unused(self):
        return [line for line in self.lines if line not in self.used]
