"""The book as a reader gets it: built once for all tests, from the present sources."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def built_book(tmp_path_factory):
    """Build the book with warnings as errors into a new folder; return the folder of its pages.

    ``make test`` has built it a moment before and names that folder in ``HANDSON11_BOOK``.
    """
    if os.environ.get("HANDSON11_BOOK"):
        return Path(os.environ["HANDSON11_BOOK"]).resolve()
    target = tmp_path_factory.mktemp("book")
    command = [str(Path(sys.executable).with_name("jupyter-book")), "build", str(ROOT), "--path-output", str(target)]
    done = subprocess.run([*command, "-W", "-n", "--keep-going"], capture_output=True, text=True, timeout=300)
    if done.returncode:
        problems = [line for line in done.stderr.splitlines() if "WARNING" in line or "ERROR" in line]
        pytest.fail("the book does not build:\n" + "\n".join(problems or [done.stdout, done.stderr]))
    return target / "_build" / "html"


@pytest.fixture(scope="session")
def page_paths(built_book):
    """Return every HTML page of the built book, without the first file, which only leads to the landing page."""
    pages = sorted(set(built_book.rglob("*.html")) - {built_book / "index.html"})
    pages = [page for page in pages if "_static" not in page.relative_to(built_book).parts]
    assert len(pages) > 10
    return pages
