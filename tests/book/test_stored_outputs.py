"""The comparison of stored outputs with a fresh run: what it lets pass and what it stops."""

import importlib.util
import re
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def rules():
    spec = importlib.util.spec_from_file_location("book_conftest", ROOT / "book" / "conftest.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    ("stored", "fresh", "same"),
    [
        ("accuracy 0.80 in 5 of 5 runs", "accuracy 0.81 in 5 of 5 runs", True),
        ("accuracy 0.80", "accuracy 0.59", False),
        ("0 of 5 diverged", "1 of 5 diverged", False),
        ("ratio 2.0e-12", "ratio 4.1e-12", True),
        ("ratio 2.0e-12", "ratio 8.0e-12", False),
        ("ratio 2.0e-12", "ratio 2.0e-02", False),
        ("55,000 images", "5,000 images", False),
        ("the first is better", "the second is better", False),
        ("layer 1: 0.5", "layer 1: 0.5, layer 2: 0.4", False),
        ("gain -0.010", "gain 0.005", True),
        ("gain -0.30", "gain 0.30", False),
        ("a   0.5", "a 0.5", True),
        ("'0.50'", "'nan'", False),
    ],
)
def test_measured_numbers(rules, stored, fresh, same):
    assert (rules.measured_outputs_agree(stored, fresh) is None) == same


CELLS = {
    "fashion-mnist": [
        ("measured", "x 0.81\n", "PASSED"),
        ("measured", "x 0.20\n", "FAILED"),
        ("fashion-mnist", "x 0.81\n", "FAILED"),
        (None, "x 0.80\n", "PASSED"),
    ],
    "stand-in": [("fashion-mnist", "x 0.20\n", "PASSED"), (None, "x 0.81\n", "FAILED")],
}


@pytest.mark.parametrize("source", CELLS)
def test_every_kind_of_cell_under_nbval(tmp_path, source):
    cells = []
    for tag, stored, _ in CELLS[source]:
        cell = nbformat.v4.new_code_cell(
            "print('x 0.80')", execution_count=len(cells) + 1, metadata={"tags": [tag] if tag else []}
        )
        cell.outputs = [nbformat.v4.new_output("stream", name="stdout", text=stored)]
        cells.append(cell)
    nbformat.write(nbformat.v4.new_notebook(cells=cells), tmp_path / "page.ipynb")
    conftest = (ROOT / "book" / "conftest.py").read_text()
    (tmp_path / "conftest.py").write_text(conftest + f"\n\ndef data_source():\n    return {source!r}\n")
    command = [sys.executable, "-m", "pytest", "-v", "-p", "no:cacheprovider", "--nbval", "--nbval-current-env"]
    done = subprocess.run([*command, "page.ipynb"], cwd=tmp_path, capture_output=True, text=True, check=False)
    found = re.findall(r"^page::ipynb::Cell (\d+) (\w+)", done.stdout, re.M)
    assert found == [(str(n), outcome) for n, (*_, outcome) in enumerate(CELLS[source])], done.stdout + done.stderr


def test_the_build_status_page_lists_every_notebook(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "book" / "_tools")
    status, runner = (importlib.import_module(name) for name in ("build_status", "run_notebooks"))
    seconds = status.seconds_so_far()
    assert list(seconds) == [path.relative_to(status.BOOK).as_posix() for path in runner.all_notebooks()]
    rows = [status.describe({"notebook": name, "seconds": value}) for name, value in seconds.items()]
    text = status.PAGE.read_text(encoding="utf-8")
    for row in rows:
        assert f"| {row['page']} | {row['cells']} | {row['pictures']} | {row['seconds']:.0f} |" in text
