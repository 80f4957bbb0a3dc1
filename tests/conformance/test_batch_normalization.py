"""Keras' own tests of BatchNormalization, run on our layer."""

from handson11 import layers
from tests.conformance.harness import keras_tests

NOTHING_TO_TRAIN = "ignore:The model does not have any trainable weights:UserWarning"  # true without γ and β
RENORM = "batch renormalization (`renorm=True`) is no part of our layer"

globals().update(
    keras_tests(
        "keras.src.layers.normalization.batch_normalization_test",
        replace={"keras.src.layers:BatchNormalization": layers.BatchNormalization},
        expected_failures={
            f"BatchNormalizationTest.{name}": RENORM
            for name in (
                "test_renorm_basics",
                "test_renorm_correctness",
                "test_renorm_inference",
                "test_renorm_invalid_clipping_keys",
                "test_renorm_stddev_initializer",
                "test_serialization",
            )
        },
        warnings={"BatchNormalizationTest.test_bn_basics": NOTHING_TO_TRAIN},
    )
)
