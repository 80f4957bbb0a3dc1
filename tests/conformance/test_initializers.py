"""Keras' own tests of VarianceScaling and of the fans, run on ours."""

from handson11 import initializers
from tests.conformance.harness import keras_tests

ERROR_FORM = "every error of this package has one form: `argument` must …. Received: argument=…"
CASES = "RandomInitializersTest"

ABOUT_OTHER_INITIALIZERS = """
    random_normal random_uniform orthogonal get_method get_method_with_tensor mha_query_projection_variance
"""

globals().update(
    keras_tests(
        "keras.src.initializers.random_initializers_test",
        replace={
            "keras.src.initializers:VarianceScaling": initializers.VarianceScaling,
            "keras.src.initializers.random_initializers:compute_fans": initializers.compute_fans,
        },
        expected_failures={
            f"{CASES}.test_variance_scaling_invalid_{argument}": ERROR_FORM
            for argument in ("scale", "mode", "distribution")
        },
        unrelated=[f"{CASES}.test_{name}" for name in ABOUT_OTHER_INITIALIZERS.split()],
    )
)
