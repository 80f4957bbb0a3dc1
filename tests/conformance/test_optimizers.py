"""Keras' own tests of every optimizer of the chapter, of what they share, and of sparse gradients, run on ours."""

from handson11 import optimizers
from tests.conformance.harness import keras_tests

NAMES = ("SGD", "Adagrad", "RMSprop", "Adam", "AdamW", "Adamax", "Nadam")
OURS = {f"keras.src.optimizers:{name}": getattr(optimizers, name) for name in NAMES}
NOT_OURS = ("adadelta", "adafactor", "ftrl", "lion", "scatter_update")
ONE_FORM = "every error of this package has one form: `argument` must …. Received: …"
EXPECTED = {
    "SGD": {"SGDTest.test_invalid_momentum": ONE_FORM},
    "AdamW": {"AdamWTest.test_weight_decay_is_none": ONE_FORM},
    "Nadam": {"NadamTest.test_build_with_empty_var_list": "asks for a private number that ours keep for each weight"},
}

for name in NAMES:
    module = f"keras.src.optimizers.{name.lower()}"
    ours = {f"{module}:{name}": getattr(optimizers, name)}
    globals().update(keras_tests(f"{module}_test", replace=ours, expected_failures=EXPECTED.get(name, {})))

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
        unrelated=[
            f"OptimizerSparseTest.test_sparse_{what}_{name}"
            for what in ("correctness", "gradients")
            for name in NOT_OURS
        ],
    )
)
