"""Masked words in CL-53: the task, its vectors, its runs, and what is concluded from them."""

import keras
import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression

from handson11.claims import words as declared
from handson11.claims.runs import words as runs
from handson11.claims.runs.few_labels import network, train_few
from handson11.datasets.corpus import LIBRARY_NAMES, Corpus
from handson11.experiments import conduct
from handson11.experiments.engine import Task
from tests.unit.made_up_results import made_up

TOPICS = {
    "python": ["file", "path", "open"],
    "numpy": ["array", "axis", "shape"],
    "keras": ["layer", "weights", "loss"],
}
VERSIONS = {"python": "1", "numpy": "2", "keras": "3"}


@pytest.fixture(autouse=True)
def tiny_corpus(monkeypatch):
    """Sentences in which one word tells the library, six sentences a file."""
    rows = []
    for library, topic in TOPICS.items():
        for number in range(120):
            file, split = f"{library}/{number // 6}.py", ("train", "validation", "test")[(number // 6) % 3]
            text = f"The {topic[number % 3]} of number{'abcdefgh'[number % 8]} is in {library} here."
            rows.append((text, library, split, file))
    corpus = Corpus(*(tuple(column) for column in zip(*rows, strict=True)), VERSIONS)
    monkeypatch.setattr(runs, "load_corpus", lambda: corpus)
    monkeypatch.setattr(runs, "corpus_versions", lambda: VERSIONS)
    monkeypatch.setattr(runs, "kept", lambda make, settings: make(settings))
    for cached in (runs._text, runs._library_task):
        cached.cache_clear()
    yield corpus
    for cached in (runs._text, runs._library_task):
        cached.cache_clear()


def configuration(**more):
    small = {"vocabulary": 50, "dimension": 4, "steps": 60, "held_out": 20, "labels": 5, "corpus": VERSIONS}
    small |= {"pretraining": {"epochs": 1, "model": {"context": "average"}}, "learning_rate": 0.1}
    return {**small, "seed": 0, "source": "stand-in", **more}


def sentences(rows):
    vocabulary = runs._text(50)[0]
    return [tuple(vocabulary.words[number] for number in row if number) for row in rows]


# The task


def test_balanced_nested_and_from_other_files():
    small, large = runs.library_task(3, 7, 50, 20), runs.library_task(5, 7, 50, 20)
    assert [getattr(large, name).shape for name in Task.__dataclass_fields__][::2] == [(15, 40), (60, 40), (60, 40)]
    assert np.bincount(large.y_train).tolist() == [5, 5, 5]
    assert np.bincount(large.y_test).tolist() == np.bincount(large.y_validation).tolist() == [20, 20, 20]
    for label in range(3):
        few = small.x_train[small.y_train == label]
        np.testing.assert_array_equal(few, large.x_train[large.y_train == label][:3])
    other = runs.library_task(5, 8, 50, 20)
    assert (other.x_train != large.x_train).any()
    np.testing.assert_array_equal(other.x_test, large.x_test)


def test_the_labels_are_the_libraries_and_their_names_are_hidden():
    task = runs.library_task(5, 0, 50, 20)
    for text, label in zip(sentences(task.x_test), task.y_test, strict=True):
        topic = list(TOPICS.values())[label]
        assert text[1] in topic
        assert text[-2] == "[UNK]"
        assert not set(text) & set(LIBRARY_NAMES)


def test_nothing_of_the_test_files_is_seen_before(tiny_corpus):
    trained = []
    original = runs.MaskedWordModel.fit
    runs.MaskedWordModel.fit = lambda self, texts, **more: trained.extend(texts) or original(self, texts, **more)
    try:
        runs.masked_word_vectors({"vocabulary": 50, "model": {"dimension": 4}, "epochs": 1, "seed": 0})
    finally:
        runs.MaskedWordModel.fit = original
    assert trained == tiny_corpus.part("train").words(hide=LIBRARY_NAMES)
    assert not set(tiny_corpus.part("train").files) & set(tiny_corpus.part("test").files)
    assert set(runs._text(50)[0].words[2:]) <= {word for words in trained for word in words}


def test_more_labels_than_there_are():
    with pytest.raises(ValueError, match="`labels` must be between 1 and the 42 sentences of a library"):
        runs.library_task(43, 0, 50, 20)


# The networks


def test_mean_of_the_word_vectors_by_hand():
    model = runs.word_classifier(4, 2, 3)
    vectors = np.array([[9.0, 9.0], [1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    kernel = np.array([[1.0, 0.0, 2.0], [0.0, 1.0, -1.0]])
    model.set_weights([vectors, kernel, np.array([0.0, 0.5, 0.0])])
    row = np.zeros((1, runs.LENGTH), "int32")
    row[0, :2] = [1, 2]  # the mean is (0.5, 1); padding does not count
    np.testing.assert_allclose(model(row), [[0.5, 1.5, 0.0]])


def test_a_bag_of_words_is_logistic_regression():
    rng = np.random.default_rng(0)
    rows = np.zeros((90, runs.LENGTH), "int32")
    labels = np.repeat(np.arange(3, dtype="int32"), 30)
    rows[:, :8] = np.where(rng.random((90, 8)) < 0.2, labels[:, None] + 2, rng.integers(2, 8, (90, 8)))
    task = Task(rows, labels, rows, labels, rows, labels)
    description = {"model": "handson11.claims.runs.words:bag_of_words", "arguments": {"n_words": 8, "n_outputs": 3}}
    run = train_few(description, task, 0, 0.03, steps=4000, batch_size=90)
    counts = np.stack([(rows == word).sum(axis=1) for word in range(2, 8)], axis=1) / 8
    oracle = LogisticRegression(C=1e6, max_iter=5000).fit(counts, labels)
    expected = -np.log(oracle.predict_proba(counts)[np.arange(90), labels]).mean()
    assert run.train_loss == pytest.approx(expected, abs=2e-3)
    assert run.train_accuracy == pytest.approx(oracle.score(counts, labels), abs=0.03)


def test_standardized_vectors():
    vectors = np.random.default_rng(0).normal(3.0, 0.1, (50, 8)).astype("float32")
    found = runs.standardized(vectors)
    assert not found[0].any()
    np.testing.assert_allclose(found[1:].mean(axis=0), 0, atol=1e-5)
    assert found[1:].std() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(
        np.corrcoef(found[1:].ravel(), (vectors[1:] - vectors[1:].mean(axis=0)).ravel())[0, 1], 1
    )


def test_reused_vectors_are_those_of_the_language_model():
    vectors, measured = runs.masked_word_vectors(
        {"vocabulary": 50, "model": {"dimension": 4}, "epochs": 1, "seed": 0, "corpus": VERSIONS}
    )
    description = {
        "model": "handson11.claims.runs.words:word_classifier",
        "arguments": {"n_words": len(vectors[0]), "n_outputs": 3, "dimension": 4},
    }
    model = network(description, 0, [runs.standardized(vectors[0])], reused=1, frozen=1)
    assert isinstance(model, keras.Model)
    np.testing.assert_allclose(model.get_weights()[0], runs.standardized(vectors[0]), atol=1e-6)
    assert len(model.trainable_variables) == 2
    assert set(measured) == set(declared.MASKED_METRICS)
    assert 0 <= measured["frequent_accuracy"] <= measured["table_accuracy"] <= 1


# The runs


@pytest.mark.parametrize("own", declared.METHODS.values())
def test_every_method_learns_from_one_telling_word(own):
    record = runs.classify_libraries(configuration(**own))
    assert record["diverged"] == 0
    assert record["test_accuracy"] > (0.4 if own["method"] == "frozen" else 0.6)  # four random numbers a word, nearly
    assert ("masked_accuracy" in record) == (own["method"] in ("fine-tuned", "frozen"))
    assert runs.classify_libraries(configuration(**own)) == pytest.approx(record, abs=1e-5)


def test_another_corpus_is_refused():
    with pytest.raises(ValueError, match="`corpus` must name the versions installed here"):
        runs.classify_libraries(configuration(method="scratch", scale=1.0, corpus={**VERSIONS, "keras": "4"}))


def test_a_reduced_experiment_runs_without_images():
    names = [declared.arm("scratch", 5), declared.arm("bag of words", 5)]
    small = {name: configuration()[name] for name in ("vocabulary", "dimension", "steps", "held_out", "corpus")}
    reduced = declared.WORDS.reduced(
        arms={name: declared.WORDS.arms[name] for name in names}, fixed=small, seeds=range(2), rates=(0.03, 0.1)
    )
    results = conduct(reduced, source="stand-in", progress=False)
    assert results.values(names[0]).shape == (2,)
    assert np.isfinite(declared.gains(results, "bag of words", labels=(5,))).all()


# What is declared and concluded


def test_what_is_declared():
    assert declared.WORDS.fixed["corpus"] == declared.corpus_versions()
    assert set(declared.DECIDING) < set(declared.LABELS)
    assert len(declared.WORDS.arms) == len(declared.LABELS) * len(declared.METHODS)
    assert declared.WORDS.tuned_by == "validation_accuracy"


def test_gains_are_paired_and_a_lost_run_is_chance():
    spread = np.linspace(-0.1, 0.1, 10)
    values = {"scratch, 5": 0.4 + spread, "scratch, 20": 0.5 + spread, "fine-tuned, 5": 0.5 + spread}
    values["fine-tuned, 20"] = np.where(np.arange(10) == 3, np.nan, 0.6 + spread)
    results = made_up(declared.WORDS, lambda name, metric: values.get(name, 0.5))
    found = declared.gains(results)
    assert np.delete(found, 3) == pytest.approx(0.1)
    assert found[3] == pytest.approx((0.1 + 1 / 3 - (0.5 + spread[3])) / 2)
    texts = [effect["text"] for effect in declared.words_effects(results)]
    assert len(texts) == 22
    assert "masked words, fine-tuned, 5 labels a class: gain over scratch" in texts[0]
    assert "10" in texts[0]
