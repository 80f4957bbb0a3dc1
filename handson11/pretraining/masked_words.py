"""A masked language model: hide words of a text and predict them from the words around. The text makes its labels."""

from collections import Counter
from dataclasses import dataclass, field

import keras
import numpy as np
from keras import ops

from handson11._check import require, require_choice, require_number
from handson11.datasets.corpus import MASK, UNKNOWN, split_words

PADDING = "[PAD]"
"""What stands where a text has no word, before its first and after its last one."""

_SPECIAL = (PADDING, UNKNOWN)


def mask_words(texts, share=0.15, seed=0, mask=MASK):
    r"""Hide some words of every text. The hidden words are the labels: nobody has to write them.

    Of :math:`n` words :math:`\max(1, \operatorname{round}(s\,n))` are hidden, but never all of them.

    Parameters
    ----------
    texts : sequence of str, or of sequences
        Texts, or lists of words or of word numbers.
    share : float, default 0.15
        The share :math:`s` of the words that is hidden, between 0 and 1.
    seed : int, default 0
        Draws the places.
    mask : str or int, default ``MASK``
        What stands in the place of a hidden word.

    Returns
    -------
    masked : list of list
        The words of every text, with ``mask`` where one is hidden.
    labels : list of dict of int → str or int
        For each text: place → the word that was there.

    Raises
    ------
    ValueError
        If ``share`` is not between 0 and 1, or a text has fewer than two words: one is hidden, and one must be left.

    Notes
    -----
    Devlin et al. (2019) hide 15 % and put a random word, or the word itself, in some of the places. Keras has no such
    function; KerasHub has ``MaskedLMMaskGenerator``.

    References
    ----------
    Devlin, J., Chang, M.-W., Lee, K. and Toutanova, K. (2019), BERT: pre-training of deep bidirectional transformers
    for language understanding.

    Examples
    --------
    >>> masked, labels = mask_words(["What are you saying?"], share=0.25, seed=3)
    >>> len(masked[0]), masked[0].count("___"), len(labels[0])
    (4, 1, 1)
    """
    rule = "be between 0 and 1, and not 0 or 1"
    require_number("share", share, rule, low=0, high=1, open_low=True, open_high=True)
    require(not isinstance(texts, str), "texts", "be a list of texts, not one string", texts, TypeError)
    rng = np.random.default_rng(seed)
    masked, labels = [], []
    for text in texts:
        words = split_words(text) if isinstance(text, str) else list(text)
        require(len(words) > 1, "texts", "have at least two words each: one to hide and one to predict it from", text)
        count = min(max(1, round(share * len(words))), len(words) - 1)
        places = sorted(rng.choice(len(words), count, replace=False).tolist())
        labels.append({place: words[place] for place in places})
        masked.append([mask if place in labels[-1] else word for place, word in enumerate(words)])
    return masked, labels


@dataclass(frozen=True)
class Vocabulary:
    """The words that a model knows, each with a number: 0 is padding, 1 any other word.

    Parameters
    ----------
    words : tuple of str
        The words by number, the two special ones first. Make it with :meth:`of`.

    Examples
    --------
    >>> vocabulary = Vocabulary.of([["the", "cat", "sees", "the", "dog"]], size=4)
    >>> vocabulary.words
    ('[PAD]', '[UNK]', 'the', 'cat')
    >>> vocabulary.ids(["the", "cow"]), len(vocabulary)
    ([2, 1], 4)
    """

    words: tuple
    _numbers: dict = field(init=False, repr=False, compare=False)

    def __post_init__(self):
        object.__setattr__(self, "words", tuple(self.words))
        rule = f"begin with {_SPECIAL} and name every word once"
        whole = self.words[:2] == _SPECIAL and len(set(self.words)) == len(self.words)
        require(whole, "words", rule, self.words[:3])
        object.__setattr__(self, "_numbers", {word: number for number, word in enumerate(self.words)})

    def __len__(self):
        return len(self.words)

    def __contains__(self, word):
        return self._numbers.get(word, 0) > 1

    @classmethod
    def of(cls, sentences, size=3000):
        """Return the vocabulary of the most frequent words of some sentences.

        Parameters
        ----------
        sentences : sequence of list of str
            Words, from training texts only.
        size : int, default 3000
            The most numbers, the two special ones among them; of equally frequent words the first in the alphabet.

        Returns
        -------
        Vocabulary
        """
        require_number("size", size, "be at least 3", low=3)
        counts = Counter(word for sentence in sentences for word in sentence if word not in (*_SPECIAL, MASK))
        require(bool(counts), "sentences", "hold at least one word", sentences)
        known = sorted(counts, key=lambda word: (-counts[word], word))
        return cls((*_SPECIAL, *known[: size - len(_SPECIAL)]))

    def ids(self, words):
        """Return the numbers of words, 1 for those that are not known."""
        return [self._numbers.get(word, 1) for word in words]

    def rows(self, sentences, length):
        """Return the numbers of the first ``length`` words of sentences, filled up with 0: (sentences, length)."""
        rows = np.zeros((len(sentences), length), "int32")
        for row, sentence in zip(rows, sentences, strict=True):
            found = self.ids(sentence[:length])
            row[: len(found)] = found
        return rows


def windows(sentences, vocabulary, left=4, right=4):
    """Return every known word of some sentences as a target, with the words around it.

    Parameters
    ----------
    sentences : sequence of list of str
        Words.
    vocabulary : Vocabulary
        The words that can be targets.
    left, right : int, default 4
        Words before and behind the hidden one.

    Returns
    -------
    contexts : array of shape (targets, left + right), int32
        Numbers of the words around; the hidden word itself is not among them.
    targets : array of shape (targets,), int32
        The number of the hidden word.

    Examples
    --------
    >>> vocabulary = Vocabulary.of([["a", "b", "c"]])
    >>> contexts, targets = windows([["a", "b", "c"]], vocabulary, left=1, right=1)
    >>> contexts.tolist(), targets.tolist()
    ([[0, 3], [2, 4], [3, 0]], [2, 3, 4])
    """
    for name, value in (("left", left), ("right", right)):
        require_number(name, value, "be a whole number of words, at least 0", low=0)
    require(left + right > 0, "left", "leave at least one word around, before or behind", left)
    rows = [np.array([0] * left + vocabulary.ids(words) + [0] * right, "int32") for words in sentences]
    rows = [row for row in rows if len(row) > left + right]
    if not rows:
        return np.zeros((0, left + right), "int32"), np.zeros(0, "int32")
    around = [place for place in range(left + right + 1) if place != left]
    seen = np.concatenate([np.lib.stride_tricks.sliding_window_view(row, left + right + 1) for row in rows])
    seen = seen[seen[:, left] > 1]
    return np.ascontiguousarray(seen[:, around]), np.ascontiguousarray(seen[:, left])


@keras.saving.register_keras_serializable(package="handson11")
class TiedEmbedding(keras.layers.Embedding):
    r"""Word vectors :math:`E` that serve twice: they are read below, and give the scores of words above.

    .. math:: \text{below: } \mathbf e_w = E_{w}, \qquad \text{above: } \mathbf z = E\,\mathbf h

    Parameters
    ----------
    **kwargs
        As for ``keras.layers.Embedding``.

    Examples
    --------
    >>> layer = TiedEmbedding(5, 2)
    >>> vectors = layer(np.array([[0, 3]]))
    >>> tuple(vectors.shape), tuple(layer(vectors, above=True).shape)
    ((1, 2, 2), (1, 2, 5))
    """

    def call(self, inputs, above=False):
        """Return the vectors of word numbers, or, ``above``, the scores of all words for vectors."""
        if above:
            return ops.matmul(inputs, ops.transpose(self.embeddings))
        return ops.take(1.0 * self.embeddings, inputs, axis=0)  # 1.0: one dense gradient from both uses, much faster

    def compute_output_spec(self, inputs, above=False):
        """Return shape and type of the output."""
        shape = (*inputs.shape[:-1], self.input_dim) if above else (*inputs.shape, self.output_dim)
        return keras.KerasTensor(shape, dtype=self.compute_dtype)


@keras.saving.register_keras_serializable(package="handson11")
class WordBias(keras.layers.Layer):
    r"""Add one trainable number to each score, as a dense layer does: :math:`\mathbf z + \mathbf b`.

    Examples
    --------
    >>> WordBias()(np.ones((1, 3), "float32")).numpy().tolist()
    [[1.0, 1.0, 1.0]]
    """

    def build(self, input_shape):
        """Create the numbers, all 0 at the start."""
        self.bias = self.add_weight(shape=(input_shape[-1],), initializer="zeros", name="bias")

    def call(self, inputs):
        """Return the scores with the numbers added."""
        return inputs + self.bias


def word_network(n_words, length, context="average", dimension=64, seed=0):
    """Build the network of a :class:`MaskedWordModel`: numbers of the words around → scores of all words.

    Parameters
    ----------
    n_words : int
        Words of the vocabulary.
    length : int
        Words around the hidden one.
    context : {"average", "attention"}, default "average"
        How their vectors are made one.
    dimension : int, default 64
        Length of a word vector.
    seed : int, default 0
        Start weights.

    Returns
    -------
    keras.Model
        Not compiled.

    Examples
    --------
    >>> word_network(50, 8, dimension=4).output_shape
    (None, 50)
    """
    start = keras.initializers.GlorotUniform
    vectors = TiedEmbedding(
        n_words, dimension, embeddings_initializer=keras.initializers.RandomNormal(0, 0.1, seed), name="word_vectors"
    )
    inputs = keras.Input((length,), dtype="int32")
    x = vectors(inputs)
    if context == "attention":
        places = keras.layers.Embedding(length, dimension, keras.initializers.RandomNormal(0, 0.1, seed + 1))
        x = keras.layers.Add()([x, places(ops.zeros_like(inputs) + ops.arange(length))])
        heads = 4 if dimension % 4 == 0 else 1
        attended = keras.layers.MultiHeadAttention(heads, dimension // heads, kernel_initializer=start(seed + 2))(x, x)
        x = keras.layers.LayerNormalization()(keras.layers.Add()([x, attended]))
        x = keras.layers.GlobalAveragePooling1D()(x)
    else:
        share = keras.initializers.Constant(1 / length)
        x = keras.layers.EinsumDense("bpd,pd->bd", dimension, kernel_initializer=share, name="average")(x)
    x = keras.layers.Dense(2 * dimension, "gelu", kernel_initializer=start(seed + 3))(x)
    x = keras.layers.Dense(dimension, kernel_initializer=start(seed + 4))(x)
    x = keras.layers.LayerNormalization()(x)
    return keras.Model(inputs, WordBias()(vectors(x, above=True)))


@keras.saving.register_keras_serializable(package="handson11")
class MaskedWordModel(keras.Model):
    r"""Predict a hidden word from the words around it.

    The vectors of the words around are made one vector, by an average with learned weights or by one layer of
    self-attention; a dense layer turns it into :math:`\mathbf h`; the word vectors themselves are the output layer:

    .. math:: p(w \mid x_{\setminus M}) = \operatorname{softmax}(E\,\mathbf h + \mathbf b)_w, \qquad
        J = -\sum_{i\in M}\log p(w_i \mid x_{\setminus M})

    Parameters
    ----------
    vocabulary : Vocabulary, or sequence of str
        The words that it knows.
    context : {"average", "attention"}, default "average"
        How the words around are made one vector.
    dimension : int, default 64
        Length :math:`d` of a word vector; for attention a multiple of 4.
    left, right : int, default 4
        Words before and behind the hidden one.
    seed : int, default 0
        Start weights and order of the windows.
    **kwargs
        As for ``keras.Model``.

    Raises
    ------
    ValueError
        If an argument is out of range.

    Notes
    -----
    A ``keras.Model`` of Keras layers, compiled with Adam at 0.002: it is saved with ``save("model.keras")`` and loaded
    with ``keras.models.load_model``, vocabulary included. :meth:`fit` takes sentences.

    References
    ----------
    Mikolov, T., Chen, K., Corrado, G. and Dean, J. (2013), Efficient estimation of word representations in vector
    space. Devlin, J. et al. (2019), BERT.

    Examples
    --------
    >>> sentences = [["the", "cat", "sees", "a", "dog"], ["the", "dog", "sees", "a", "cat"]] * 8
    >>> model = MaskedWordModel(Vocabulary.of(sentences), dimension=8)
    >>> history = model.fit(sentences, epochs=2, verbose=0)
    >>> len(history.history["loss"]), sorted(model.scores(sentences))
    (2, ['accuracy', 'loss', 'top_5'])
    >>> len(model.top_words("The ___ sees a dog", 3))
    3
    """

    def __init__(self, vocabulary, context="average", dimension=64, left=4, right=4, seed=0, **kwargs):
        super().__init__(**kwargs)
        self.vocabulary = vocabulary if isinstance(vocabulary, Vocabulary) else Vocabulary(vocabulary)
        require_choice("context", context, ("average", "attention"))
        require_number("dimension", dimension, "be at least 1", low=1)
        for name, value in (("left", left), ("right", right)):
            require_number(name, value, "be a whole number of words, at least 0", low=0)
        require(left + right > 0, "left", "leave at least one word around, before or behind", left)
        self.settings = {"context": context, "dimension": dimension, "left": left, "right": right, "seed": seed}
        self.network = word_network(len(self.vocabulary), left + right, context, dimension, seed)
        self.compile(
            optimizer=keras.optimizers.Adam(0.002),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )

    def build(self, input_shape):
        """Do nothing: all layers are built when the model is made."""

    def call(self, contexts, training=None):
        """Return the scores (logits) of all words for contexts of shape (batch, left + right)."""
        return self.network(contexts, training=training)

    def get_config(self):
        """Return what the model is made from."""
        return {**super().get_config(), "vocabulary": list(self.vocabulary.words), **self.settings}

    def windows(self, sentences):
        """Return the contexts and targets of sentences, see ``windows``."""
        return windows(sentences, self.vocabulary, self.settings["left"], self.settings["right"])

    def fit(self, sentences, epochs=1, validation=None, batch_size=512, **kwargs):
        """Train on every known word of the sentences, each hidden once an epoch.

        Parameters
        ----------
        sentences : sequence of list of str
            Words.
        epochs : int, default 1
            Passes over all words.
        validation : sequence of list of str, optional
            Other sentences, whose loss is measured after each epoch.
        batch_size : int, default 512
            Hidden words in a batch.
        **kwargs
            As for ``keras.Model.fit``: ``callbacks``, ``verbose`` and others.

        Returns
        -------
        keras.callbacks.History
            The losses after each epoch.

        Raises
        ------
        ValueError
            If the sentences are too short to hide a word: none has two words, one of which is known.
        """
        contexts, targets = self.windows([words for words in sentences if len(words) > 1])
        require(len(targets) > 0, "sentences", "hold one with two words or more, one of them known", sentences)
        if validation is not None:
            kwargs["validation_data"] = _Batches(*self.windows(validation), batch_size)
        batches = _Batches(contexts, targets, batch_size, self.settings["seed"])
        return super().fit(batches, epochs=epochs, shuffle=False, **kwargs)  # the batches shuffle themselves

    def scores(self, sentences):
        """Return ``accuracy``, ``top_5`` (the share of hidden words among the five best) and ``loss`` on sentences."""
        contexts, targets = self.windows(sentences)
        require(len(targets) > 0, "sentences", "hold one with a known word", sentences)
        losses, ranks = [], []
        for first in range(0, len(targets), 2048):
            wanted = targets[first : first + 2048]
            logits = self._logits(contexts[first : first + 2048])
            own = logits[np.arange(len(wanted)), wanted]
            top = logits.max(axis=1)
            losses.append(np.log(np.exp(logits - top[:, None]).sum(axis=1)) + top - own)
            ranks.append((logits > own[:, None]).sum(axis=1))
        rank = np.concatenate(ranks)
        shares = {"accuracy": float((rank < 1).mean()), "top_5": float((rank < 5).mean())}
        return {**shares, "loss": float(np.concatenate(losses).mean())}

    def top_words(self, text, k=5):
        """Return the ``k`` most probable words for the one ``___`` in a text.

        Parameters
        ----------
        text : str
            Such as ``"What ___ you saying?"``.
        k : int, default 5
            How many words.

        Returns
        -------
        list of (str, float)
            Word and probability, the best first.
        """
        words = split_words(text)
        require(words.count(MASK) == 1, "text", f"have exactly one {MASK}", text)
        require(len(words) > 1, "text", f"have a word besides {MASK}", text)
        require_number("k", k, "be between 1 and the number of words", low=1, high=len(self.vocabulary) - 2)
        left, place = self.settings["left"], words.index(MASK)
        row = [0] * left + self.vocabulary.ids(words) + [0] * self.settings["right"]
        around = row[place : place + left] + row[place + left + 1 : place + left + 1 + self.settings["right"]]
        logits = self._logits(np.array([around], "int32"))[0]
        p = np.exp(logits - logits.max())
        p /= p.sum()
        best = np.argsort(-p, kind="stable")
        return [(self.vocabulary.words[number], float(p[number])) for number in best if number > 1][:k]

    @property
    def word_vectors(self):
        """The word vectors as an array of shape (words, dimension), a copy."""
        return np.array(self.network.get_layer("word_vectors").get_weights()[0])

    def nearest_words(self, word, k=5):
        """Return the ``k`` words whose vectors have the smallest angle with that of ``word``, with the cosines."""
        require(word in self.vocabulary, "word", "be in the vocabulary", word)
        vectors = self.word_vectors[len(_SPECIAL) :]
        vectors = vectors - vectors.mean(axis=0)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        own = self.vocabulary.ids([word])[0] - len(_SPECIAL)
        cosines = vectors @ vectors[own]
        best = [number for number in np.argsort(-cosines, kind="stable") if number != own][:k]
        return [(self.vocabulary.words[number + len(_SPECIAL)], float(cosines[number])) for number in best]

    def _logits(self, contexts):
        """Return the scores; padding and the unknown word cannot be predicted."""
        logits = np.array(self.network.predict_on_batch(contexts), dtype="float32")
        logits[:, : len(_SPECIAL)] = -np.inf
        return logits


class _Batches(keras.utils.PyDataset):
    """Contexts and targets in batches, in another order every epoch if there is a seed."""

    def __init__(self, contexts, targets, batch_size, seed=None):
        super().__init__()
        self.arrays, self.batch_size = (contexts, targets), batch_size
        self.rng = None if seed is None else np.random.default_rng([seed, 7])
        self.order = np.arange(len(targets))
        self.on_epoch_end()

    def __len__(self):
        return -(-len(self.order) // self.batch_size)

    def __getitem__(self, number):
        rows = self.order[number * self.batch_size : (number + 1) * self.batch_size]
        return tuple(array[rows] for array in self.arrays)

    def on_epoch_end(self):
        if self.rng is not None:
            self.order = self.rng.permutation(len(self.order))


class NeighbourTable:
    r"""Predict a hidden word by counting: which word stood most often between these two neighbours?

    If the pair was never seen, the word before decides; if that was never seen either, the most frequent word.

    .. math:: \hat w = \arg\max_w n(a, w, b), \text{ else } \arg\max_w n(a, w), \text{ else } \arg\max_w n(w)

    Parameters
    ----------
    contexts : array of shape (targets, left + right)
        What ``windows`` returns for training sentences.
    targets : array of shape (targets,)
        The hidden words.
    left : int, default 4
        Words before the hidden one in a context.

    Examples
    --------
    >>> contexts = np.array([[2, 4], [2, 4], [2, 5], [3, 5]])  # a word before, a word behind
    >>> table = NeighbourTable(contexts, np.array([6, 6, 7, 7]), left=1)
    >>> table.predict(np.array([[2, 4], [2, 9], [9, 9]]), k=2).tolist()
    [[6, 7], [6, 7], [6, 7]]
    """

    def __init__(self, contexts, targets, left=4):
        require(len(contexts) == len(targets) and len(targets) > 0, "targets", "be one for each context", targets)
        rule = "be between 1 and the words of a context less 1"
        require_number("left", left, rule, low=1, high=contexts.shape[1] - 1)
        self.left = left
        pairs, before = {}, {}
        for a, b, word in zip(
            contexts[:, left - 1].tolist(), contexts[:, left].tolist(), targets.tolist(), strict=True
        ):
            pairs.setdefault((a, b), Counter())[word] += 1
            before.setdefault(a, Counter())[word] += 1
        self.pairs, self.before = _ranked(pairs), _ranked(before)
        self.frequent = _ranked({"all": Counter(targets.tolist())})["all"]

    def predict(self, contexts, k=1):
        """Return the ``k`` best words of every context, an array of shape (contexts, k); -1 where there are fewer."""
        found = np.full((len(contexts), k), -1)
        for row, (a, b) in zip(found, contexts[:, self.left - 1 : self.left + 1].tolist(), strict=True):
            levels = (self.pairs.get((a, b), ()), self.before.get(a, ()), self.frequent)
            best = list(dict.fromkeys(word for level in levels for word in level[:k]))[:k]
            row[: len(best)] = best
        return found

    def scores(self, contexts, targets):
        """Return ``accuracy`` and ``top_5``, as :meth:`MaskedWordModel.scores` does."""
        return _shares(self.predict(contexts, 5), targets)


def most_frequent_scores(train_targets, targets):
    """Return ``accuracy`` and ``top_5`` of guessing the most frequent words, whatever stands around.

    Parameters
    ----------
    train_targets, targets : array of shape (targets,)
        Hidden words: to count, and to guess.

    Returns
    -------
    dict of str → float

    Examples
    --------
    >>> most_frequent_scores(np.array([2, 2, 3]), np.array([2, 4, 3, 2]))
    {'accuracy': 0.5, 'top_5': 0.75}
    """
    frequent = _ranked({"all": Counter(train_targets.tolist())})["all"][:5]
    return _shares(np.tile([*frequent, *[-1] * (5 - len(frequent))], (len(targets), 1)), targets)


def _ranked(counts):
    """Return for every key its five most frequent words, the smaller number first where two are equal."""
    return {
        key: [word for word, _ in sorted(found.items(), key=lambda item: (-item[1], item[0]))[:5]]
        for key, found in counts.items()
    }


def _shares(guesses, targets):
    hits = guesses == np.asarray(targets)[:, None]
    return {"accuracy": float(hits[:, 0].mean()), "top_5": float(hits.any(axis=1).mean())}
