"""Keras' own tests of LeakyReLU, PReLU and ELU, run on our layers."""

from handson11 import layers
from tests.conformance.harness import keras_tests

NOTHING_TO_TRAIN = "ignore:The model does not have any trainable weights:UserWarning"  # true: these layers have none

globals().update(
    keras_tests(
        "keras.src.layers.activations.leaky_relu_test",
        replace={"keras.src.layers.activations.leaky_relu:LeakyReLU": layers.LeakyReLU},
        expected_failures={
            "LeakyReLUTest.test_invalid_usage": "asks for Keras' wording; ours has the one form of argument error",
        },
        warnings={"LeakyReLUTest.test_leaky_relu": NOTHING_TO_TRAIN},
    )
)

globals().update(
    keras_tests(
        "keras.src.layers.activations.prelu_test",
        replace={"keras.src.layers.activations.prelu:PReLU": layers.PReLU},
    )
)

globals().update(
    keras_tests(
        "keras.src.layers.activations.elu_test",
        replace={"keras.src.layers.activations.elu:ELU": layers.ELU},
        warnings={"ELUTest.test_elu": NOTHING_TO_TRAIN},
    )
)
