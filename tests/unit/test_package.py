"""The package as a whole: what imports what, what a wheel holds, and the environment check that needs nothing."""

import ast
import os
import re
import shutil
import subprocess
import sys
import venv
import zipfile
from importlib import metadata
from pathlib import Path

import pytest

import handson11
from handson11 import __main__ as check

ROOT = Path(handson11.__file__).resolve().parent.parent
PACKAGE = ROOT / "handson11"
SOURCES = sorted(path for path in PACKAGE.rglob("*.py"))
MODULES = sorted(
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCES
    if path.name != "__main__.py"
)
NEEDED = re.findall(
    r'^    "([\w-]+)', (ROOT / "pyproject.toml").read_text().partition("\ndependencies = [")[2].partition("]")[0], re.M
)


def run(code, *options, python=sys.executable, **environment):
    """Run ``code`` in a fresh interpreter that cannot see this one's folder; return the finished process."""
    return subprocess.run(
        [python, *options, "-c", code],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", **environment},
    )


def imported_by(path):
    """Return the top names of everything a file imports, at the top or inside functions."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            names.add(node.module.split(".")[0])
    return names


def test_only_plots_imports_matplotlib():
    assert {path.parent.name for path in SOURCES if "matplotlib" in imported_by(path)} == {"plots"}


def test_only_declared_packages_are_imported():
    assert {"keras", "tensorflow", "numpy"} <= set(NEEDED)
    allowed = {"PIL" if name == "pillow" else "yaml" if name == "pyyaml" else name for name in NEEDED}
    allowed |= {"cycler", "requests"}  # come with matplotlib and pooch
    allowed |= {"IPython", "myst_nb", "pygments"}  # are there in every notebook
    allowed |= {"handson11", *sys.stdlib_module_names}
    optional = {"faces.py": {"sklearn"}}  # used where it is installed, and missed by nobody: see test_faces.py
    assert {path.name: imported_by(path) - allowed for path in SOURCES if imported_by(path) - allowed} == optional


def test_every_module_imports_alone_and_without_matplotlib():
    # Keras itself takes matplotlib along where it finds it, so here nobody can find it. Other people's packages stay
    # loaded from one module to the next; ours are forgotten, so that each has to bring what it needs.
    code = """
import importlib, sys

class NoMatplotlib:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "matplotlib":
            raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")

sys.meta_path.insert(0, NoMatplotlib())
for module in sys.argv[1:]:
    for name in [name for name in sys.modules if name.split(".")[0] == "handson11"]:
        del sys.modules[name]
    try:
        importlib.import_module(module)
    except Exception as error:
        print(module, type(error).__name__, error)
print("done")
"""
    plots = [module for module in MODULES if module.split(".")[:2] == ["handson11", "plots"]]
    command = [sys.executable, "-c", code, *MODULES]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=ROOT)
    expected = [f"{module} ModuleNotFoundError No module named 'matplotlib'" for module in plots]
    assert done.stdout.splitlines() == [*expected, "done"], done


def test_formulas_load_without_keras():
    names = ["activations", "clipping", "normalization", "datasets"]
    code = f"import sys, handson11\nfor name in {names}: getattr(handson11, name)\nprint('keras' in sys.modules)"
    assert run(code).stdout.strip() == "False"


def test_all_names_are_complete():
    public = {module.split(".")[1] for module in MODULES if "." in module and not module.split(".")[1].startswith("_")}
    assert set(handson11.__all__) == public | {"__version__"}
    assert dir(handson11) == sorted(handson11.__all__)
    for name in public - {"plots"}:
        assert getattr(handson11, name).__name__ == f"handson11.{name}"
    with pytest.raises(AttributeError, match="'handson11' has no attribute 'optimiser'"):
        _ = handson11.optimiser


def test_every_public_module_says_what_it_offers():
    for name in set(handson11.__all__) - {"__version__"}:
        module = getattr(handson11, name)
        assert module.__doc__, name
        missing = [member for member in getattr(module, "__all__", ()) if not hasattr(module, member)]
        assert missing == [], name


def test_top_level_has_the_fixed_names():
    fixed = "book handson11 tests _config.yml _toc.yml requirements.txt README.md Makefile pyproject.toml .ci/run"
    fixed += " CHANGELOG.md LICENSE CITATION.cff CONTRIBUTING.md"
    assert [name for name in fixed.split() if not (ROOT / name).exists()] == []


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    """The wheel, built without a network from a copy of the sources (building leaves files where it works)."""
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    shutil.copytree(PACKAGE, source / "handson11", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    command = [sys.executable, "-m", "pip", "wheel", str(source), "--no-deps", "--no-build-isolation", "--no-index"]
    done = subprocess.run([*command, "-w", str(folder)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_the_package_and_nothing_else(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    ours = {str(path.relative_to(ROOT)) for path in PACKAGE.rglob("*") if path.is_file()}
    ours = {name for name in ours if "__pycache__" not in name}
    assert {name for name in names if ".dist-info/" not in name} == ours
    assert wheel.name == f"handson11-{handson11.__version__}-py3-none-any.whl"
    assert any(name.endswith("licenses/LICENSE") for name in names)


def test_wheel_in_an_empty_environment_names_what_is_missing(wheel, tmp_path):
    venv.create(tmp_path / "empty", with_pip=False, symlinks=os.name != "nt")
    python = tmp_path / "empty" / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
    install = [sys.executable, "-m", "pip", "--python", str(python), "install", "--no-deps", "--no-index", str(wheel)]
    done = subprocess.run(install, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    done = subprocess.run([str(python), "-I", "-m", "handson11"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 1 and done.stderr == ""
    assert [name for name in NEEDED if not re.search(rf"^  {name} +- .* missing$", done.stdout, re.M)] == []
    advice = done.stdout.splitlines()[-1]
    assert "python -m pip install" in advice and all(f'"{name}' in advice for name in NEEDED)
    assert "cannot be looked for yet" in done.stdout


def test_check_of_this_environment(capsys, monkeypatch, tmp_path):
    monkeypatch.setenv("HANDSON11_DATA", str(tmp_path))
    monkeypatch.setenv("HANDSON11_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HANDSON11_OFFLINE", raising=False)
    (tmp_path / "fashion-mnist").mkdir()
    (tmp_path / "fashion-mnist" / "train-labels-idx1-ubyte.gz").write_bytes(b"damaged")
    assert check.main() == 0
    text = capsys.readouterr().out
    for name in NEEDED:
        assert re.search(rf"^  {name} +{re.escape(metadata.version(name))} .* ok$", text, re.M), text
    assert re.search("backend +(tensorflow|jax|torch)", text) and "float32" in text and "cpu:0" in text
    assert "train-labels-idx1-ubyte.gz: 7 bytes with SHA-256" in text
    assert (
        f"{tmp_path / 'cache' / 'fashion-mnist'}: none of the 4 files" in text
        and "python -m handson11.datasets" in text
    )
    assert text.rstrip().endswith("Everything needed is here.")


def test_check_names_the_data_in_use(capsys, monkeypatch, tmp_path):
    import hashlib

    from handson11.datasets import fashion_mnist
    from handson11.datasets.verified import VerifiedFiles

    files = VerifiedFiles("small", {"a.gz": hashlib.sha256(b"a").hexdigest()}, ())
    monkeypatch.setattr(fashion_mnist, "FILES", files)
    monkeypatch.delenv("HANDSON11_DATA", raising=False)
    monkeypatch.setenv("HANDSON11_CACHE", str(tmp_path))
    monkeypatch.setenv("HANDSON11_OFFLINE", "1")
    check.report_data()
    text = capsys.readouterr().out
    assert "HANDSON11_DATA is not set" in text and "HANDSON11_OFFLINE is set" in text and "STAND-IN" in text
    (tmp_path / "small").mkdir()
    (tmp_path / "small" / "a.gz").write_bytes(b"a")
    check.report_data()
    text = capsys.readouterr().out
    assert "1 files, every SHA-256 is right" in text and f"the real data in {tmp_path / 'small'}" in text


def test_check_without_numpy_cannot_look_for_the_data(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "handson11.datasets.fashion_mnist", None)
    check.report_data()
    assert "cannot be looked for yet" in capsys.readouterr().out


def test_check_names_old_and_missing_packages(capsys, monkeypatch):
    versions = {"keras": "3.5.9", "numpy": "3.0", "tensorflow": None}
    installed = metadata.version

    def pretend(name):
        version = versions.get(name, "") or (None if name in versions else installed(name))
        if version is None:
            raise metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(metadata, "version", pretend)
    assert check.main() == 1
    text = capsys.readouterr().out
    assert re.search(r"^  keras +3.5.9 .* too old$", text, re.M)
    assert re.search(r"^  numpy +3.0 .* too new$", text, re.M)
    assert re.search(r"^  tensorflow +- .* missing$", text, re.M)
    advice = text.splitlines()[-1]
    assert advice.count('"') == 6 and all(f'"{name}' in advice for name in versions)


def test_check_of_a_broken_keras(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "keras", None)
    assert check.main() == 1
    assert "Keras is installed but does not work" in capsys.readouterr().out


def test_check_of_python_that_is_too_old(capsys, monkeypatch):
    monkeypatch.setattr(check, "report_keras", lambda: True)
    monkeypatch.setattr(check.platform, "python_version", lambda: "3.9.18")
    assert check.main() == 1
    assert "Python is too old" in capsys.readouterr().out


def test_check_without_an_installed_package(capsys, monkeypatch):
    def nothing(name):
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "metadata", nothing)
    assert check.main() == 1
    assert "pip install -e ." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("version", "bounds", "verdict"),
    [
        ("3.6", ">=3.6,<4", "ok"),
        ("3.6.0", ">=3.6", "ok"),
        ("3.10", ">=3.9", "ok"),
        ("3.9", ">=3.10", "too old"),
        ("4", "<4", "too new"),
        ("4.0.1", "<=4", "too new"),
        ("4.0", "<=4", "ok"),
        ("2.0", ">2", "too old"),
        ("1.0.4.post1", ">=1.0.4,<2", "ok"),
        ("2.1", "==2.0", "not allowed"),
        ("2.1", "!=2.1", "not allowed"),
        ("24.1", "", "ok"),
    ],
)
def test_judge(version, bounds, verdict):
    assert check.judge(version, bounds) == verdict
