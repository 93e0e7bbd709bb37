#!/usr/bin/env python3
"""How long a scan takes on a cluster, from what each stage was measured to cost on one machine: docs/scaling.md, "A cluster".

A model, no measurement: each stage takes as long as the slowest of what it needs. Change the rates to those of your machines.
"""

import argparse

FRAME_BYTES = 576 * 576 * 2
RECORDS_PER_FRAME = 4  # sectors


def stages(raw_bytes, nodes, rates):
    """Seconds of each stage of `mpirun countem count`, one rank on each node."""
    frames = raw_bytes / FRAME_BYTES
    records = frames * RECORDS_PER_FRAME
    stored = frames * rates.stored_bytes
    return {
        "open, by headers": records / rates.header_reads,
        "open, by an index": records * rates.index_bytes / rates.node_read + records * rates.index_seconds,
        "count": max(raw_bytes / min(rates.node_read * nodes, rates.file_system), frames / (rates.frames_per_core * rates.cores * nodes)),
        "reduce (MPI)": 3 * rates.image_bytes * max(1, nodes - 1).bit_length() / rates.network if nodes > 1 else 0.0,
        "merge": frames * rates.merge_seconds + stored / rates.node_write if nodes > 1 else 0.0,
    }


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    number = {"type": float, "metavar": "X"}
    parser.add_argument("--node-read", default=5e9, help="bytes a second that one node reads from the shared file system", **number)
    parser.add_argument("--file-system", default=1e11, help="bytes a second that all nodes read together", **number)
    parser.add_argument("--node-write", default=1e9, help="bytes a second that one node writes", **number)
    parser.add_argument("--network", default=1e10, help="bytes a second between two nodes", **number)
    parser.add_argument("--cores", default=32, help="of a node", **number)
    parser.add_argument("--frames-per-core", default=10_000, help="frames of .1 %% that a core counts in a second (bench count)", **number)
    parser.add_argument("--header-reads", default=68_600, help="headers a second, 64 reads in flight (bench/opening.py)", **number)
    parser.add_argument("--index-bytes", default=4.5, help="of an index for each record (countem index)", **number)
    parser.add_argument("--index-seconds", default=3.5e-7, help="for each record of an index (countem info --index)", **number)
    parser.add_argument("--stored-bytes", default=600, help="of a frame of .1 %% in a store", **number)
    parser.add_argument("--merge-seconds", default=1.0e-6, help="processor time of a merge for each frame (countem merge)", **number)
    parser.add_argument("--image-bytes", default=576 * 576 * 8, help="of a live reduction", **number)
    return parser.parse_args()


def words(seconds):
    return f"{seconds:,.0f}" if seconds >= 100 else f"{seconds:.2g}"


def main():
    rates = arguments()
    print("| raw | nodes | open, by headers | open, by an index | count | reduce (MPI) | merge | all, by an index | what bounds it |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|---|")
    for raw, name in ((650e9, "650 GB"), (10e12, "10 TB"), (100e12, "100 TB")):
        for nodes in (1, 4, 16, 64):
            taken = stages(raw, nodes, rates)
            by_index = {stage: seconds for stage, seconds in taken.items() if stage != "open, by headers"}
            bound = max(by_index, key=by_index.get)
            if bound == "count" and rates.node_read * nodes > rates.file_system:
                bound = "the file system"
            elif bound == "count":
                bound = "reading on the nodes" if raw / (rates.node_read * nodes) >= taken["count"] else "cores"
            numbers = " | ".join(words(seconds) for seconds in (*taken.values(), sum(by_index.values())))
            print(f"| {name} | {nodes} | {numbers} | {bound} |")


if __name__ == "__main__":
    main()
