"""The optimizers on two replicas, each with its part of every gradient: in a process of its own, with two devices."""

import json
import subprocess
import sys
import textwrap

import pytest

PROGRAM = textwrap.dedent("""
    import json
    import keras, numpy as np, tensorflow as tf
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    from handson11 import optimizers

    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    report = {}

    # model.fit
    x = np.random.default_rng(0).normal(size=(16, 3)).astype("float32")

    def train(optimizer):
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, kernel_initializer="ones")])
        model.compile(optimizer(0.1), "mse")
        model.fit(x, x[:, :2], batch_size=8, epochs=3, shuffle=False, verbose=0)
        return model.get_weights()[0]

    alone = train(keras.optimizers.Adam)
    with strategy.scope():
        together = train(optimizers.Adam)
    report["fit"] = [np.max(np.abs(alone - together)), np.max(np.abs(alone - 1))]

    # Every class, all in one compiled step of two replicas; Keras' own on one device get the sum of the gradients.
    SGD = keras.optimizers.SGD
    theirs = {
        "SGD": SGD(0.01), "Momentum": SGD(0.01, 0.9), "Nesterov": SGD(0.01, 0.9, True),
        "Adagrad": keras.optimizers.Adagrad(0.01), "RMSprop": keras.optimizers.RMSprop(0.01),
        "Adam": keras.optimizers.Adam(0.01), "AdamW": keras.optimizers.AdamW(0.01),
        "Adamax": keras.optimizers.Adamax(0.01), "Nadam": keras.optimizers.Nadam(0.01),
    }
    # Of a sparse gradient the replicas have the rows 1, 4, 1 and 4, 2, 2.
    sparse = ["SGD", "Adagrad", "RMSprop", "Adam"]
    rng = np.random.default_rng(1)
    parts = rng.normal(size=(10, 2, 3, 2)).astype("float32")  # update, replica, row of the gradient, column
    indices = np.array([[1, 4, 1], [4, 2, 2]])

    def dense_sum(part):
        whole = np.zeros((5, 2), "float32")
        np.add.at(whole, indices, part)
        return whole

    names = [(name, False) for name in theirs] + [(name, True) for name in sparse]
    with strategy.scope():
        ours = [getattr(optimizers, name)(0.01) for name, _ in names]
        weights = [keras.Variable(np.ones((5, 2) if is_sparse else (3, 2), "float32")) for _, is_sparse in names]
        for optimizer, weight in zip(ours, weights):
            optimizer.build([weight])

    @tf.function(autograph=False)
    def update(part, rows):
        def of_one_replica(part, rows):
            for optimizer, (_, is_sparse) in zip(ours, names):
                optimizer.apply([tf.IndexedSlices(part, rows, tf.constant([5, 2])) if is_sparse else part])
        strategy.run(of_one_replica, args=(part, rows))

    def spread(values):
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(values[context.replica_id_in_sync_group]))

    for part in parts:
        update(spread(part), spread(indices))
    for weight, (name, is_sparse) in zip(weights, names):
        reference = keras.Variable(np.ones(weight.shape, "float32"))
        optimizer = theirs[name].from_config(theirs[name].get_config())
        for part in parts:
            optimizer.apply([tf.constant(dense_sum(part) if is_sparse else part.sum(0))], [reference])
        replicas = [np.asarray(replica) for replica in weight.value.values]
        assert len(replicas) == 2
        gap = max(np.max(np.abs(replica - np.asarray(reference))) for replica in replicas)
        report[name + " sparse" * is_sparse] = [gap, np.max(np.abs(np.asarray(reference) - 1))]
    print(json.dumps({key: [float(value) for value in pair] for key, pair in report.items()}))
""")

CLASSES = ("SGD", "Momentum", "Nesterov", "Adagrad", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam")


@pytest.fixture(scope="module")
def report():
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout.splitlines()[-1])


@pytest.mark.parametrize(
    "case", ["fit", *CLASSES, *(f"{name} sparse" for name in ("SGD", "Adagrad", "RMSprop", "Adam"))]
)
def test_replicas_share_one_update(case, report):
    """Both replicas end where Keras' optimizer ends on one device that sees everything."""
    gap, path = report[case]
    assert gap < (1e-5 if case == "fit" else 1e-6)
    assert path > 0.01
