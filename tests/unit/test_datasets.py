"""Where the data come from: every source, every damage, every mirror; a small data set on a local server."""

import contextlib
import gzip
import hashlib
import http.server
import os
import socket
import struct
import threading
import time

import numpy as np
import pytest

from handson11 import datasets
from handson11.datasets import __main__ as fetch
from handson11.datasets import fashion_mnist, verified
from handson11.datasets.verified import VerifiedFiles

REAL_DATA = os.environ.get("HANDSON11_DATA")
TRAIN_LABELS, TEST_LABELS = [9, 0, 0, 3, 1], [7, 2]


def idx(values, *shape):
    """Return a gzipped IDX file of unsigned bytes, written down from the format's description."""
    return gzip.compress(struct.pack(f">HBB{len(shape)}I", 0, 8, len(shape), *shape) + bytes(values), mtime=0)


CONTENT = {
    "t10k-labels-idx1-ubyte.gz": idx(TEST_LABELS, 2),
    "train-labels-idx1-ubyte.gz": idx(TRAIN_LABELS, 5),
    "t10k-images-idx3-ubyte.gz": idx([50 + i for i in range(2) for _ in range(784)], 2, 28, 28),
    "train-images-idx3-ubyte.gz": idx([i for i in range(5) for _ in range(784)], 5, 28, 28),
}
NAMES = sorted(CONTENT)


class Handler(http.server.BaseHTTPRequestHandler):
    def do_HEAD(self):  # noqa: N802 - the name is given by http.server
        self.answer(body=False)

    def do_GET(self):  # noqa: N802 - the name is given by http.server
        self.server.asked.append(self.path)
        self.answer(body=True)

    def answer(self, body):
        name = self.path.lstrip("/")
        content = self.server.content.get(name)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if body:
            self.wfile.write(content[: self.server.cut_at])

    def log_message(self, *args):
        pass


@pytest.fixture
def serve():
    """Start a mirror: ``serve(content, cut_at)`` returns its address and the list of what it was asked for."""
    with contextlib.ExitStack() as stack:

        def start(content, cut_at=None):
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
            server.content, server.cut_at, server.asked = content, cut_at, []
            thread = threading.Thread(target=server.serve_forever, args=(0.01,))
            thread.start()
            stack.callback(thread.join)
            stack.callback(server.server_close)
            stack.callback(server.shutdown)
            return f"http://127.0.0.1:{server.server_port}/", server.asked

        yield start


@pytest.fixture
def refusing():
    """Return the address of a mirror where nobody listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    return f"http://127.0.0.1:{port}/"


@pytest.fixture
def place(monkeypatch, tmp_path):
    """A world with the small data set: empty folders, no network unless a test names mirrors."""
    for name in ("HANDSON11_DATA", "HANDSON11_OFFLINE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HANDSON11_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr(fashion_mnist, "N_VALIDATION", 2)
    monkeypatch.setattr(fashion_mnist, "make_stand_in", lambda: datasets.make_stand_in(10, 10, 10))

    class Place:
        cache = tmp_path / "cache" / "fashion-mnist"
        own = tmp_path / "own" / "fashion-mnist"

        @staticmethod
        def fill(folder, **changed):
            folder.mkdir(parents=True, exist_ok=True)
            for name, content in CONTENT.items():
                (folder / name).write_bytes(changed.get(name.split("-ubyte")[0].replace("-", "_"), content))
            if folder == Place.own:
                monkeypatch.setenv("HANDSON11_DATA", str(tmp_path / "own"))

        @staticmethod
        def mirrors(*addresses):
            sums = {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}
            monkeypatch.setattr(fashion_mnist, "FILES", VerifiedFiles("fashion-mnist", sums, addresses))

        @staticmethod
        def cached():
            return sorted(path.name for path in Place.cache.iterdir()) if Place.cache.exists() else []

    Place.mirrors()
    return Place


def assert_is_the_small_data_set(data):
    assert data.source == "fashion-mnist"
    assert data.y_train.tolist() == [9, 0, 0]
    assert data.y_validation.tolist() == [3, 1]
    assert data.y_test.tolist() == [7, 2]
    assert data.x_train.shape == (3, 28, 28) and data.x_train.dtype == np.uint8
    assert data.x_train[:, 0, 0].tolist() == [0, 1, 2] and data.x_validation[:, 27, 27].tolist() == [3, 4]
    assert data.x_test[:, 14, 3].tolist() == [50, 51]


def load():
    return datasets.load_fashion_mnist("fashion-mnist")


def test_own_folder_comes_first(place):
    place.fill(place.own)
    place.fill(place.cache, train_labels_idx1=idx([1, 1, 1, 1, 1], 5))
    assert_is_the_small_data_set(load())
    assert_is_the_small_data_set(datasets.load_fashion_mnist())


def test_cache_comes_before_the_network(place, serve):
    address, asked = serve(CONTENT)
    place.mirrors(address)
    place.fill(place.cache)
    assert_is_the_small_data_set(load())
    assert asked == []


def test_download_is_kept_and_used_again(place, serve):
    address, asked = serve(CONTENT)
    place.mirrors(address)
    assert_is_the_small_data_set(load())
    assert place.cached() == NAMES
    assert_is_the_small_data_set(load())
    assert sorted(asked) == [f"/{name}" for name in NAMES]


def test_only_missing_files_are_fetched(place, serve):
    address, asked = serve(CONTENT)
    place.mirrors(address)
    place.fill(place.cache)
    (place.cache / NAMES[2]).unlink()
    assert_is_the_small_data_set(load())
    assert asked == [f"/{NAMES[2]}"]


@pytest.mark.parametrize("damage", ["wrong sum", "truncated", "not there"])
def test_bad_mirror_is_left_for_the_next(place, serve, damage):
    wrong = dict.fromkeys(CONTENT, b"<html>please log in</html>")
    bad = {"wrong sum": (wrong, None), "truncated": (CONTENT, 20), "not there": ({}, None)}[damage]
    first, first_asked = serve(*bad)
    second, second_asked = serve(CONTENT)
    place.mirrors(first, second)
    assert_is_the_small_data_set(load())
    assert len(first_asked) == 1 and len(second_asked) == 4
    assert place.cached() == NAMES


@pytest.mark.parametrize("damage", ["wrong sum", "truncated"])
def test_bad_download_leaves_nothing_behind(place, serve, damage):
    wrong = dict.fromkeys(CONTENT, b"<html>please log in</html>")
    address, _ = serve(*{"wrong sum": (wrong, None), "truncated": (CONTENT, 20)}[damage])
    place.mirrors(address)
    with pytest.raises(datasets.DataNotFoundError, match="t10k-labels-idx1-ubyte.gz: "):
        load()
    assert place.cached() == []


def test_interrupted_download_leaves_nothing_behind(place, serve, monkeypatch):
    import pooch

    address, _ = serve(CONTENT)
    place.mirrors(address)

    def interrupted(self, url, output_file, *args, **kwargs):
        with open(output_file, "wb") as stream:
            stream.write(b"the first half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pooch.HTTPDownloader, "__call__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        load()
    assert place.cached() == []


def test_error_lists_everything_that_was_tried(place, refusing):
    place.mirrors(refusing, "http://name-that-does-not-exist.invalid/")
    start = time.monotonic()
    with pytest.raises(datasets.DataNotFoundError) as caught:
        load()
    assert time.monotonic() - start < 15
    text = str(caught.value)
    assert "HANDSON11_DATA is not set" in text
    assert f"{place.cache} has no" in text
    assert refusing in text and "http://name-that-does-not-exist.invalid/" in text
    assert "refused" in text and text.count("the download: http://") == 2
    assert "How to get it" in text


def test_silent_mirrors_are_given_up_together(place, monkeypatch):
    monkeypatch.setattr(verified, "CONNECT_SECONDS", 0.5)
    with contextlib.ExitStack() as stack:
        mirrors = []
        for _ in range(4):
            silent = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            mirrors.append(f"http://127.0.0.1:{silent.getsockname()[1]}/")
        place.mirrors(*mirrors)
        start = time.monotonic()
        with pytest.raises(datasets.DataNotFoundError, match="no answer|Timeout"):
            load()
        assert time.monotonic() - start < 1.5  # four mirrors one after the other would take 2 seconds or more


def test_offline_asks_nobody(place, serve, monkeypatch):
    address, asked = serve(CONTENT)
    place.mirrors(address)
    monkeypatch.setenv("HANDSON11_OFFLINE", "1")
    with pytest.raises(datasets.DataNotFoundError, match="HANDSON11_OFFLINE is set"):
        load()
    assert asked == []
    monkeypatch.setenv("HANDSON11_OFFLINE", "0")
    assert_is_the_small_data_set(load())


def test_damaged_file_in_the_cache_is_named_removed_and_fetched(place, serve):
    address, asked = serve(CONTENT)
    place.mirrors(address)
    place.fill(place.cache, t10k_images_idx3=CONTENT["t10k-images-idx3-ubyte.gz"][:-7])
    with pytest.warns(datasets.DataFileWarning, match="t10k-images-idx3-ubyte.gz was damaged .* removed"):
        data = load()
    assert_is_the_small_data_set(data)
    assert asked == ["/t10k-images-idx3-ubyte.gz"]
    assert (place.cache / "t10k-images-idx3-ubyte.gz").read_bytes() == CONTENT["t10k-images-idx3-ubyte.gz"]


def test_damaged_file_in_the_cache_is_removed_even_offline(place, monkeypatch):
    monkeypatch.setenv("HANDSON11_OFFLINE", "1")
    place.fill(place.cache, train_labels_idx1=idx([9, 0, 0, 3, 2], 5))
    with (
        pytest.warns(datasets.DataFileWarning, match="train-labels"),
        pytest.raises(datasets.DataNotFoundError, match="train-labels-idx1-ubyte.gz was damaged"),
    ):
        load()
    assert place.cached() == [name for name in NAMES if "train-labels" not in name]


def test_damaged_file_of_the_user_is_named_and_left_alone(place):
    place.fill(place.own, train_labels_idx1=b"my own file")
    place.fill(place.cache)
    with pytest.warns(datasets.DataFileWarning, match="own.*train-labels-idx1-ubyte.gz is damaged"):
        assert_is_the_small_data_set(load())
    assert (place.own / "train-labels-idx1-ubyte.gz").read_bytes() == b"my own file"


def test_own_folder_without_files_is_named(place, monkeypatch):
    place.own.mkdir(parents=True)
    monkeypatch.setenv("HANDSON11_DATA", str(place.own.parent))
    monkeypatch.setenv("HANDSON11_OFFLINE", "1")
    with pytest.raises(datasets.DataNotFoundError, match="own.fashion-mnist.*cannot be read"):
        load()


def test_cache_that_cannot_be_written(place, serve):
    address, _ = serve(CONTENT)
    place.mirrors(address)
    place.cache.parent.mkdir(parents=True)
    place.cache.write_text("a file where the folder should be")
    with pytest.raises(datasets.DataNotFoundError, match="the download"):
        load()


def test_missing_pooch_is_named(place, monkeypatch):
    def not_there(name):
        raise ModuleNotFoundError("No module named 'pooch'")

    monkeypatch.setattr(verified, "cache_folder", not_there)
    with pytest.raises(datasets.DataNotFoundError, match="pooch is not installed"):
        load()


def test_cache_folder_of_the_system(monkeypatch):
    import pooch

    monkeypatch.delenv("HANDSON11_CACHE", raising=False)
    assert verified.cache_folder("some-data") == pooch.os_cache("handson11") / "some-data"


def test_states_change_nothing(place):
    place.fill(place.cache, train_labels_idx1=b"")
    (place.cache / NAMES[0]).unlink()
    states = fashion_mnist.FILES.states(place.cache)
    assert [states[name].split(" with ")[0] for name in NAMES] == ["missing", "ok", "ok", "0 bytes"]
    assert place.cached() == NAMES[1:]
    assert (
        "cannot be read" in VerifiedFiles("x", {place.cache.name: ""}, ()).states(place.cache.parent)[place.cache.name]
    )


def test_auto_falls_back_with_a_notice_nobody_can_overlook(place, refusing):
    place.mirrors(refusing)
    with pytest.warns(datasets.StandInWarning) as caught:
        data = datasets.load_fashion_mnist()
    text = str(caught[0].message)
    assert data.source == "stand-in"
    assert "THIS IS NOT FASHION-MNIST" in text and refusing in text and "How to get it" in text
    assert caught[0].filename == __file__


def test_command_that_fetches_the_data(place, serve, refusing, capsys):
    place.mirrors(refusing)
    assert fetch.main() == 1
    assert refusing in capsys.readouterr().out
    address, _ = serve(CONTENT)
    place.mirrors(address)
    assert fetch.main() == 0
    assert "at hand and verified" in capsys.readouterr().out
    assert place.cached() == NAMES


def test_stand_in_on_request_has_no_notice(place):
    place.fill(place.own)
    assert datasets.load_fashion_mnist("stand-in").source == "stand-in"


def test_arrays_are_read_only_and_the_record_is_short(place):
    place.fill(place.own)
    data = load()
    for part in ("x_train", "y_train", "x_validation", "y_validation", "x_test", "y_test"):
        with pytest.raises(ValueError, match="read-only"):
            getattr(data, part)[0] = 1
    assert repr(data) == ("FashionMNIST(source='fashion-mnist', train=3, validation=2, test=2, images of 28×28 uint8)")
    assert len(data.class_names) == len(data.class_names_ko) == 10
    assert (data.class_names[9], data.class_names_ko[9]) == ("Ankle boot", "앵클부츠")


@pytest.mark.parametrize(
    ("source", "error"), [("mnist", ValueError), ("", ValueError), (None, TypeError), (1, TypeError)]
)
def test_unknown_source(source, error):
    with pytest.raises(
        error, match=r"`source` must be one of \['auto', 'fashion-mnist', 'stand-in'\]. Received: source="
    ):
        datasets.load_fashion_mnist(source)


@pytest.mark.skipif(not REAL_DATA, reason="HANDSON11_DATA does not name the real data")
def test_the_real_data_set():
    data = datasets.load_fashion_mnist("fashion-mnist")
    assert data.x_train.shape == (55_000, 28, 28) and data.y_train.shape == (55_000,)
    assert data.x_validation.shape == (5_000, 28, 28) and data.y_validation.shape == (5_000,)
    assert data.x_test.shape == (10_000, 28, 28) and data.y_test.shape == (10_000,)
    labels = np.concatenate([data.y_train, data.y_validation])
    assert np.bincount(labels).tolist() == [6_000] * 10 and np.bincount(data.y_test).tolist() == [1_000] * 10
    assert (labels[:3].tolist(), labels[-3:].tolist()) == ([9, 0, 0], [3, 0, 5])  # as TensorFlow's tutorial prints them
    pixels = np.concatenate([data.x_train, data.x_validation])
    assert pixels.mean() / 255 == pytest.approx(0.2860, abs=5e-5)  # the constants in general use for normalising it
    assert pixels.std() / 255 == pytest.approx(0.3530, abs=5e-5)
