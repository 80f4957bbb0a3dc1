"""The page that says when and with what the stored outputs of the book were made."""

import os
import platform
import re
import warnings
from importlib.metadata import version
from pathlib import Path

import nbformat

BOOK = Path(__file__).resolve().parents[1]
PAGE = BOOK / "reference" / "build_status.md"
LIBRARIES = ("handson11", "keras", "tensorflow", "numpy", "scipy", "matplotlib", "jupyter-book", "myst-nb")

TEXT = """\
# Build status

This page is written by the program that runs the notebooks (`make notebooks`). It describes the runs whose outputs
you read in this book, the last one of each page. `make test` runs every notebook again and compares.

## Notebooks

{total_cells} code cells ran without an unexpected error in {total_seconds} seconds altogether.
The data of the run: **{source}**.
Seconds depend on the machine: this one has {cores} processor cores. They are a rough guide, not a measurement.

| Page | Code cells | Figures | Seconds |
|---|---:|---:|---:|
{notebooks}

## Versions

| Software | Version |
|---|---|
{versions}
"""


def describe(record):
    """Return one row of the table: a link to the page, its code cells, its pictures and its seconds."""
    notebook = nbformat.read(BOOK / record["notebook"], as_version=4)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    pictures = sum("image/png" in output.get("data", {}) for cell in cells for output in cell.outputs)
    page = "/book/" + record["notebook"].removesuffix(".ipynb")
    return {"page": f"{{doc}}`{page}`", "cells": len(cells), "pictures": pictures, "seconds": record["seconds"]}


def seconds_so_far():
    """Return what the page already says: a dict of notebook (path inside the book) → seconds of its last run."""
    rows = re.findall(r"^\| \{doc\}`/book/(.+?)` \|.*\| (\d+) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    return {f"{page}.ipynb": float(seconds) for page, seconds in rows}


def data_source():
    """Return in words which data the notebooks of this environment see."""
    from handson11.datasets import load_fashion_mnist

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        source = load_fashion_mnist().source
    return {"fashion-mnist": "the real Fashion-MNIST", "stand-in": "the generated stand-in, not the real data"}[source]


def write(records):
    """Write the page.

    Parameters
    ----------
    records : list of dict
        One per notebook, in reading order: ``notebook`` (path inside the book) and ``seconds``.
    """
    rows = [describe(record) for record in records]
    table = "\n".join(f"| {row['page']} | {row['cells']} | {row['pictures']} | {row['seconds']:.0f} |" for row in rows)
    software = [("Python", platform.python_version())] + [(name, version(name)) for name in LIBRARIES]
    PAGE.write_text(
        TEXT.format(
            total_cells=sum(row["cells"] for row in rows),
            total_seconds=f"{sum(row['seconds'] for row in rows):.0f}",
            source=data_source(),
            cores=os.cpu_count(),
            notebooks=table,
            versions="\n".join(f"| {name} | {number} |" for name, number in software),
        ),
        encoding="utf-8",
    )
