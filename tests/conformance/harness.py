"""Runs Keras' own test files, which ship in its wheel, against our functions and classes.

How to use it, in ``tests/conformance/test_<something>.py``::

    from handson11 import layers
    from tests.conformance.harness import keras_tests

    globals().update(
        keras_tests(
            "keras.src.layers.activations.leaky_relu_test",
            replace={"keras.src.layers.activations.leaky_relu:LeakyReLU": layers.LeakyReLU},
            expected_failures={"LeakyReLUTest.test_invalid_usage": "our one form of argument error"},
        )
    )

``replace`` maps "module:name" to ours. Name the module through which the test file reaches the object: the defining
module for ``from keras.src.layers.activations import elu`` … ``elu.ELU``, the package for ``from keras.src import
activations`` … ``activations.elu``. One replacement may be given for several names.

The test file is executed as a private copy while the names are replaced, because test files bind names when they are
imported. A fixture (in ``conftest.py``) replaces the names again during each test, puts Keras' own objects back
afterwards, and counts how often ours were called: a test that never reached our code fails. Tests about other things
are listed under ``unrelated`` and are left out.

Nothing can go stale unnoticed: a Keras name that disappeared, a listed test that does not exist and an expected
failure that passes (pytest's strict xfail) all fail. Only in a Keras older than ``WRITTEN_FOR`` may a listed test be
missing: it had not been written yet.
"""

import contextlib
import functools
import importlib
import importlib.util
import inspect
import sys
import types
import unittest
from dataclasses import dataclass, field

import keras
import pytest

WRITTEN_FOR = (3, 15)  # the Keras version whose tests the lists of expected failures were made for

# Keras' own helper `run_layer_test` fits on a generator and leaves `shuffle` at its default, which warns.
LAYER_TEST_WARNING = "ignore:`shuffle=True` was passed, but will be ignored:UserWarning"


def skip_if_backend(given_backend, reason):
    """Mark a test as skipped on one Keras backend; Keras' test files import this from their ``conftest``."""
    return pytest.mark.skipif(keras.backend.backend() == given_backend, reason=reason)


@dataclass
class Suite:
    """One Keras test file with the names that are replaced in it and the counts of calls to ours."""

    module_name: str
    replace: dict
    expected_failures: frozenset = frozenset()
    calls: dict = field(default_factory=dict)

    def __post_init__(self):
        self.targets = [(*self._find(target), ours) for target, ours in self.replace.items()]

    def _find(self, target):
        module_name, name = target.split(":")
        module = importlib.import_module(module_name)
        if not hasattr(module, name):
            raise AttributeError(f"Keras {keras.__version__} has no {module_name}.{name}; adapt the conformance tests")
        return module, name

    def count(self, name):
        """Note one call of our ``name``."""
        self.calls[name] = self.calls.get(name, 0) + 1

    @contextlib.contextmanager
    def replaced(self):
        """Put ours in the place of Keras' names, counting each call of a function and each object of a class."""
        with pytest.MonkeyPatch.context() as patch:
            for module, name, ours in self.targets:
                if inspect.isclass(ours):
                    if ours.__new__ is object.__new__:  # Python cannot take back a `__new__` that was not there before
                        patch.setattr(ours, "__init__", self._counting_function(ours.__init__, name))
                    else:
                        patch.setattr(ours, "__new__", self._counting_new(ours, name))
                    patch.setattr(module, name, ours)
                else:
                    patch.setattr(module, name, self._counting_function(ours, name))
            yield self

    @contextlib.contextmanager
    def running(self, test_name):
        """Run one test on ours; fail afterwards if it never reached them."""
        before = sum(self.calls.values())
        with self.replaced():
            yield self
        reached = sum(self.calls.values()) > before or test_name in self.expected_failures
        assert reached, f"{test_name} never used any of {sorted(self.replace)}"

    def _counting_function(self, ours, name):
        @functools.wraps(ours)
        def counted(*arguments, **named_arguments):
            self.count(name)
            return ours(*arguments, **named_arguments)

        return counted

    def _counting_new(self, ours, name):
        original = ours.__new__

        def counted(cls, *arguments, **named_arguments):
            self.count(name)
            return original(cls, *arguments, **named_arguments)

        return counted


def _private_copy(module_name):
    """Execute a Keras test file as a module of its own and return it."""
    spec = importlib.util.find_spec(module_name)
    if spec is None:
        raise ModuleNotFoundError(f"Keras {keras.__version__} ships no {module_name}; adapt the conformance tests")
    copy_name = "private_copy_of_" + module_name.replace(".", "_")
    copy_spec = importlib.util.spec_from_file_location(copy_name, spec.origin)
    module = importlib.util.module_from_spec(copy_spec)
    keras_conftest = types.ModuleType("conftest")
    keras_conftest.skip_if_backend = skip_if_backend
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(sys.modules, "conftest", keras_conftest)
        copy_spec.loader.exec_module(module)
    return module


def keras_tests(module_name, replace, expected_failures=None, unrelated=(), warnings=None):
    """Return the test classes of a Keras test file, bound to our objects.

    Parameters
    ----------
    module_name : str
        The test file as a module, for instance ``"keras.src.activations.activations_test"``.
    replace : dict of str to function or class
        ``"module:name"`` → ours.
    expected_failures : dict of str to str, optional
        ``"TestClass.test_name"`` → why ours differs on purpose. Strict: the test has to fail.
    unrelated : sequence of str, optional
        ``"TestClass.test_name"`` of the tests about other objects than those in ``replace``. They are left out.
    warnings : dict of str to str, optional
        ``"TestClass.test_name"`` → a warning filter for that test, such as ``"ignore:text:UserWarning"``: in this
        project a warning is an error, in Keras' own runs it is not. Write the reason beside it.

    Returns
    -------
    dict of str to class
        Test classes by name, for ``globals().update(...)``.
    """
    suite = Suite(module_name, replace, frozenset(expected_failures or {}))
    with suite.replaced():
        module = _private_copy(module_name)
    suite.calls.clear()
    classes = {
        name: value
        for name, value in vars(module).items()
        if inspect.isclass(value) and issubclass(value, unittest.TestCase) and value.__module__ == module.__name__
    }

    def find(test_names):
        for test_name in test_names:
            class_name, _, method_name = test_name.partition(".")
            if hasattr(classes.get(class_name), method_name):
                yield test_name, classes[class_name], method_name
            elif tuple(map(int, keras.__version__.split(".")[:2])) >= WRITTEN_FOR:
                raise AttributeError(f"{module_name} has no {test_name}; adapt the conformance tests")

    for _, cls, method_name in find(unrelated):
        delattr(cls, method_name)
    for test_name, cls, method_name in find(expected_failures or {}):
        mark = pytest.mark.xfail(strict=True, reason=expected_failures[test_name])
        setattr(cls, method_name, mark(getattr(cls, method_name)))
    for test_name, cls, method_name in find(warnings or {}):
        mark = pytest.mark.filterwarnings(warnings[test_name])
        setattr(cls, method_name, mark(getattr(cls, method_name)))
    for cls in classes.values():
        cls.pytestmark = [pytest.mark.filterwarnings(LAYER_TEST_WARNING)]
        cls.handson11_suite = suite
    return classes
