"""The corpus of documentation strings: what counts as a sentence, the split by file, the cache."""

import gzip
import json

import pytest

from handson11.datasets import corpus as made
from handson11.datasets.corpus import (
    LIBRARIES,
    LIBRARY_NAMES,
    UNKNOWN,
    CorpusNotFoundError,
    clean_sentences,
    corpus_versions,
    docstrings,
    load_corpus,
    parse_corpus,
    split_of,
    split_words,
)

GOOD = "This sentence number {} has quite enough words."
NUMBERS = ["one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
SECTIONED = """Return the smallest element of a list of numbers.

The search looks at every element
once, and *never* changes the ``list`` itself! It is slow.

Parameters
----------
values : list of numbers that are compared with each other.

- Each of the items may be a number.
1. Another item says one thing more.

>>> smallest([3, 1, 2])  and this is no sentence either.
.. note:: and neither is a directive like this one.

```python
result = smallest(values) is what somebody would write.
```
"""


def write(folder, files):
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


@pytest.fixture
def libraries(tmp_path, monkeypatch):
    """Three tiny libraries in place of the real ones, and a cache of their own."""
    folders = {name: tmp_path / name for name in LIBRARIES}
    for library, folder in folders.items():
        files = {f"{number}.py": f'"""{library} {GOOD.format(number)}"""' for number in NUMBERS}
        write(folder, files)
    monkeypatch.setattr(made, "_folders", lambda: folders)
    monkeypatch.setenv("HANDSON11_CACHE", str(tmp_path / "cache"))
    return folders


def test_what_is_a_sentence():
    assert clean_sentences(SECTIONED) == [
        "Return the smallest element of a list of numbers.",
        "The search looks at every element once, and *never* changes the list itself!",
        "Each of the items may be a number.",
        "Another item says one thing more.",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "Four words are short.",
        "This one has no stop at its end",
        "f(1) + g(2) = h(3) * 4, x[5] - 6 / 7 is the sum.",
        "word " * 40 + "end.",  # 41 words
        ":param x: a table | of | codes is not a sentence.",
    ],
)
def test_what_is_not(text):
    assert clean_sentences(text) == []


def test_words():
    assert split_words("It's 5 o’clock; WHAT __ you_say?") == ["it's", "o'clock", "what", "___", "you", "say"]
    assert split_words(f"{UNKNOWN} sorts.") == [UNKNOWN, "sorts"]
    with pytest.raises(TypeError, match="`text` must be a string"):
        split_words(["a"])


def test_docstrings_at_any_depth_and_no_other_string(tmp_path):
    code = '''
"""Module."""
x = """no"""
if x:
    class A:
        """Class."""
        try:
            def f(self):
                """Method."""
                """not this one"""
        except ValueError:
            async def g(self):
                r"""Handler \\d."""
'''
    write(tmp_path, {"a.py": code, "broken.py": "def"})
    assert docstrings(tmp_path / "a.py") == ["Module.", "Class.", "Method.", "Handler \\d."]
    assert docstrings(tmp_path / "broken.py") == docstrings(tmp_path / "missing.py") == []


def test_tests_are_skipped_and_repeated_sentences_kept_once(tmp_path):
    text = f'"""{GOOD.format("one")}"""'
    other = '"""this sentence, number one, has quite enough words!"""'  # the same words
    files = {"b.py": text, "a.py": other, "tests/c.py": '"""Nobody reads this sentence at all."""'}
    write(tmp_path, files | {"x_test.py": '"""Nobody reads that sentence at all."""'})
    corpus = parse_corpus({"python": tmp_path}, {}, progress=False)
    assert corpus.sentences == ("this sentence, number one, has quite enough words!",)
    assert corpus.files == ("python/a.py",)


def test_the_split_is_by_file_and_about_80_10_10():
    found = [split_of(f"numpy/{number}.py") for number in range(5000)]
    for split, share in (("train", 0.8), ("validation", 0.1), ("test", 0.1)):
        assert found.count(split) / 5000 == pytest.approx(share, abs=0.02)


def test_parts_share_no_file_and_no_sentence(libraries):
    corpus = load_corpus(progress=False)
    parts = [corpus.part(split) for split in made.SPLITS]
    assert sum(map(len, parts)) == len(corpus) == 36
    for number, part in enumerate(parts):
        for other in parts[:number]:
            assert not set(part.files) & set(other.files)
            assert not set(part.sentences) & set(other.sentences)
    with pytest.raises(ValueError, match="`split` must be one of"):
        corpus.part("dev")


def test_names_can_be_hidden(libraries):
    corpus = load_corpus(progress=False)
    assert [words[0] for words in corpus.words(hide=LIBRARY_NAMES)] == [UNKNOWN] * 36
    assert corpus.words()[0][0] == "python"
    assert corpus.labels().tolist() == [0] * 12 + [1] * 12 + [2] * 12
    assert repr(corpus).startswith("Corpus(36 sentences: python 12, numpy 12, keras 12; python 3.")


def test_the_cache_is_used_and_a_damaged_one_made_anew(libraries, tmp_path):
    corpus = load_corpus(progress=False)
    (file,) = (tmp_path / "cache" / "corpus").iterdir()
    for library, number in corpus_versions().items():
        assert f"{library}-{number}" in file.name
    content = json.loads(gzip.decompress(file.read_bytes()))
    content["sentences"][0] = "From the cache."
    whole = gzip.compress(json.dumps(content).encode())
    file.write_bytes(whole)
    assert load_corpus(progress=False).sentences[0] == "From the cache."
    short = {**content, "files": content["files"][:-1]}
    for damaged in (b"", b"nothing", whole[:200], gzip.compress(b"{}"), gzip.compress(json.dumps(short).encode())):
        file.write_bytes(damaged)
        assert load_corpus(progress=False).sentences == corpus.sentences
        assert json.loads(gzip.decompress(file.read_bytes()))["sentences"] == list(corpus.sentences)


def test_other_versions_have_another_file(libraries, tmp_path, monkeypatch):
    load_corpus(progress=False)
    monkeypatch.setattr(made, "corpus_versions", lambda: {"python": "9", "numpy": "9", "keras": "9"})
    assert load_corpus(progress=False).versions["numpy"] == "9"
    assert len(list((tmp_path / "cache" / "corpus").iterdir())) == 2


def test_without_a_cache_that_can_be_written(libraries, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("HANDSON11_CACHE", str(tmp_path / "file"))
    assert len(load_corpus(progress=False)) == 36


def test_clear_errors(libraries, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    with pytest.raises(CorpusNotFoundError, match="No documentation was found for numpy in the"):
        parse_corpus({**libraries, "numpy": tmp_path / "empty"}, {}, progress=False)
    monkeypatch.setattr(made, "LIBRARIES", ("python", "a_package_that_nobody_has"))
    with pytest.raises(CorpusNotFoundError, match="needs the package a_package_that_nobody_has"):
        corpus_versions()


def test_the_folders_of_the_libraries():
    folders = made._folders()
    files = ("ast.py", "version.py", "__init__.py")
    assert all((folders[name] / file).is_file() for name, file in zip(LIBRARIES, files, strict=True))


def test_a_missing_library(monkeypatch):
    monkeypatch.setattr(made.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(CorpusNotFoundError, match="needs the package numpy"):
        made._folders()
