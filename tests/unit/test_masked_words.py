"""Masked words: the labels come from the text, the model is a Keras model, the baselines are counts."""

import keras
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from handson11.pretraining.masked_words import (
    MASK,
    MaskedWordModel,
    NeighbourTable,
    TiedEmbedding,
    Vocabulary,
    mask_words,
    most_frequent_scores,
    windows,
)

ANIMALS = ["cat", "dog", "cow", "hen"]
SOUNDS = {"cat": "meows", "dog": "barks", "cow": "moos", "hen": "clucks"}
SENTENCES = [["the", animal, "always", SOUNDS[animal], "loudly"] for animal in ANIMALS] * 40


@pytest.fixture(scope="module")
def trained():
    model = MaskedWordModel(Vocabulary.of(SENTENCES), dimension=16)
    model.fit(SENTENCES, epochs=25, batch_size=32, verbose=0)
    return model


# Masking


def test_masking_by_hand():
    masked, labels = mask_words(["What are you saying?", ["a", "b"]], share=0.5, seed=1)
    assert len(labels[0]) == 2
    assert len(labels[1]) == 1
    place, word = next(iter(labels[1].items()))
    assert word == "ab"[place]
    assert masked[1] == ([MASK, "b"] if place == 0 else ["a", MASK])


@given(
    st.lists(st.lists(st.integers(2, 50), min_size=2, max_size=30), min_size=1, max_size=5),
    st.floats(0.01, 0.99),
    st.integers(0, 9),
)
def test_masking_changes_nothing_but_the_hidden_words(texts, share, seed):
    masked, labels = mask_words(texts, share, seed, mask=-1)
    for text, seen, hidden in zip(texts, masked, labels, strict=True):
        assert [hidden.get(place, word) for place, word in enumerate(seen)] == text
        assert {place for place, word in enumerate(seen) if word == -1} == set(hidden)
        assert len(hidden) == min(max(1, round(share * len(text))), len(text) - 1)
    assert mask_words(texts, share, seed, mask=-1) == (masked, labels)


def test_every_place_can_be_hidden_and_seeds_differ():
    places = {next(iter(mask_words([["a", "b", "c"]], 0.3, seed)[1][0])) for seed in range(30)}
    assert places == {0, 1, 2}


@pytest.mark.parametrize(
    ("arguments", "error", "text"),
    [
        ((["word"],), ValueError, "`texts` must have at least two words each.*Received: texts='word'"),
        (([[]],), ValueError, "`texts` must have at least two words each"),
        (("one string",), TypeError, "`texts` must be a list of texts"),
        ((["two words"], 0.0), ValueError, "`share` must be between 0 and 1"),
        ((["two words"], 1), ValueError, "`share` must be between 0 and 1"),
        ((["two words"], "a"), TypeError, "`share` must be between 0 and 1"),
    ],
)
def test_masking_refuses(arguments, error, text):
    with pytest.raises(error, match=text):
        mask_words(*arguments)


# Vocabulary and windows


def test_vocabulary_by_hand():
    vocabulary = Vocabulary.of([["b", "a", "c", "b"], ["a", "b", MASK, "[UNK]"]], size=4)
    assert vocabulary.words == ("[PAD]", "[UNK]", "b", "a")
    assert vocabulary.ids(["a", "c", "b"]) == [3, 1, 2]
    assert vocabulary.rows([["a"], ["b", "c", "a"]], 2).tolist() == [[3, 0], [2, 1]]
    assert "a" in vocabulary
    assert "c" not in vocabulary
    assert "[UNK]" not in vocabulary
    with pytest.raises(ValueError, match="`words` must begin with"):
        Vocabulary(("a", "b"))
    with pytest.raises(ValueError, match="`size` must be at least 3"):
        Vocabulary.of([["a"]], size=2)
    with pytest.raises(ValueError, match="`sentences` must hold at least one word"):
        Vocabulary.of([[]])


def test_windows_by_hand():
    vocabulary = Vocabulary(("[PAD]", "[UNK]", "a", "b", "c"))
    contexts, targets = windows([["a", "x", "b"], [], ["c"]], vocabulary, left=2, right=1)
    assert contexts.tolist() == [[0, 0, 1], [2, 1, 0], [0, 0, 0]]
    assert targets.tolist() == [2, 3, 4]
    empty, none = windows([["x"]], vocabulary, left=2, right=1)
    assert (empty.shape, none.shape) == ((0, 3), (0,))
    assert windows([], vocabulary)[0].shape == (0, 8)
    with pytest.raises(ValueError, match="`left` must leave at least one word"):
        windows([["a"]], vocabulary, 0, 0)
    with pytest.raises(ValueError, match="`right` must be a whole number"):
        windows([["a"]], vocabulary, 1, -1)


@given(st.lists(st.lists(st.sampled_from("abcdx"), max_size=12), max_size=4), st.integers(0, 3), st.integers(1, 3))
def test_windows_never_show_the_hidden_word(sentences, left, right):
    vocabulary = Vocabulary(("[PAD]", "[UNK]", *"abcd"))
    contexts, targets = windows(sentences, vocabulary, left, right)
    wanted = [
        ([*[0] * left, *ids, *[0] * right][place : place + left + right + 1], ids[place])
        for ids in map(vocabulary.ids, sentences)
        for place in range(len(ids))
        if ids[place] > 1
    ]
    assert targets.tolist() == [target for _, target in wanted]
    assert contexts.tolist() == [around[:left] + around[left + 1 :] for around, _ in wanted]


# The model


def test_tied_embedding_by_hand():
    layer = TiedEmbedding(3, 2)
    layer.build((None,))
    layer.set_weights([np.array([[1.0, 0.0], [0.0, 2.0], [3.0, 1.0]])])
    np.testing.assert_array_equal(layer(np.array([2, 0])), [[3, 1], [1, 0]])
    np.testing.assert_array_equal(layer(np.array([[2.0, 1.0]]), above=True), [[2, 2, 7]])


@pytest.mark.parametrize("context", ["average", "attention"])
def test_output_is_tied_and_nothing_else_is_as_large(context):
    model = MaskedWordModel(Vocabulary.of(SENTENCES), context, dimension=8)
    n_words = len(model.vocabulary)
    assert [w.shape for w in model.get_weights() if n_words in w.shape] == [(n_words, 8), (n_words,)]
    assert model(np.zeros((3, 8), "int32")).shape == (3, n_words)


def test_it_learns_what_the_words_around_tell(trained):
    assert trained.top_words("The cat always ___ loudly", 1)[0][0] == "meows"
    assert trained.top_words("the ___ always barks loudly", 1)[0][0] == "dog"
    assert trained.scores(SENTENCES)["accuracy"] > 0.95
    total = sum(p for _, p in trained.top_words("the ___ always barks", len(trained.vocabulary) - 2))
    assert total == pytest.approx(1, abs=1e-5)


def test_attention_learns_it_too():
    model = MaskedWordModel(Vocabulary.of(SENTENCES), "attention", dimension=16)
    model.fit(SENTENCES, epochs=30, batch_size=32, verbose=0)
    assert model.top_words("The cow always ___ loudly", 1)[0][0] == "moos"


def test_scores_are_those_of_keras():
    model = MaskedWordModel(Vocabulary.of(SENTENCES), dimension=4)  # untrained: every rank occurs
    contexts, targets = model.windows(SENTENCES[:4])
    logits = np.array(model(contexts))
    logits[:, :2] = -1e9
    top = keras.metrics.sparse_top_k_categorical_accuracy(targets, logits, k=5)
    assert 0.1 < np.mean(top) < np.mean(keras.metrics.sparse_top_k_categorical_accuracy(targets, logits, k=6))
    loss = keras.losses.sparse_categorical_crossentropy(targets, logits, from_logits=True)
    found = model.scores(SENTENCES[:4])
    assert found["top_5"] == pytest.approx(np.mean(top))
    assert found["loss"] == pytest.approx(np.mean(loss), abs=1e-5)
    assert found["accuracy"] == pytest.approx(np.mean(logits.argmax(axis=1) == targets))


@pytest.mark.parametrize("context", ["average", "attention"])
def test_saved_and_loaded(tmp_path, context):
    model = MaskedWordModel(Vocabulary.of(SENTENCES), context, dimension=8, left=2, right=3, seed=5)
    model.fit(SENTENCES, verbose=0)
    model.save(tmp_path / "words.keras")
    loaded = keras.models.load_model(tmp_path / "words.keras")
    assert loaded.vocabulary == model.vocabulary
    assert loaded.settings == model.settings
    for ours, theirs in zip(model.get_weights(), loaded.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    row = model.windows(SENTENCES[:1])[0]
    np.testing.assert_allclose(loaded(row), model(row), atol=1e-6)
    assert [w for w, _ in loaded.top_words("the ___ always", 5)] == [w for w, _ in model.top_words("the ___ always", 5)]
    assert loaded.fit(SENTENCES, verbose=0).history["loss"]


def test_seeds_decide_everything():
    def weights(seed):
        model = MaskedWordModel(Vocabulary.of(SENTENCES), dimension=8, seed=seed)
        model.fit(SENTENCES, epochs=2, batch_size=32, verbose=0)
        return model.word_vectors

    np.testing.assert_allclose(weights(1), weights(1), atol=1e-6)
    assert np.abs(weights(1) - weights(2)).max() > 0.01


def test_callbacks_and_validation():
    seen = []
    callback = keras.callbacks.LambdaCallback(on_epoch_end=lambda epoch, logs: seen.append(sorted(logs)))
    model = MaskedWordModel(Vocabulary.of(SENTENCES), dimension=8)
    history = model.fit(SENTENCES, epochs=2, validation=SENTENCES[:4], callbacks=[callback], verbose=0)
    assert seen == [["loss", "val_loss"]] * 2
    assert history.history["val_loss"][-1] == pytest.approx(model.scores(SENTENCES[:4])["loss"], rel=0.2)


def test_nearest_words(trained):
    found = trained.nearest_words("cat", 3)
    assert len(found) == 3
    assert "cat" not in dict(found)
    assert [cosine for _, cosine in found] == sorted([cosine for _, cosine in found], reverse=True)
    vectors = trained.word_vectors[2:] - trained.word_vectors[2:].mean(axis=0)
    names = trained.vocabulary.words[2:]
    a, b = vectors[names.index("cat")], vectors[names.index(found[0][0])]
    assert found[0][1] == pytest.approx(a @ b / np.linalg.norm(a) / np.linalg.norm(b), abs=1e-5)


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda model: model.top_words("no hidden word"), "`text` must have exactly one ___"),
        (lambda model: model.top_words("___ and ___"), "`text` must have exactly one ___"),
        (lambda model: model.top_words("___"), "`text` must have a word besides ___"),
        (lambda model: model.top_words("a ___", 0), "`k` must be between 1 and"),
        (lambda model: model.nearest_words("zebra"), "`word` must be in the vocabulary"),
        (lambda model: model.fit([["cat"]]), "`sentences` must hold one with two words"),
        (lambda model: model.scores([["zebra"]]), "`sentences` must hold one with a known word"),
        (lambda model: MaskedWordModel(model.vocabulary, "sum"), "`context` must be one of"),
        (lambda model: MaskedWordModel(model.vocabulary, dimension=0), "`dimension` must be at least 1"),
        (lambda model: MaskedWordModel(model.vocabulary, left=0, right=0), "`left` must leave at least one"),
        (lambda model: MaskedWordModel(model.vocabulary, left=-1), "`left` must be a whole number"),
    ],
)
def test_the_model_refuses(trained, call, text):
    with pytest.raises(ValueError, match=text):
        call(trained)


# The baselines


def test_table_of_neighbours_by_hand():
    vocabulary = Vocabulary.of([["a", "b", "c", "d"]])
    a, b, c, d = vocabulary.ids(["a", "b", "c", "d"])
    contexts = np.array([[a, b], [a, b], [a, b], [a, c], [a, c], [d, d]])
    table = NeighbourTable(contexts, np.array([d, d, c, b, b, b]), left=1)
    # pair (a, b): d twice, c once; before a: b 2, d 2 (the smaller number first), c 1; all: b 3, d 2, c 1
    assert table.predict(np.array([[a, b]]), 3).tolist() == [[d, c, b]]
    assert table.predict(np.array([[a, d], [b, b]]), 2).tolist() == [[b, d], [b, d]]
    assert table.predict(np.array([[a, b]]), 5).tolist() == [[d, c, b, -1, -1]]
    assert table.scores(np.array([[a, b], [a, b]]), np.array([d, a])) == {"accuracy": 0.5, "top_5": 0.5}
    with pytest.raises(ValueError, match="`left` must be between 1"):
        NeighbourTable(contexts, np.zeros(6, int), left=2)
    with pytest.raises(ValueError, match="`targets` must be one for each context"):
        NeighbourTable(contexts, np.zeros(5, int), left=1)


def test_table_of_neighbours_agrees_with_counting_one_by_one():
    contexts, targets = windows(SENTENCES[:4], Vocabulary.of(SENTENCES), 4, 4)
    found = NeighbourTable(contexts, targets).predict(contexts)[:, 0]
    for context, guess in zip(contexts, found, strict=True):
        same = [t for c, t in zip(contexts, targets, strict=True) if (c[3], c[4]) == (context[3], context[4])]
        assert same.count(guess) == max(map(same.count, same))


def test_most_frequent_word():
    train, test = np.array([5, 5, 5, 2, 2, 3, 4, 6, 7]), np.array([5, 2, 7, 9])
    assert most_frequent_scores(train, test) == {"accuracy": 0.25, "top_5": 0.5}  # 5, 2, 3, 4, 6
