"""What all tests share: hypothesis tries the same examples in every run, and a slow machine is not a failure."""

from hypothesis import settings

settings.register_profile("handson11", derandomize=True, deadline=None, max_examples=50)
settings.load_profile("handson11")
