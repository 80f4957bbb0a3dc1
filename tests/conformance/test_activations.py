"""Keras' own tests of the activation functions, run on ours."""

from handson11 import activations
from tests.conformance.harness import keras_tests

OURS = ("celu", "elu", "gelu", "leaky_relu", "mish", "relu", "selu", "sigmoid", "silu", "softmax", "tanh")

ABOUT_OTHER_FUNCTIONS = """
    exponential glu hard_shrink hard_sigmoid hard_silu hard_tanh linear log_sigmoid log_softmax_1d log_softmax_2d_axis_0
    log_softmax_3d_axis_tuple log_softmax_higher_dim log_softmax_higher_dim_multiple_axes log_softmax_negative_axis
    relu6 soft_shrink softplus softsign sparse_plus sparse_sigmoid sparsemax squareplus tanh_shrink temporal_log_softmax
    threshold
"""

# The reference implementations inside Keras' test file overflow on purpose; ours do not (see tests/unit).
OVERFLOW_IN_REFERENCE = "ignore:overflow encountered:RuntimeWarning:private_copy_of_keras"

globals().update(
    keras_tests(
        "keras.src.activations.activations_test",
        replace={f"keras.src.activations:{name}": getattr(activations, name) for name in OURS},
        expected_failures={
            "ActivationsTest.test_get_method": 'the string "relu" names Keras\' function, in ours as in theirs',
        },
        unrelated=[f"ActivationsTest.test_{name}" for name in ABOUT_OTHER_FUNCTIONS.split()],
        warnings={"ActivationsTest.test_mish": OVERFLOW_IN_REFERENCE},
    )
)
