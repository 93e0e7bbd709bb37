"""Runs docs/examples/first_scan.ipynb in a folder, twice, with the installed package."""

import pathlib
import sys

import nbclient
import nbformat

folder, notebook = map(pathlib.Path, sys.argv[1:])
for _ in range(2):  # a reader runs cells again
    cells = nbformat.read(notebook, as_version=4)
    nbclient.NotebookClient(cells, timeout=300, kernel_name="python3", resources={"metadata": {"path": folder}}).execute()
print("notebook")
