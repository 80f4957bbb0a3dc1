"""The harness notices what goes stale, counts the use of ours and puts Keras' objects back."""

import keras
import pytest
from keras.src.layers.activations import elu as keras_elu_module

from handson11 import layers
from tests.conformance import harness

ELU_TESTS = "keras.src.layers.activations.elu_test"
ELU = "keras.src.layers.activations.elu:ELU"


def test_a_keras_name_that_disappeared():
    with pytest.raises(AttributeError, match="has no keras.src.layers.activations.elu.ELU7"):
        harness.keras_tests(ELU_TESTS, {ELU + "7": layers.ELU})


def test_a_test_file_that_disappeared():
    with pytest.raises(ModuleNotFoundError, match="ships no keras.src.layers.activations.elu7_test"):
        harness.keras_tests("keras.src.layers.activations.elu7_test", {ELU: layers.ELU})


@pytest.mark.parametrize("argument", ["expected_failures", "unrelated", "warnings"])
def test_a_listed_test_that_disappeared(argument, monkeypatch):
    listed = {argument: {"ELUTest.test_elu7": "ignore::UserWarning"}}
    monkeypatch.setattr(keras, "__version__", "3.15.0")
    with pytest.raises(AttributeError, match="has no ELUTest.test_elu7"):
        harness.keras_tests(ELU_TESTS, {ELU: layers.ELU}, **listed)
    monkeypatch.setattr(keras, "__version__", "3.12.4")
    assert set(harness.keras_tests(ELU_TESTS, {ELU: layers.ELU}, **listed)) == {"ELUTest"}


def test_ours_are_used_counted_and_taken_out_again():
    keras_class = keras_elu_module.ELU
    suite = harness.Suite(ELU_TESTS, {ELU: layers.ELU})
    with suite.replaced():
        assert keras_elu_module.ELU is layers.ELU
        layers.ELU(alpha=0.5)
        layers.ELU()
    layers.ELU()
    assert suite.calls == {"ELU": 2}
    assert keras_elu_module.ELU is keras_class
    assert "__new__" not in vars(layers.ELU)


def test_a_function_is_counted():
    suite = harness.Suite("keras.src.activations.activations_test", {"keras.src.activations:relu": lambda x: 7})
    keras_function = keras.src.activations.relu
    with suite.replaced():
        assert keras.src.activations.relu(1.0) == 7
    assert suite.calls == {"relu": 1}
    assert keras.src.activations.relu is keras_function


def test_a_test_that_never_reaches_ours_fails():
    suite = harness.Suite(ELU_TESTS, {ELU: layers.ELU}, frozenset({"ELUTest.test_b"}))
    with pytest.raises(AssertionError, match="ELUTest.test_a never used any of"), suite.running("ELUTest.test_a"):
        keras.layers.LeakyReLU()
    with suite.running("ELUTest.test_a"):
        keras_elu_module.ELU()
    with suite.running("ELUTest.test_b"):
        keras.layers.LeakyReLU()
