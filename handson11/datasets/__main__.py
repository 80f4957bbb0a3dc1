"""``python -m handson11.datasets``: find or download Fashion-MNIST; exit code 0 if it is at hand, 1 if not."""

import sys

from handson11.datasets import DataNotFoundError, load_fashion_mnist


def main():
    """Print what was found, or everything that was tried, and return the exit code."""
    try:
        load_fashion_mnist("fashion-mnist")
    except DataNotFoundError as error:
        print(error)
        return 1
    print("Fashion-MNIST is at hand and verified.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
