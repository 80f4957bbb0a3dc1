"""Two tasks of one data set, and a network for the second that is built from layers of the first."""

from collections.abc import Sequence
from dataclasses import dataclass

import keras
import numpy as np

from handson11._check import require, require_number
from handson11._keras import compiled_state
from handson11.experiments.engine import Task


@dataclass(frozen=True, eq=False)
class TwoTasks:
    """Task A with many labels and task B with few, from one data set; no image is in two of their six parts.

    Attributes
    ----------
    a, b : Task
        Training, validation and test images with their labels, the images as they are in the data set.
    classes_a, classes_b : dict of int → int
        Old class → new class. Class 1 of B is the positive one.

    Examples
    --------
    >>> from handson11.datasets import make_stand_in
    >>> split_tasks(make_stand_in(3000, 100, 100), classes_b=(5, 6)).classes_b
    {5: 0, 6: 1}
    """

    a: Task
    b: Task
    classes_a: dict
    classes_b: dict


def split_tasks(data, classes_b, labels=200, seed=None, balanced=False):
    """Split a data set into task A, all classes but two, and the binary task B with a few labelled images.

    Parameters
    ----------
    data : FashionMNIST
        Or anything with arrays ``x_train``, ``y_train``, ``x_validation``, ``y_validation``, ``x_test``, ``y_test``.
    classes_b : pair of int
        The classes of B: the negative one (label 0 of B), then the positive one (label 1).
    labels : int, default 200
        Labelled training images of B, both classes together. The others are not used. Validation and test images are
        all that the data set has.
    seed : int, optional
        Draws the labelled images. Default: the first ones of the training set.
    balanced : bool, default False
        Whether both classes get equally many of them, which needs an even number. Otherwise it is left to chance.

    Returns
    -------
    TwoTasks
        The two tasks and which old class became which new one: those of A keep their order and are numbered from 0.

    Raises
    ------
    ValueError, TypeError
        If the two classes are equal or not in the data set, or if there are fewer images than ``labels``.

    Notes
    -----
    The notes write ``(5, 6)``, sandal and shirt, and ``(0, 2)``, T-shirt and pullover, and take the first 200 images.

    Examples
    --------
    >>> from handson11.datasets import make_stand_in
    >>> tasks = split_tasks(make_stand_in(3000, 100, 100), classes_b=(0, 2))
    >>> tasks.a.x_train.shape, tasks.b.x_train.shape
    ((2400, 28, 28), (200, 28, 28))
    >>> tasks.classes_a
    {1: 0, 3: 1, 4: 2, 5: 3, 6: 4, 7: 5, 8: 6, 9: 7}
    """
    known = [int(label) for label in np.unique(data.y_train)]
    pair = isinstance(classes_b, Sequence) and len(classes_b) == 2
    require(pair, "classes_b", "be two classes", classes_b, TypeError)
    require(all(label in known for label in classes_b), "classes_b", f"be two classes of {known}", classes_b)
    require(classes_b[0] != classes_b[1], "classes_b", "be two different classes", classes_b)
    maps = [
        {label: new for new, label in enumerate(label for label in known if label not in classes_b)},
        {int(label): new for new, label in enumerate(classes_b)},
    ]
    chosen = _labelled(data.y_train, maps[1], labels, seed, balanced)
    tasks = []
    for new_class in maps:
        parts = []
        for name in ("train", "validation", "test"):
            x, y = getattr(data, f"x_{name}"), getattr(data, f"y_{name}")
            rows = chosen if name == "train" and new_class is maps[1] else np.flatnonzero(np.isin(y, list(new_class)))
            parts += [x[rows], np.array([new_class[int(label)] for label in y[rows]], "int32")]
        tasks.append(Task(*parts))
    return TwoTasks(*tasks, *maps)


def _labelled(y, classes, labels, seed, balanced):
    """Return the places of the labelled images of B in the training set."""
    groups = [np.flatnonzero(y == label) for label in classes]
    require(isinstance(labels, int | np.integer), "labels", "be an integer", labels, TypeError)
    if balanced:
        require(labels % 2 == 0, "labels", "be even if both classes get equally many", labels)
        high, groups, share = 2 * min(map(len, groups)), groups, labels // 2
    else:
        high, groups, share = sum(map(len, groups)), [np.sort(np.concatenate(groups))], labels
    rule = f"be at least 1 and at most {high}, the labelled images that there are"
    require_number("labels", labels, rule, low=1, high=high)
    if seed is not None:
        rng = np.random.default_rng(seed)
        groups = [rng.permutation(group) for group in groups]
    return np.sort(np.concatenate([group[:share] for group in groups]))


def clone_with_weights(model):
    """Return a copy of a model that shares nothing with it: ``keras.models.clone_model`` and then ``set_weights``.

    Parameters
    ----------
    model : keras.Model
        Built, sequential or functional.

    Returns
    -------
    keras.Model
        The same layers with the same names, weights and ``trainable``.

    Raises
    ------
    ValueError, TypeError
        If the model is not built, or is neither sequential nor functional.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    >>> twin = clone_with_weights(model)
    >>> bool(np.all(twin.layers[0].kernel == model.layers[0].kernel)), twin.layers[0] is model.layers[0]
    (True, False)
    """
    _require_graph(model)
    clone = keras.models.clone_model(model)
    clone.set_weights(model.get_weights())
    return clone


def reuse_layers(model, n_layers, head, share=False, input_shape=None):
    r"""Return a new model: the lowest layers of another one under a new head.

    .. math:: \hat y = h\bigl(\phi_A(\mathbf x)\bigr)

    Parameters
    ----------
    model : keras.Model
        The source :math:`A`, built, sequential or functional; it is not changed.
    n_layers : int
        How many layers are reused, counted from below. Only those with weights count; what stands between them, and
        between the last of them and the next, such as activations, comes along.
    head : keras.Layer or sequence of keras.Layer
        The new upper layers :math:`h`, not part of the source.
    share : bool, default False
        Whether the new model holds the layers themselves, so that training it changes the source. By default it holds
        copies with the same weights, whose names end in ``_reused``.
    input_shape : tuple of int, optional
        Shape of one input of the new task, to be compared with the source's.

    Returns
    -------
    keras.Model
        Built, not compiled; sequential if the source is, otherwise functional. The reused layers are as trainable as
        they are in the source.

    Raises
    ------
    ValueError, TypeError
        If the source has fewer layers with weights, is not built or branches below the cut, or the shapes do not fit.

    Examples
    --------
    >>> model_A = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3, name="hidden"), keras.layers.Dense(8)])
    >>> model_B = reuse_layers(model_A, 1, keras.layers.Dense(1, activation="sigmoid", name="new"))
    >>> [layer.name for layer in model_B.layers], model_B.count_params()
    (['hidden_reused', 'new'], 19)
    """
    _require_graph(model)
    numbers = [number for number, layer in enumerate(model.layers) if layer.weights]
    rule = f"be between 1 and {len(numbers)}, the layers of the model that have weights"
    require(isinstance(n_layers, int | np.integer), "n_layers", "be an integer", n_layers, TypeError)
    require_number("n_layers", n_layers, rule, low=1, high=len(numbers))
    if input_shape is not None:
        shape = tuple(model.input_shape[1:])
        require(tuple(input_shape) == shape, "input_shape", f"be {shape} as that of the model", input_shape)
    head = list(head) if isinstance(head, Sequence) else [head]
    are_layers = bool(head) and all(isinstance(layer, keras.Layer) for layer in head)
    require(are_layers, "head", "be a layer or several", head, TypeError)
    new = not any(layer is old for layer in head for old in model.layers)
    require(new, "head", "not be part of the model", [layer.name for layer in head])
    cut = numbers[n_layers] if n_layers < len(numbers) else len(model.layers)
    try:
        if isinstance(model, keras.Sequential):
            return _reused_chain(model, model.layers[:cut], head, share)
        source = model
        if not share:
            source = keras.models.clone_model(model, clone_function=_renamed)
            source.set_weights(model.get_weights())
        reused = source.layers[:cut]
        output = reused[-1].output
        for layer in head:
            output = layer(output)
    except ValueError as error:
        shape = model.layers[cut - 1].output.shape
        raise ValueError(
            f"`head` must fit on the reused layers, whose output is {shape}. Received: head={head}. Keras says: {error}"
        ) from None
    built = keras.Model(source.input, output)
    lost = [layer.name for layer in reused if not any(layer is kept for kept in built.layers)]
    require(not lost, "n_layers", "cut the model where it is one chain, not beside a branch", lost)
    return built


def _require_graph(model):
    is_model = isinstance(model, keras.Model)
    require(is_model, "model", "be a Keras model", model, TypeError)
    require(model.built, "model", "be built: put keras.Input first", model)
    require(bool(getattr(model, "inputs", None)), "model", "be sequential or functional, with a known input", model)


def _reused_chain(model, layers, head, share):
    """Return a sequential model of layers, or of their copies, and a head."""
    reused = layers if share else [_renamed(layer) for layer in layers]
    built = keras.Sequential([keras.Input(batch_shape=model.input_shape), *reused, *head])
    if not share:
        for new, old in zip(reused, layers, strict=True):
            new.set_weights(old.get_weights())
    return built


def _renamed(layer):
    settings = layer.get_config()
    return layer.__class__.from_config({**settings, "name": f"{settings['name']}_reused"})


def freeze(model):
    """Freeze layers: their weights stay as they are, once the model is compiled (again).

    Parameters
    ----------
    model : keras.Model, keras.Layer or sequence of keras.Layer
        A model (all its layers), one layer, or several.

    Returns
    -------
    list of str
        The names of the layers that have weights and are frozen now.

    Notes
    -----
    Sets ``trainable`` of each layer, never of the whole model: a model that is not trainable has no trainable weights,
    whatever its layers say. A frozen batch normalization uses its moving averages and does not change them, as
    Keras' own does.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(1, name="b")])
    >>> freeze(model.layers[:1]), len(model.trainable_variables)
    (['a'], 2)
    """
    layers = _layers_of(model)
    for layer in layers:
        layer.trainable = False
    return [layer.name for layer in layers if layer.weights]


def unfreeze(model, top=None):
    """Thaw layers: they learn, once the model is compiled (again).

    Parameters
    ----------
    model : keras.Model, keras.Layer or sequence of keras.Layer
        A model, one layer, or several.
    top : int, optional
        How many, counted from the top and only those with weights; layers without weights do not matter. The others
        stay as they are. Default: all.

    Returns
    -------
    list of str
        The names of the layers that have weights and are thawed now, from below.

    Raises
    ------
    ValueError, TypeError
        If there are fewer layers than ``top``.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(1, name="b")])
    >>> _ = freeze(model)
    >>> unfreeze(model, top=1), unfreeze(model)
    (['b'], ['a', 'b'])
    """
    layers = _layers_of(model)
    weighted = [layer for layer in layers if layer.weights]
    if top is not None:
        rule = f"be between 0 and {len(weighted)}, the layers that have weights"
        require(isinstance(top, int | np.integer), "top", "be an integer", top, TypeError)
        require_number("top", top, rule, low=0, high=len(weighted))
    if isinstance(model, keras.Model) and not model.trainable:
        model.trainable = True  # Keras hands this down to all layers, so freeze them again
        freeze(model)
    thawed = weighted if top is None else weighted[len(weighted) - top :]
    for layer in layers if top is None else thawed:
        layer.trainable = True
    return [layer.name for layer in thawed]


def _layers_of(model):
    if isinstance(model, keras.Model):
        return list(model.layers)
    layers = list(model) if isinstance(model, Sequence) else [model]
    require(all(isinstance(layer, keras.Layer) for layer in layers), "model", "be a model or layers", model, TypeError)
    return layers


def compile_check(model):
    """Tell which layers were frozen or thawed after the model was compiled, so that ``fit`` may not know it.

    Parameters
    ----------
    model : keras.Model
        Compiled.

    Returns
    -------
    list of str
        The names of the layers with weights whose ``trainable`` is another one than when the model was compiled; an
        empty list if ``fit`` does what ``trainable`` says. Otherwise compile again.

    Raises
    ------
    ValueError
        If the model is not compiled.

    Notes
    -----
    Keras reads ``trainable`` when it builds its training step, in the first ``fit`` after ``compile``. So a change
    before that still counts, and is named here all the same. Keras itself says nothing.

    Examples
    --------
    >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="a"), keras.layers.Dense(1, name="b")])
    >>> model.compile("sgd", "mse")
    >>> compile_check(model)
    []
    >>> _ = freeze(model.layers[0])
    >>> compile_check(model)
    ['a']
    """
    require(getattr(model, "compiled", False), "model", "be compiled", model)
    trainable, _ = compiled_state(model)
    return [
        layer.name
        for layer, before in trainable.items()
        if layer.weights and layer.trainable != before and not isinstance(layer, keras.Model)
    ]
