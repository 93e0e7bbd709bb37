#!/usr/bin/env python3
"""The table of docs/reliability.md from what campaign.py --json wrote:  table.py FILE"""

import collections
import json
import sys

COLUMNS = ("tried", "fired", "exit_0", "refused", "killed", "open_faults", "faults_found")
HEADINGS = ("tried", "fired", "exit 0", "refused", "killed", "open faults", "faults found")


def markdown(campaign, key):
    sums = collections.defaultdict(collections.Counter)
    for row in campaign["rows"]:
        sums[row[key]].update({column: row[column] for column in COLUMNS})
    everything = sum(sums.values(), collections.Counter())
    lines = [f"| {key} | " + " | ".join(HEADINGS) + " |", "|---|" + "---:|" * len(COLUMNS)]
    for name, row in [*sorted(sums.items()), ("all", everything)]:
        lines.append(f"| {name} | " + " | ".join(f"{row[column]:,}" for column in COLUMNS) + " |")
    return "\n".join(lines)


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        read = json.load(file)
    print(markdown(read, "kind") + "\n\n" + markdown(read, "command"))
