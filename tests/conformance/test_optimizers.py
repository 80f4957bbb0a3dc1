"""Keras' own tests of SGD and Adam, of what all optimizers share, and of sparse gradients, run on ours."""

from handson11 import optimizers
from tests.conformance.harness import keras_tests

DENSE = "we make sparse gradients dense: the weights are right, the update is not sparse"
OURS = {"keras.src.optimizers:SGD": optimizers.SGD, "keras.src.optimizers:Adam": optimizers.Adam}
OTHER_OPTIMIZERS = """
    adadelta adafactor adagrad adamax adamw adamw_amsgrad ftrl lion nadam rmsprop rmsprop_momentum
    rmsprop_momentum_centered scatter_update
"""

globals().update(
    keras_tests(
        "keras.src.optimizers.sgd_test",
        replace={"keras.src.optimizers.sgd:SGD": optimizers.SGD},
        expected_failures={
            "SGDTest.test_invalid_momentum": "every error of this package has one form: `momentum` must …. Received: …"
        },
    )
)
globals().update(
    keras_tests("keras.src.optimizers.adam_test", replace={"keras.src.optimizers.adam:Adam": optimizers.Adam})
)
globals().update(
    keras_tests(
        "keras.src.optimizers.optimizer_test",
        replace=OURS,
        expected_failures={"OptimizerTest.test_get_method": 'the string "sgd" stands for Keras\' own class'},
        unrelated=[  # these look every optimizer up by its string
            f"OptimizerTest.test_{name}{number}"
            for name in ("gradient_accumulation_with_weigth_decay", "pickleable_optimizers")
            for number in range(11)
        ],
    )
)
globals().update(
    keras_tests(
        "keras.src.optimizers.optimizer_sparse_test",
        replace=OURS,
        expected_failures={
            "OptimizerSparseTest.test_sparse_gradients_sgd": DENSE,
            "OptimizerSparseTest.test_sparse_gradients_loss_scale_optimizer_sgd": DENSE,
        },
        unrelated=[
            f"OptimizerSparseTest.test_sparse_{what}_{name}"
            for what in ("correctness", "gradients")
            for name in OTHER_OPTIMIZERS.split()
        ],
    )
)
