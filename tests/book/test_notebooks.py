"""Every notebook as it is stored: run from top to bottom, clean, and complete for every reader."""

import re
from pathlib import Path

import nbformat
import pytest
import yaml

from handson11.experiments import load_claims

ROOT = Path(__file__).resolve().parents[2]
BOOK = ROOT / "book"
PATHS = sorted(
    path for path in BOOK.rglob("*.ipynb") if not any(part[0] in "._" for part in path.relative_to(BOOK).parts)
)
TAGS = {
    "fashion-mnist",
    "hide-input",
    "hide-output",
    "measured",
    "nbval-ignore-output",
    "raises-exception",
    "remove-cell",
    "remove-input",
    "remove-output",
}
MACHINE_PATH = re.compile(r"(?<![\w.\]])(?:/(?:home|root|tmp|usr|opt|work|Users|var|mnt)/|[A-Z]:\\)|ipykernel_\d")
LITERAL_COLOUR = re.compile(r"""["']#[0-9A-Fa-f]{3,8}["']|\b(?:color|c|facecolor|edgecolor)\s*=\s*["']""")
KERNEL = {
    "kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"},
    "language_info": {"name": "python"},
}


def name_of(path):
    return path.relative_to(BOOK).as_posix()


@pytest.fixture(params=PATHS, ids=name_of)
def notebook(request):
    """Return one notebook of the book."""
    notebook = nbformat.read(request.param, as_version=4)
    nbformat.validate(notebook)
    return notebook


@pytest.fixture
def page(request, notebook):
    """Return the name by which book/claims.yml knows the page of the notebook."""
    return name_of(request.node.callspec.params["notebook"]).removesuffix(".ipynb")


@pytest.fixture
def code(notebook):
    """Return the code cells that hold code."""
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def tags(cell):
    return set(cell.metadata.get("tags", []))


def texts(cell):
    """Return everything a cell printed or showed as text."""
    found = []
    for output in cell.outputs:
        found.append(str(output.get("text", "")))
        found += [str(value) for kind, value in output.get("data", {}).items() if not kind.startswith("image/")]
        found += output.get("traceback", [])
    return found


def test_the_notebooks_are_those_of_the_contents():
    contents = (ROOT / "_toc.yml").read_text(encoding="utf-8")
    listed = set(re.findall(r"(?:file|root): (\S+)", contents))
    assert PATHS
    assert {path.relative_to(ROOT).with_suffix("").as_posix() for path in PATHS} <= listed
    for entry in listed:
        assert (ROOT / f"{entry}.ipynb").is_file() != (ROOT / f"{entry}.md").is_file(), entry


def test_cells_ran_once_from_top_to_bottom(code):
    assert [cell.execution_count for cell in code] == list(range(1, len(code) + 1))
    assert all(cell.source.strip() for cell in code)


def test_errors_are_stored_exactly_where_one_is_shown(code):
    failed = [any(output.output_type == "error" for output in cell.outputs) for cell in code]
    assert failed == ["raises-exception" in tags(cell) for cell in code]


def test_nothing_was_written_to_stderr(code):
    streams = [output.name for cell in code for output in cell.outputs if output.output_type == "stream"]
    assert "stderr" not in streams


def test_every_picture_has_a_name_a_caption_and_a_text_for_those_who_cannot_see_it(code):
    problems = []
    for cell in code:
        pictures = [
            output for output in cell.outputs if any(kind.startswith("image/") for kind in output.get("data", {}))
        ]
        if not pictures or "remove-cell" in tags(cell) or "remove-output" in tags(cell):
            continue
        metadata = cell.metadata.get("mystnb", {})
        figure, words = metadata.get("figure", {}), metadata.get("image", {}).get("alt", "").split()
        if len(pictures) > 1 or not figure.get("name") or len(figure.get("caption", "").split()) < 8:
            problems.append((cell.id, "one picture, with a name and a caption", figure))
        if not 15 <= len(words) <= 45:
            problems.append((cell.id, f"the alternative text has {len(words)} words, not 15 to 45"))
        if re.match(r"(image|picture|figure) of", " ".join(words), re.I):
            problems.append((cell.id, "the alternative text says that it is an image"))
    assert not problems


def test_names_of_figures_are_unique():
    names = []
    for path in PATHS:
        for cell in nbformat.read(path, as_version=4).cells:
            figure = cell.metadata.get("mystnb", {}).get("figure", {})
            names += [figure["name"]] if "name" in figure else []
    assert names
    assert len(names) == len(set(names))


def test_only_what_does_not_change_from_machine_to_machine_is_stored(notebook):
    assert notebook.metadata == KERNEL
    kept = [set(cell.metadata) - {"tags", "mystnb"} for cell in notebook.cells]
    assert not any(kept)
    ids = [cell.id for cell in notebook.cells]
    assert len(ids) == len(set(ids))
    kinds = {kind for cell in notebook.cells for output in cell.get("outputs", []) for kind in output.get("data", {})}
    assert not [kind for kind in kinds if "widget" in kind]


def test_only_known_tags_are_used(notebook):
    assert set().union(*map(tags, notebook.cells)) <= TAGS


def test_no_path_of_a_machine_is_typed_or_stored(notebook):
    found = [(cell.id, match.group()) for cell in notebook.cells for match in MACHINE_PATH.finditer(cell.source)]
    for cell in notebook.cells:
        if cell.cell_type == "code":
            found += [(cell.id, match.group()) for text in texts(cell) for match in MACHINE_PATH.finditer(text)]
            assert "../" not in cell.source and "sys.path" not in cell.source, cell.id
    assert not found


def test_figures_come_from_the_package_in_its_colours(code):
    for cell in code:
        assert not re.search(r"\bimport matplotlib|from matplotlib|\bplt\.", cell.source), cell.id
        assert not LITERAL_COLOUR.search(cell.source), cell.id


def test_every_number_taken_from_a_run_is_measured_on_the_page(notebook, code):
    glued = {}
    for cell in code:
        for output in cell.outputs:
            key = output.get("metadata", {}).get("scrapbook", {}).get("name")
            if key:
                assert key not in glued, f"{key} is measured twice"
                glued[key] = cell
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    used = {
        match.split(":")[0] if match.count(":") else match for match in re.findall(r"\{glue:?\w*\}`([^`]+)`", prose)
    }
    assert used <= set(glued)
    live = {key: cell for key, cell in glued.items() if not re.search(r"read_(entry|results)\(", cell.source)}
    assert not {key: cell.id for key, cell in live.items() if not tags(cell) & {"measured", "nbval-ignore-output"}}


def test_numbers_of_the_ledger_are_compared_exactly(code):
    glued = [cell for cell in code if any("scrapbook" in output.get("metadata", {}) for output in cell.outputs)]
    loose = {"measured", "nbval-ignore-output"}
    assert not [cell.id for cell in glued if re.search(r"read_(entry|results)\(", cell.source) and tags(cell) & loose]


def test_every_claim_of_the_page_is_judged_on_it(page, code):
    claims = yaml.safe_load((BOOK / "claims.yml").read_text(encoding="utf-8"))
    wanted = {claim for claim, entry in claims.items() if entry["page"] == page}
    lines = "\n".join(text for cell in code for text in texts(cell)).splitlines()
    judged = {line.split()[0] for line in lines if re.match(r"CL-\d+ (confirmed|partly|refuted|open)", line)}
    assert wanted == judged


def test_titles_and_equations(notebook):
    first = notebook.cells[0]
    assert first.cell_type == "markdown"
    assert re.match(r"# 11(\.\d)+ \S", first.source)
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    for tag, label in re.findall(r"\\tag\{([^}]*)\}[^$]*\$\$[ \t]*(\([\w-]+\))?", prose):
        assert label, f"equation {tag} has no label, so nothing can refer to it"


def test_verdicts_about_the_real_data_are_not_compared_on_the_stand_in(code):
    claims = load_claims()
    for cell in code:
        for claim in re.findall(r"""\bverdict\(\s*["'](CL-\d+)["'],\s*data\.source""", cell.source):
            if claims[claim]["data"] == "fashion-mnist":
                assert tags(cell) & {"fashion-mnist", "nbval-ignore-output"}, (cell.id, claim)
