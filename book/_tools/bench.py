"""Time our layers and functions against Keras' own and write the page book/reference/benchmarks.md.

Ours, Keras' and Keras' once more (the control) take turns within one run, so that whatever else the machine does hits
all three alike. What counts is the ratio of two neighbours in time; the control shows how far such a ratio strays when
there is nothing to find.
"""

import os
import platform
import sys
import time
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np

PAGE = Path(__file__).resolve().parents[1] / "reference" / "benchmarks.md"
TURNS = 41  # how often each of the three is timed
TURN_SECONDS = 0.002  # how long one turn takes at least

TEXT = """\
# Benchmarks

How fast are the layers, optimizers and functions of `handson11` beside Keras' own? This page is written by
`make bench`. The numbers depend on the machine and on what else it does: run it on yours.

## How to read the tables

Every row compares one of ours with the one of the same name in Keras (clipping: in TensorFlow, because Keras shows
none of its own). Both run as compiled functions in two ways: as a TensorFlow graph, and as a graph compiled with XLA,
which `model.fit` chooses by itself only on machines with an accelerator; on a processor alone ask for it with
`jit_compile=True`. *Forward* is the output alone, *and back* adds the gradients with regard to the input and the
weights. Initializers are called directly, as they are when a layer is built. Optimizers make *whole steps* of training
a network of ReLU layers on 32 images: forward, back and update.

- The first number is the median of **our time divided by Keras' time**: below 1 we are faster. In brackets stand the
  quartiles, between which half of the {turns} ratios lie.
- The **control** is Keras against a second copy of itself, measured in the same run. It should be 1. How far it strays
  is what this machine cannot tell from nothing.
- A row reads **slower** only if our lower quartile lies above the control's upper quartile, and **faster** only if our
  upper quartile lies below the control's lower quartile. Everything else is *the same*.

Some of ours do more than their counterparts on purpose. Outside XLA, which melts all steps into one, that can be seen:

- `clip_by_norm` and `clip_by_global_norm` look for the largest entry first, so that no square overflows;
- `gelu` with `approximate=True` holds z² from |z| = 10 on, so that its gradient stays finite in float16;
- `selu` is λ times `elu`, with the slope from the left at 0, where Keras' one kernel takes the slope from the right.

`RReLU` is not here: Keras has no such layer.

{summary}

{tables}

## What makes `fit` faster

One epoch of 200 steps of `fit` on 784-300-100-10 with Adam and batches of 32, the shortest of nine. Differences of a
tenth between the two optimizers are noise; how the steps are compiled matters more.

| Compiled | Keras' Adam, s | ours, s | gain, Keras' | gain, ours |
|---|---:|---:|---:|---:|
{fit}

## Whole training runs

The experiments of this book train many small networks: every seed, rate and activation is a run of its own. The engine
(`handson11.experiments.Trainer`) compiles a whole run, all epochs, batches and the evaluation, into one function, which
serves every seed and every rate. Beside it stands the same training by `model.fit`, which builds and traces each model
anew, as a loop over seeds does. Both train {run_images:,} images for {run_epochs} epochs in batches of 128 with
momentum, {run_seeds} seeds each, one after the other in one process. Compiling is counted: once for the engine, and
for each model in `fit`. *Further run* is what each further run of a longer experiment costs, as a median.

{head}
|---|---:|---:|---:|---:|---:|---:|---:|
{engine}

`fit` with XLA means `jit_compile=True` and `steps_per_execution=50`.

## What was measured on

| | |
|---|---|
{machine}
"""


@dataclass(frozen=True)
class Case:
    """One comparison: two functions of the same arguments, and how they run."""

    group: str
    name: str
    mode: str
    ours: object
    theirs: object
    control: object


@dataclass(frozen=True)
class Timing:
    """Quartiles of our time divided by Keras', the same for the control, and Keras' median time in microseconds."""

    ratio: tuple
    control: tuple
    microseconds: float

    @property
    def verdict(self):
        """The three-way judgement that the page explains."""
        if self.ratio[0] > self.control[2]:
            return "slower"
        return "faster" if self.ratio[2] < self.control[0] else "the same"


def seconds_of(function, calls):
    """Return the time of one call, averaged over ``calls`` in a row."""
    start = time.perf_counter()
    for _ in range(calls):
        function()
    return (time.perf_counter() - start) / calls


def measure(ours, theirs, control, turns=TURNS, turn_seconds=TURN_SECONDS):
    """Time three functions in turns, each round in another order, and return the `Timing`."""
    functions = (ours, theirs, control)
    for function in functions:
        function()  # traces and compiles
        function()
    calls = max(1, round(turn_seconds / seconds_of(theirs, 3)))
    times = np.empty((turns, 3))
    for turn in range(turns):
        for place in range(3):
            which = (turn + place) % 3
            times[turn, which] = seconds_of(functions[which], calls)
    quartiles = [tuple(np.quantile(times[:, which] / times[:, 1], (0.25, 0.5, 0.75))) for which in (0, 2)]
    return Timing(*quartiles, microseconds=float(np.median(times[:, 1]) * 1e6))


def in_graphs(group, name, ours, theirs, x):
    """Return four cases: forward, and forward and back, as graph and under XLA.

    ``ours`` and ``theirs`` make a fresh function or layer, so that the control is a real second copy.
    """
    import tensorflow as tf

    def forward(make, xla):
        function = make()
        compiled = tf.function(function, jit_compile=xla)
        return lambda: compiled(x)

    def back(make, xla):
        function = make()
        function(x)
        upstream = tf.constant(np.random.default_rng(1).normal(size=x.shape).astype("float32"))

        @tf.function(jit_compile=xla)
        def compiled(x):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = function(x)
            return tape.gradient(y, [x, *(v.value for v in getattr(function, "trainable_variables", ()))], upstream)

        return lambda: compiled(x)

    cases = []
    for step, build in (("forward", forward), ("and back", back)):
        for kind, xla in (("graph", False), ("XLA", True)):
            parts = (build(ours, xla), build(theirs, xla), build(theirs, xla))
            cases.append(Case(group, name, f"{step}, {kind}", *parts))
    return cases


def activation_cases(x):
    import keras

    from handson11 import activations

    for name in ("sigmoid", "tanh", "softmax", "relu", "leaky_relu", "elu", "celu", "selu", "gelu", "silu", "mish"):
        ours, theirs = getattr(activations, name), getattr(keras.activations, name)
        yield from in_graphs("Activation functions", name, lambda f=ours: f, lambda f=theirs: f, x)
    yield from in_graphs(
        "Activation functions",
        "gelu, approximate",
        lambda: lambda z: activations.gelu(z, approximate=True),
        lambda: lambda z: keras.activations.gelu(z, approximate=True),
        x,
    )


def layer_cases(x, images):
    import keras

    from handson11 import layers

    for name in ("LeakyReLU", "PReLU", "ELU"):
        yield from in_graphs("Layers", name, getattr(layers, name), getattr(keras.layers, name), x)
    for text, data, training in (
        ("BatchNormalization, training", x, True),
        ("BatchNormalization, training, images", images, True),
        ("BatchNormalization, inference", x, False),
    ):

        def maker(cls, data=data, training=training):
            def make():
                layer = cls()
                layer.build(data.shape)
                return Called(layer, training)

            return make

        yield from in_graphs(
            "Layers", text, maker(layers.BatchNormalization), maker(keras.layers.BatchNormalization), data
        )


class Called:
    """A layer with its ``training`` argument, as a function of the input."""

    def __init__(self, layer, training):
        self.layer, self.training = layer, training
        self.trainable_variables = layer.trainable_variables

    def __call__(self, x):
        return self.layer(x, training=self.training)


def initializer_cases(shape):
    import keras

    from handson11 import initializers

    for law in ("Glorot", "He", "Lecun"):
        for distribution in ("Normal", "Uniform"):
            name = law + distribution
            ours, theirs, control = (
                getattr(module, name)(seed=0) for module in (initializers, keras.initializers, keras.initializers)
            )
            calls = [lambda initializer=initializer: initializer(shape) for initializer in (ours, theirs, control)]
            yield Case("Initializers", name, "called directly", *calls)


def clipping_cases(gradients):
    import tensorflow as tf

    from handson11 import clipping

    pairs = {
        "clip_by_value": (
            lambda g: clipping.clip_by_value(g, 0.5),
            lambda g: [tf.clip_by_value(part, -0.5, 0.5) for part in g],
        ),
        "clip_by_norm": (
            lambda g: [clipping.clip_by_norm(part, 1.0) for part in g],
            lambda g: [tf.clip_by_norm(part, 1.0) for part in g],
        ),
        "clip_by_global_norm": (
            lambda g: clipping.clip_by_global_norm(g, 1.0),
            lambda g: tf.clip_by_global_norm(g, 1.0)[0],
        ),
    }
    for name, (ours, theirs) in pairs.items():
        for kind, xla in (("graph", False), ("XLA", True)):
            compiled = [tf.function(lambda g, f=f: f(g), jit_compile=xla) for f in (ours, theirs, theirs)]
            calls = [lambda f=f: f(gradients) for f in compiled]
            yield Case("Clipping", name, f"forward, {kind}", *calls)


STEP_NETWORKS = {
    "784-300-100-10": {"widths": (300, 100)},
    "20 × 100": {"widths": (100,) * 20},
}
STEP_OPTIMIZERS = ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam")


def training_step(optimizer, widths, batch, xla):
    """Return a function that makes one training step of a new network: forward, backward and update, compiled."""
    import keras
    import tensorflow as tf

    layers = [keras.layers.Dense(width, activation="relu", kernel_initializer="he_normal") for width in widths]
    model = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(10)])
    weights = model.trainable_variables
    optimizer.build(weights)
    images, labels = batch

    def step():
        with tf.GradientTape() as tape:
            logits = model(images, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits))
        optimizer.apply(tape.gradient(loss, [weight.value for weight in weights]), weights)
        return loss

    return tf.function(step, jit_compile=xla)


def optimizer_cases(batch):
    import keras

    from handson11 import optimizers

    for network, arguments in STEP_NETWORKS.items():
        for name in STEP_OPTIMIZERS:
            momentum = {"momentum": 0.9} if name == "SGD" else {}
            shown = f"{name}, {network}" if name != "SGD" else f"SGD with momentum, {network}"
            for kind, xla in (("graph", False), ("XLA", True)):
                steps = [
                    training_step(getattr(module, name)(1e-4, **momentum), **arguments, batch=batch, xla=xla)
                    for module in (optimizers, keras.optimizers, keras.optimizers)
                ]
                yield Case("Optimizers", shown, f"whole step, {kind}", *steps)


def fit_times(optimizer="Adam", rows=6400, batch_size=32):
    """Return the shortest time of an epoch of ``fit``, compiled in four ways, with our optimizer and with Keras'."""
    import keras

    from handson11 import optimizers

    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(rows, 784)).astype("float32"), rng.integers(0, 10, rows)
    ways = {
        "as it is": {},
        "`steps_per_execution=50`": {"steps_per_execution": 50},
        "`jit_compile=True`": {"jit_compile": True},
        "both": {"jit_compile": True, "steps_per_execution": 50},
    }
    fits = {}
    for way, settings in ways.items():
        for module in (optimizers, keras.optimizers):
            layers = [keras.layers.Dense(width, activation="relu") for width in (300, 100)]
            model = keras.Sequential([keras.Input((784,)), *layers, keras.layers.Dense(10)])
            loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            model.compile(getattr(module, optimizer)(), loss, **settings)
            fits[way, module.__name__.split(".")[0]] = lambda model=model: model.fit(
                x, y, batch_size=batch_size, epochs=1, verbose=0
            )
    for fit in fits.values():
        fit()
    seconds = {name: [] for name in fits}
    for _ in range(9):
        for name, fit in fits.items():
            seconds[name].append(seconds_of(fit, 1))
    return {name: min(values) for name, values in seconds.items()}


def fit_table(times):
    """Return the Markdown rows of `fit_times`: seconds, and how many times as fast as plain Keras."""
    plain = times["as it is", "keras"]
    ways = dict.fromkeys(way for way, _ in times)
    return "\n".join(
        f"| {way} | {times[way, 'keras']:.2f} | {times[way, 'handson11']:.2f} "
        f"| {plain / times[way, 'keras']:.1f} × | {plain / times[way, 'handson11']:.1f} × |"
        for way in ways
    )


RUN_IMAGES, RUN_EPOCHS, RUN_SEEDS = 8000, 10, 5
NETWORKS = {
    "3 × 100 ReLU": {"depth": 3, "width": 100},
    "10 × 100 ReLU": {"depth": 10, "width": 100},
    "10 × 64 ReLU, batch normalization": {"depth": 10, "width": 64, "batch_norm": "before"},
}


HEAD = (
    "| Network | `fit`, s | `fit` with XLA, s | engine, further run, s | engine, compiling, s "
    f"| gain, further runs | gain, all {RUN_SEEDS} runs | the same over `fit` with XLA |"
)
BUDGET = {"head": HEAD, "run_images": RUN_IMAGES, "run_epochs": RUN_EPOCHS, "run_seeds": RUN_SEEDS}


@dataclass(frozen=True)
class RunTimes:
    """Seconds of each of several runs: by ``fit``, by ``fit`` with XLA, by the engine."""

    fit: list
    fit_xla: list
    engine: list

    @property
    def compiling(self):
        """Seconds that the engine's first run takes longer than its others."""
        return self.engine[0] - float(np.median(self.engine[1:]))

    @property
    def further(self):
        """How many times as many further runs per second the engine makes as ``fit``."""
        return float(np.median(self.fit) / np.median(self.engine[1:]))

    @property
    def whole(self):
        """The same for all runs, with the engine's compiling."""
        return sum(self.fit) / sum(self.engine)

    @property
    def whole_xla(self):
        """The same against ``fit`` with XLA."""
        return sum(self.fit_xla) / sum(self.engine)


def run_times(arguments, n=RUN_IMAGES, epochs=RUN_EPOCHS, seeds=RUN_SEEDS):
    """Time whole training runs of one network and return the `RunTimes`."""
    import keras

    from handson11.experiments import Trainer, make_task
    from handson11.experiments.training import load_data
    from handson11.models import dense_stack

    task = make_task(load_data(), n=n, seed=0)
    n = n // 128 * 128  # the engine leaves out an incomplete batch

    def fit(seed, **settings):
        model = dense_stack(**arguments, seed=seed)
        loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        optimizer = keras.optimizers.SGD(0.01, momentum=0.9)
        model.compile(optimizer, loss, metrics=["accuracy"], **settings)
        model.fit(task.x_train[:n], task.y_train[:n], batch_size=128, epochs=epochs, verbose=0)
        model.evaluate(task.x_validation, task.y_validation, batch_size=1000, verbose=0)
        model.evaluate(task.x_test, task.y_test, batch_size=1000, verbose=0)

    trainer = Trainer(lambda seed: dense_stack(**arguments, seed=seed))
    ways = {
        "fit": fit,
        "fit_xla": lambda seed: fit(seed, jit_compile=True, steps_per_execution=50),
        "engine": lambda seed: trainer.run(task, seed, 0.01, epochs=epochs),
    }
    times = {name: [] for name in ways}
    for seed in range(seeds):
        for name, way in ways.items():
            times[name].append(seconds_of(lambda way=way, seed=seed: way(seed), 1))
    return RunTimes(**times)


def engine_table(times):
    """Return the Markdown rows of (network, `RunTimes`) pairs."""
    return "\n".join(
        f"| {name} | {np.median(t.fit):.2f} | {np.median(t.fit_xla):.2f} | {np.median(t.engine[1:]):.2f} "
        f"| {t.compiling:.1f} | {t.further:.1f} × | {t.whole:.1f} × | {t.whole_xla:.1f} × |"
        for name, t in times
    )


def all_cases():
    """Yield every comparison, one at a time: what was measured is let go before the next is built."""
    import tensorflow as tf

    rng = np.random.default_rng(0)

    def normal(*shape):
        return tf.constant(rng.normal(size=shape).astype("float32"))

    x, images = normal(512, 300), normal(32, 14, 14, 32)
    yield from activation_cases(x)
    yield from layer_cases(x, images)
    yield from initializer_cases((784, 300))
    labels = tf.constant(rng.integers(0, 10, 32).astype("int32"))
    yield from optimizer_cases((normal(32, 784), labels))
    yield from clipping_cases([normal(784, 300), normal(300), normal(300, 100), normal(100), normal(100, 10)])


def quartiles(values):
    """Return "median (lower quartile to upper quartile)" with two decimals."""
    low, middle, high = values
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def table_of(rows):
    """Return the Markdown table of one group's (case, timing) pairs."""
    lines = ["| Ours | Mode | Ours / Keras | Control | Keras, µs | |", "|---|---|---:|---:|---:|---|"]
    lines += [
        f"| {case.name} | {case.mode} | {quartiles(timing.ratio)} | {quartiles(timing.control)} "
        f"| {timing.microseconds:,.0f} | {timing.verdict} |"
        for case, timing in rows
    ]
    return "\n".join(lines)


def summary_of(rows):
    """Return one paragraph that counts the verdicts and gives the median over all rows."""
    verdicts = [timing.verdict for _, timing in rows]
    ours = np.median([timing.ratio[1] for _, timing in rows])
    control = np.median([timing.control[1] for _, timing in rows])
    counted = ", ".join(f"{word}: {verdicts.count(word)}" for word in ("faster", "the same", "slower"))
    slower = [f"{case.name} ({case.mode})" for case, timing in rows if timing.verdict == "slower"]
    ending = f"\n\nSlower in this run: {'; '.join(slower)}." if slower else ""
    return (
        f"**In this run, of {len(rows)} comparisons: {counted}.** The median over all rows is {ours:.2f}, "
        f"of the control {control:.2f}.{ending}"
    )


def machine():
    """Return the rows of the table that describes the machine and the software."""
    import tensorflow as tf

    from handson11.claims.studies import processor

    rows = [
        ("Processor", f"{processor()}, {os.cpu_count()} cores"),
        ("Accelerator", ", ".join(device.name for device in tf.config.list_physical_devices("GPU")) or "none used"),
        ("System", f"{platform.system()} {platform.machine()}, Python {platform.python_version()}"),
    ]
    rows += [(name, version(name)) for name in ("handson11", "keras", "tensorflow", "numpy")]
    return "\n".join(f"| {name} | {value} |" for name, value in rows)


def page_of(rows, fit_rows, engine_rows, machine_rows):
    """Return the whole page."""
    groups = list(dict.fromkeys(case.group for case, _ in rows))
    tables = "\n\n".join(
        f"## {group}\n\n{table_of([row for row in rows if row[0].group == group])}" for group in groups
    )
    return TEXT.format(
        turns=TURNS,
        summary=summary_of(rows),
        tables=tables,
        fit=fit_rows,
        machine=machine_rows,
        engine=engine_rows,
        **BUDGET,
    )


def main(only=""):
    """Measure, print each row as it comes, and write the page unless only a part was asked for."""
    rows = []
    for case in all_cases():
        if only and only not in case.name:
            continue
        timing = measure(case.ours, case.theirs, case.control)
        rows.append((case, timing))
        print(
            f"{case.name:<38} {case.mode:<16} {quartiles(timing.ratio):<22} control {quartiles(timing.control):<22}"
            f" {timing.microseconds:>8,.0f} µs  {timing.verdict}",
            flush=True,
        )
    fit_rows = ""
    if not only or only == "fit":
        fit_rows = fit_table(fit_times())
        print(fit_rows, flush=True)
    times = []
    for name, arguments in NETWORKS.items():
        if not only or only in name:
            times.append((name, run_times(arguments)))
            print(engine_table(times[-1:]), flush=True)
    print("\n" + (summary_of(rows).replace("**", "") if rows else ""))
    if not only:
        PAGE.write_text(page_of(rows, fit_rows, engine_table(times), machine()), encoding="utf-8")
        print(f"Written: {PAGE}")


if __name__ == "__main__":
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    main(*sys.argv[1:])
