"""``python -m handson11``: is everything here that the course needs, and how to get what is not.

Only the standard library is imported at the top, so that the check works before anything is installed.
"""

import os
import platform
import re
import sys
from importlib import metadata

from handson11 import __version__

COMPARISONS = {
    ">=": lambda found, bound: found >= bound,
    "<=": lambda found, bound: found <= bound,
    "==": lambda found, bound: found == bound,
    "!=": lambda found, bound: found != bound,
    ">": lambda found, bound: found > bound,
    "<": lambda found, bound: found < bound,
}


def release(version):
    """Return the numbers of a version without trailing zeros, so that versions compare as tuples.

    Examples
    --------
    >>> release("3.15.0rc1"), release("2.0.0")
    ((3, 15), (2,))
    """
    numbers = [int(number) for number in re.match(r"[0-9.]*", version).group().split(".") if number]
    while numbers and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers)


def judge(version, bounds):
    """Return whether a version fits: ``"ok"``, ``"too old"``, ``"too new"`` or ``"not allowed"``.

    Examples
    --------
    >>> judge("3.5.2", "<4,>=3.6"), judge("3.6", "<4,>=3.6"), judge("4.0.0", "<4,>=3.6")
    ('too old', 'ok', 'too new')
    """
    for bound in filter(None, bounds.split(",")):
        sign, limit = re.match(r"\s*([<>=!]+)\s*(.+)", bound).groups()
        if not COMPARISONS[sign](release(version), release(limit)):
            return {">": "too old", "<": "too new"}.get(sign[0], "not allowed")
    return "ok"


def requirements():
    """Return the package's requirements as a list of (name, bounds, extra); ``extra`` is empty for what is needed."""
    result = []
    for line in metadata.requires("handson11") or ():
        requirement, _, marker = line.partition(";")
        name, bounds = re.match(r"([A-Za-z0-9._-]+)\s*(.*)", requirement).groups()
        extra = re.search(r"""extra\s*==\s*['"]([^'"]+)""", marker)
        result.append((name, bounds.strip().strip("()"), extra.group(1) if extra else ""))
    return result


def look_at(name, bounds):
    """Return (installed version or a dash, verdict) for one requirement."""
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return "-", "missing"
    return version, judge(version, bounds)


def report_packages(problems):
    """Print every requirement with its installed version; add pip's names of what is wrong to ``problems``."""
    print("\nPackages")
    extras = {}
    for name, bounds, extra in requirements():
        version, verdict = look_at(name, bounds)
        if extra:
            extras.setdefault(extra, []).append((name, bounds, verdict))
            continue
        print(f"  {name:<12} {version:<12} needs {bounds:<16} {verdict}")
        if verdict != "ok":
            problems.append(f'"{name}{bounds}"')
    for extra, members in extras.items():
        wrong = [f"{name}{bounds} ({verdict})" for name, bounds, verdict in members if verdict != "ok"]
        state = "all here" if not wrong else "not complete, needed only for this: " + ", ".join(wrong)
        print(f"  for the {extra + ':':<6} {state}")


def report_keras():
    """Print what Keras computes with; return False if it cannot be imported."""
    print("\nKeras")
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    try:
        import keras
    except Exception as error:  # whatever a broken installation raises is the finding
        print(f"  cannot be imported: {type(error).__name__}: {error}")
        return False
    print(f"  backend      {keras.config.backend()}")
    print(f"  float type   {keras.config.floatx()}")
    print(f"  devices      {', '.join(keras.distribution.list_devices())}")
    return True


def report_data():
    """Print where the data is, and what a notebook would work with now."""
    print("\nData (Fashion-MNIST)")
    try:
        from handson11.datasets.fashion_mnist import FILES
        from handson11.datasets.verified import cache_folder, offline, user_folder

        folders = {"your folder": user_folder(FILES.name), "cache": cache_folder(FILES.name)}
    except ImportError as error:
        print(f"  cannot be looked for yet: {error}")
        return
    found = None
    for place, folder in folders.items():
        states = {} if folder is None else FILES.states(folder)
        complete = bool(states) and set(states.values()) == {"ok"}
        found = found or (folder if complete else None)
        if folder is None:
            print(f"  {place:<12} HANDSON11_DATA is not set")
        elif complete:
            print(f"  {place:<12} {folder}: {len(states)} files, every SHA-256 is right")
        elif set(states.values()) == {"missing"}:
            print(f"  {place:<12} {folder}: none of the {len(states)} files")
        else:
            print(f"  {place:<12} {folder}: not complete")
            for name, state in states.items():
                print(f"               {name}: {state}")
    print(f"  network      {'not used, HANDSON11_OFFLINE is set' if offline() else 'allowed'}")
    if found:
        print(f"  in use       the real data in {found}")
    elif offline():
        print("  in use       the generated STAND-IN, until the real data is in one of these folders")
    else:
        print("  in use       downloaded at first use (30 MB; to do it now: python -m handson11.datasets),")
        print("               or the generated STAND-IN if there is no network")


def main():
    """Print the report and return the exit code: 0 if all that is needed is here, otherwise 1."""
    print(f"handson11 {__version__}, Python {platform.python_version()}, {platform.system()} {platform.machine()}")
    problems = []
    try:
        python = judge(platform.python_version(), metadata.metadata("handson11")["Requires-Python"] or "")
        report_packages(problems)
    except metadata.PackageNotFoundError:
        print("\nThe package is not installed. In the project's folder, run: python -m pip install -e .")
        return 1
    keras_works = not problems and report_keras()
    report_data()
    print()
    if python != "ok":
        print(f"Python is {python}: install a Python {metadata.metadata('handson11')['Requires-Python']}.")
    if problems:
        print(f"Missing or unfit. Get it with:\n  python -m pip install {' '.join(problems)}")
    elif not keras_works:
        print("Keras is installed but does not work. Get it again with:")
        print("  python -m pip install --force-reinstall keras tensorflow")
    complete = python == "ok" and keras_works
    if complete:
        print("Everything needed is here.")
    return 0 if complete else 1


if __name__ == "__main__":
    sys.exit(main())
