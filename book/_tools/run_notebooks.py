"""Run the notebooks of the book top to bottom in fresh kernels and store them in one normal form.

python book/_tools/run_notebooks.py            every notebook
python book/_tools/run_notebooks.py PATH ...   these only
"""

import os
import re
import sys
import time
from pathlib import Path

import nbformat
from nbclient import NotebookClient

BOOK = Path(__file__).resolve().parents[1]
KEPT_CELL_METADATA = {"tags", "mystnb"}


def all_notebooks():
    """Return every notebook of the book in reading order."""
    found = (
        path for path in BOOK.rglob("*.ipynb") if not any(part[0] in "._" for part in path.relative_to(BOOK).parts)
    )
    return sorted(found, key=lambda path: (path.parent, path.name != "index.ipynb", path.name))


def normalise(notebook):
    """Strip what changes from run to run or from machine to machine; keep what a reader or a test needs."""
    notebook.metadata = {
        "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
        "language_info": {"name": "python"},
    }
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        cell.metadata = {key: value for key, value in cell.metadata.items() if key in KEPT_CELL_METADATA}
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = [_plain(line) for line in output.traceback]
    return notebook


def _plain(line):
    """Return a traceback line without colours, machine paths and temporary names."""
    line = re.sub(r"\x1b\[[0-9;]*m", "", line)
    line = re.sub(r"(?:~|/)[^\s:]*/site-packages/", "", line)
    line = re.sub(r"/[^\s:]*/ipykernel_\d+/\d+\.py", "CELL", line)
    return re.sub(rf"{re.escape(str(BOOK.parent))}/", "", line)


def run(path):
    """Execute one notebook in its own folder and write it back; return the seconds it took."""
    notebook = nbformat.read(path, as_version=4)
    client = NotebookClient(
        notebook,
        timeout=300,
        kernel_name="python3",
        record_timing=False,
        coalesce_streams=True,
        resources={"metadata": {"path": str(path.parent)}},
    )
    start = time.perf_counter()
    client.execute()
    seconds = time.perf_counter() - start
    nbformat.write(normalise(notebook), path)
    return seconds


def main(arguments):
    """Run the notebooks named in ``arguments``, or all; then bring the build status page up to date."""
    # ipykernel copies what C libraries write to the terminal into the cells, except under pytest: ask for that.
    os.environ |= {"PYTEST_CURRENT_TEST": "notebooks", "TF_CPP_MIN_LOG_LEVEL": "3"}
    paths = [Path(argument).resolve() for argument in arguments] or all_notebooks()
    sys.path.insert(0, str(Path(__file__).parent))
    import build_status

    seconds = build_status.seconds_so_far()
    for number, path in enumerate(paths, 1):
        name = path.relative_to(BOOK).as_posix()
        print(f"[{number}/{len(paths)}] {name} …", end=" ", flush=True)
        seconds[name] = run(path)
        print(f"{seconds[name]:.0f} s")
    names = [path.relative_to(BOOK).as_posix() for path in all_notebooks()]
    build_status.write([{"notebook": name, "seconds": seconds[name]} for name in names if name in seconds])
    print("wrote book/reference/build_status.md")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except KeyboardInterrupt:
        sys.exit("\nInterrupted: the notebook that was running keeps its previous outputs, the others are written.")
