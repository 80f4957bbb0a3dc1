"""Real English on every machine: the documentation strings of the standard library, NumPy and Keras as sentences."""

import ast
import contextlib
import gzip
import hashlib
import importlib.util
import json
import os
import platform
import re
import sysconfig
import warnings
import zlib
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from handson11._check import require, require_choice
from handson11.datasets.verified import cache_folder

LIBRARIES = ("python", "numpy", "keras")
SPLITS = ("train", "validation", "test")

LIBRARY_NAMES = (
    *("python", "cpython", "numpy", "np", "ndarray", "ndarrays", "scipy", "keras", "tf", "tensorflow"),
    *("jax", "torch", "pytorch", "openvino"),
)
"""Words that say outright which library a sentence comes from; see :meth:`Corpus.words`."""

MASK = "___"
"""What stands where a word was hidden to be predicted."""
UNKNOWN = "[UNK]"
"""What stands where a word is not in the vocabulary, or must not be seen."""

_SKIPPED = {"test", "tests", "site-packages", "dist-packages", "idlelib", "lib2to3", "__pycache__"}
_WORD = re.compile(r"_{2,}|\[UNK\]|[a-z]+(?:'[a-z]+)*")
_MARKUP = re.compile(r":\w+:(?=`)|`|\*\*")
_RULE = re.compile(r"[-=~^*#_]{3,}")
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")


class CorpusNotFoundError(RuntimeError):
    """The libraries of this machine have no readable documentation strings."""


@dataclass(frozen=True, eq=False, repr=False)
class Corpus:
    """English sentences, and where each of them stands.

    Parameters
    ----------
    sentences : tuple of str
        The sentences, no two of which have the same words.
    libraries : tuple of str
        For each sentence ``"python"`` (the standard library), ``"numpy"`` or ``"keras"``.
    splits : tuple of str
        For each sentence ``"train"``, ``"validation"`` or ``"test"``: that of its file.
    files : tuple of str
        For each sentence its file, as ``"numpy/linalg/_linalg.py"``.
    versions : dict of str → str
        Library → version. With other versions the sentences are others.

    Examples
    --------
    >>> corpus = Corpus(("It sorts the list.", "NumPy sorts, too."), ("python", "numpy"), ("train", "test"),
    ...                 ("python/a.py", "numpy/b.py"), {"python": "3.11.7", "numpy": "2.0", "keras": "3.6"})
    >>> corpus.part("test").words(hide=LIBRARY_NAMES)
    [['[UNK]', 'sorts', 'too']]
    >>> corpus
    Corpus(2 sentences: python 1, numpy 1, keras 0; python 3.11.7, numpy 2.0, keras 3.6)
    """

    sentences: tuple
    libraries: tuple
    splits: tuple
    files: tuple
    versions: dict

    def __len__(self):
        return len(self.sentences)

    def __repr__(self):
        counts = Counter(self.libraries)
        sizes = ", ".join(f"{name} {counts[name]:,}" for name in LIBRARIES)
        made_of = ", ".join(f"{name} {number}" for name, number in self.versions.items())
        return f"Corpus({len(self):,} sentences: {sizes}; {made_of})"

    def part(self, split):
        """Return the sentences of one split as a corpus of their own.

        Parameters
        ----------
        split : {"train", "validation", "test"}
            Which files.

        Returns
        -------
        Corpus
            In the same order. No file, and no sentence, is in two splits.
        """
        require_choice("split", split, SPLITS)
        rows = [row for row, found in enumerate(self.splits) if found == split]
        columns = (self.sentences, self.libraries, self.splits, self.files)
        return Corpus(*(tuple(column[row] for row in rows) for column in columns), self.versions)

    def words(self, hide=()):
        """Return the words of every sentence, see :func:`split_words`.

        Parameters
        ----------
        hide : sequence of str, default ()
            Words in whose place ``UNKNOWN`` stands, such as ``LIBRARY_NAMES``.

        Returns
        -------
        list of list of str
            One list a sentence.
        """
        hidden = frozenset(hide)
        return [[UNKNOWN if word in hidden else word for word in split_words(text)] for text in self.sentences]

    def labels(self):
        """Return the libraries as numbers, in the order of ``LIBRARIES``: an int32 array."""
        return np.array([LIBRARIES.index(name) for name in self.libraries], dtype="int32")


def split_words(text):
    """Return the words of a text in small letters, without digits and punctuation.

    Parameters
    ----------
    text : str
        English. ``___`` (two lines or more) stands for a hidden word and ``[UNK]`` for one that is not known.

    Returns
    -------
    list of str
        The words.

    Examples
    --------
    >>> split_words("What ___ you saying?")
    ['what', '___', 'you', 'saying']
    >>> split_words("Don't sort 3 [UNK]s.")
    ["don't", 'sort', '[UNK]', 's']
    """
    require(isinstance(text, str), "text", "be a string", text, TypeError)
    found = _WORD.findall(text.replace("’", "'").lower().replace("[unk]", UNKNOWN))
    return [MASK if word[0] == "_" else word for word in found]


def corpus_versions():
    """Return the versions that decide what the corpus is: a dict of library → version.

    Examples
    --------
    >>> list(corpus_versions())
    ['python', 'numpy', 'keras']
    """
    try:
        return {"python": platform.python_version(), **{name: version(name) for name in LIBRARIES[1:]}}
    except PackageNotFoundError as error:
        raise CorpusNotFoundError(f"The corpus needs the package {error.name}, which is not installed.") from None


def load_corpus(progress=True):
    """Load the sentences in the documentation of the Python, NumPy and Keras that are installed here.

    All ``*.py`` files but tests are parsed, not imported. The docstrings are freed from code, headings and lists of
    parameters, cut into sentences, and a sentence that was seen before is left out. A hash of the file's name decides
    its split: about 80 % of the files are for training, 10 % for validation, 10 % for tests. The first call takes some
    seconds; the result is kept in the cache (``$HANDSON11_CACHE`` or the usual cache folder of your system), if that
    can be written. No network is used.

    Parameters
    ----------
    progress : bool, default True
        Whether to show a bar while files are parsed, if there is a terminal.

    Returns
    -------
    Corpus
        The same on every machine with the same versions of the three libraries, but for a few files of the standard
        library that differ between systems.

    Raises
    ------
    CorpusNotFoundError
        If a library is missing, or came without its ``*.py`` files.

    Notes
    -----
    Numbers that are measured on it change with the versions: never type one by hand.

    Examples
    --------
    >>> corpus = load_corpus(progress=False)
    >>> sorted(set(corpus.libraries)), len(corpus) > 1000
    (['keras', 'numpy', 'python'], True)
    """
    found = corpus_versions()
    name = "-".join(f"{library}-{number}" for library, number in found.items())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # pooch looks for the widgets of a notebook, and warns without them
        path = cache_folder("corpus") / f"{name}-{_recipe()}.json.gz"
    corpus = _read(path, found)
    if corpus is None:
        corpus = parse_corpus(_folders(), found, progress)
        _write(path, corpus)
    return corpus


def parse_corpus(folders, versions, progress=True):
    """Make a corpus of the Python files in some folders.

    Parameters
    ----------
    folders : dict of str → path
        Library → the folder of its files.
    versions : dict of str → str
        Kept with the corpus.
    progress : bool, default True
        Whether to show a bar.

    Returns
    -------
    Corpus
        Sentences in the order of the libraries, of the names of files, and of their places in the file.

    Raises
    ------
    CorpusNotFoundError
        If a library has no sentence.

    Examples
    --------
    >>> import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "a.py").write_text('\"\"\"This sentence has six clear words.\"\"\"')
    >>> parse_corpus({"python": folder}, {}, progress=False).sentences
    ('This sentence has six clear words.',)
    """
    from tqdm import tqdm

    files = [(library, folder, path) for library, folder in folders.items() for path in _python_files(Path(folder))]
    seen, rows = set(), []
    bar = tqdm(files, desc="reading documentation strings", unit="file", disable=None if progress else True)
    for library, folder, path in bar:
        name = f"{library}/{path.relative_to(folder).as_posix()}"
        for sentence in (text for docstring in docstrings(path) for text in clean_sentences(docstring)):
            key = " ".join(split_words(sentence))
            if key not in seen:
                seen.add(key)
                rows.append((sentence, library, split_of(name), name))
    for library, folder in folders.items():
        if not any(row[1] == library for row in rows):
            raise CorpusNotFoundError(f"No documentation was found for {library} in the *.py files of {folder}.")
    return Corpus(*(tuple(column) for column in zip(*rows, strict=True)), dict(versions))


def split_of(file):
    """Return the split of a file, which only its name decides: 80 % train, 10 % validation, 10 % test.

    Examples
    --------
    >>> split_of("numpy/linalg/_linalg.py") in SPLITS
    True
    """
    number = int(hashlib.sha256(file.encode()).hexdigest(), 16) % 10
    return "train" if number < 8 else SPLITS[number - 7]


def docstrings(path):
    """Return the docstrings of a Python file: of the module, its classes and its functions, at any depth.

    Parameters
    ----------
    path : path
        The file. It is parsed, never run. One that cannot be read or parsed has none.

    Returns
    -------
    list of str
        In the order of the file.

    Examples
    --------
    >>> docstrings(__file__)[0].split(":")[0]
    'Real English on every machine'
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of escapes in other people's strings
            tree = ast.parse(Path(path).read_bytes())
    except (OSError, SyntaxError, ValueError):
        return []
    return list(_docstrings_of(tree))


def _docstrings_of(node):
    if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
        text = ast.get_docstring(node)
        if text:
            yield text
    for block in ("body", "orelse", "handlers", "finalbody"):  # statements only: expressions hold no docstring
        inner = getattr(node, block, ())
        for child in inner if isinstance(inner, list) else ():
            yield from _docstrings_of(child)


def clean_sentences(docstring):
    """Return the English sentences of a docstring.

    Code, doctests, headings, tables and lists of parameters are left out. A sentence ends with a full stop, an
    exclamation or a question mark, has 5 to 40 words, and more than three quarters of it are letters.

    Parameters
    ----------
    docstring : str
        As ``ast.get_docstring`` returns it.

    Returns
    -------
    list of str
        The sentences.

    Examples
    --------
    >>> clean_sentences('''Return the `sum` of all values.  x : int
    ...
    ... Examples
    ... --------
    ... >>> total([1, 2])
    ... The result is never larger than
    ... the length of the list. Too short.''')
    ['The result is never larger than the length of the list.']
    """
    sentences = []
    for paragraph in _paragraphs(docstring):
        for sentence in _SENTENCE_END.split(_MARKUP.sub("", paragraph).strip()):
            letters = sum(character.isalpha() or character == " " for character in sentence)
            words = split_words(sentence)
            if sentence.endswith((".", "!", "?")) and 5 <= len(words) <= 40 and letters > 0.75 * len(sentence):
                sentences.append(" ".join(sentence.split()))
    return sentences


def _paragraphs(docstring):
    """Return the stretches of plain lines, each as one text."""
    lines = [line.strip() for line in docstring.splitlines()]
    found, current, fenced = [], [], False
    for line, following in zip(lines, [*lines[1:], ""], strict=True):
        fence = line.startswith("```")
        fenced = fenced != fence
        plain = line and not (fence or fenced or _is_no_prose(line) or _RULE.fullmatch(following))
        bullet = re.match(r"(?:[-*+•]|\d+[.)])\s+", line)
        if (not plain or bullet) and current:
            found.append(" ".join(current))
            current = []
        if plain:
            current.append(line[bullet.end() :] if bullet else line)
    return [*found, *([" ".join(current)] if current else [])]


def _is_no_prose(line):
    """Tell whether a line is a doctest, a directive, a rule, a parameter or code."""
    if line.startswith((">>>", "...", "..", "#", "|", "@")) or _RULE.fullmatch(line) or " : " in line:
        return True
    return len(re.findall(r"[=\[\]{}<>|\\/%_]|\(\)|->", line)) >= 2


def _python_files(folder):
    """Return the files of a library without its tests, in the order of their names."""
    found = [
        path
        for path in folder.rglob("*.py")
        if not _SKIPPED & set(path.relative_to(folder).parts[:-1]) and not re.match(r"test_|.*_test\.py", path.name)
    ]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _folders():
    found = {"python": Path(sysconfig.get_paths()["stdlib"])}
    for name in LIBRARIES[1:]:
        spec = importlib.util.find_spec(name)
        if spec is None or not spec.submodule_search_locations:
            raise CorpusNotFoundError(f"The corpus needs the package {name}, which is not installed.")
        found[name] = Path(spec.submodule_search_locations[0])
    return found


def _recipe():
    """Return a short hash of this file: a corpus made by other code is another one."""
    return hashlib.sha256(Path(__file__).read_bytes()).hexdigest()[:8]


def _read(path, versions):
    """Return the corpus in a file of the cache, or None if there is none or it is damaged."""
    try:
        content = json.loads(gzip.decompress(path.read_bytes()))
        columns = [tuple(content[name]) for name in ("sentences", "libraries", "splits", "files")]
    except (OSError, EOFError, zlib.error, ValueError, KeyError, TypeError):
        return None
    whole = columns[0] and len({len(column) for column in columns}) == 1
    return Corpus(*columns, dict(versions)) if whole else None


def _write(path, corpus):
    """Write whole or not at all; a cache that cannot be written is no error."""
    content = {name: getattr(corpus, name) for name in ("sentences", "libraries", "splits", "files")}
    unfinished = path.with_suffix(f".{os.getpid()}.part")
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished.write_bytes(gzip.compress(json.dumps(content).encode(), mtime=0))
        os.replace(unfinished, path)
