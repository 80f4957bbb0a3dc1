"""Files that are used only if their SHA-256 is the published one: from a folder, the cache or a download."""

import contextlib
import hashlib
import os
import threading
import time
import warnings
from dataclasses import dataclass
from pathlib import Path

CONNECT_SECONDS = 4  # to reach a mirror at all; the mirrors are asked at the same time
READ_SECONDS = 10  # without a single byte from a mirror that answered


class DataFileWarning(UserWarning):
    """A data file was found damaged and was not used."""


class DataNotFoundError(RuntimeError):
    """No source had the data; the text lists every place that was tried and why it failed."""


def offline():
    """Return True if ``HANDSON11_OFFLINE`` asks for no network (set, and neither empty nor 0)."""
    return os.environ.get("HANDSON11_OFFLINE", "") not in ("", "0")


def user_folder(name):
    """Return the folder ``$HANDSON11_DATA/<name>``, or None if the variable is not set."""
    root = os.environ.get("HANDSON11_DATA")
    return Path(root).expanduser() / name if root else None


def cache_folder(name):
    """Return the folder of the downloads: ``$HANDSON11_CACHE/<name>`` or the usual cache of this system."""
    root = os.environ.get("HANDSON11_CACHE")
    if not root:
        import pooch

        root = pooch.os_cache("handson11")
    return Path(root).expanduser() / name


@dataclass(frozen=True)
class VerifiedFiles:
    """A set of files with known SHA-256 sums that together make one data set.

    Attributes
    ----------
    name : str
        The folder's name, for example ``"fashion-mnist"``.
    sums : dict
        File name → SHA-256 in hexadecimal.
    mirrors : tuple of str
        Addresses of folders that hold the files, best first.
    """

    name: str
    sums: dict
    mirrors: tuple

    def read(self):
        """Return a dict of file name → bytes, every file verified; otherwise raise `DataNotFoundError`.

        The order is the user's folder, the cache, the mirrors. A damaged file is named in a warning. In the cache it
        is removed and fetched again; in the user's own folder it stays, and the whole folder is passed over.
        """
        tried = []
        for source in (self._read_user_folder, self._read_cache):
            content = source(tried)
            if content is not None:
                return content
        raise DataNotFoundError("\n".join(f"  - {line}" for line in tried))

    def problem(self, name, content):
        """Return what is wrong with the bytes of file ``name``, or None if its SHA-256 is the published one."""
        found = hashlib.sha256(content).hexdigest()
        if found == self.sums[name]:
            return None
        return f"{len(content):,} bytes with SHA-256 {found[:12]}… instead of {self.sums[name][:12]}…"

    def states(self, folder):
        """Return a dict of file name → ``"ok"``, ``"missing"`` or the problem, without changing anything."""
        return {name: self._state(name, folder / name) for name in self.sums}

    def _state(self, name, path):
        try:
            return self.problem(name, path.read_bytes()) or "ok"
        except FileNotFoundError:
            return "missing"
        except OSError as error:
            return f"cannot be read ({error.strerror})"

    def _read_user_folder(self, tried):
        folder = user_folder(self.name)
        if folder is None:
            tried.append("your own folder: HANDSON11_DATA is not set")
            return None
        content = {}
        for name in self.sums:
            path = folder / name
            try:
                content[name] = path.read_bytes()
            except OSError as error:
                tried.append(f"your own folder: {path} cannot be read ({error.strerror})")
                return None
            problem = self.problem(name, content[name])
            if problem:
                tried.append(f"your own folder: {path} is damaged ({problem})")
                warnings.warn(f"{path} is damaged ({problem}) and is not used.", DataFileWarning, stacklevel=4)
                return None
        return content

    def _read_cache(self, tried):
        try:
            folder = cache_folder(self.name)
        except ImportError:
            tried.append("the cache and the download: the package pooch is not installed")
            return None
        content, missing = {}, []
        for name in self.sums:
            path = folder / name
            try:
                content[name] = path.read_bytes()
            except OSError:
                missing.append(name)
                continue
            problem = self.problem(name, content[name])
            if problem:
                _remove(path)
                tried.append(f"the cache: {path} was damaged ({problem}) and has been removed")
                warnings.warn(f"{path} was damaged ({problem}) and has been removed.", DataFileWarning, stacklevel=4)
                missing.append(name)
        if not missing:
            return content
        tried.append(f"the cache: {folder} has no {', '.join(missing)}")
        if offline():
            tried.append("the download: not tried, because HANDSON11_OFFLINE is set")
            return None
        downloaded = self._download(missing, folder, tried)
        return None if downloaded is None else {name: (content | downloaded)[name] for name in self.sums}

    def _download(self, names, folder, tried):
        """Fetch ``names`` into ``folder``; a mirror that fails once is not asked again."""
        mirrors = self._reachable(names[0], tried)
        content = {}
        for name in names:
            while mirrors:
                try:
                    content[name] = self._fetch(mirrors[0], name, folder)
                    break
                except (OSError, ValueError) as error:
                    tried.append(f"the download: {mirrors[0]}{name}: {_short(error)}")
                    mirrors = mirrors[1:]
            else:
                return None
        return content

    def _fetch(self, mirror, name, folder):
        """Download one file. It gets its name in the cache only after its sum was found right."""
        import pooch

        downloader = pooch.HTTPDownloader(progressbar=True, timeout=(CONNECT_SECONDS, READ_SECONDS))
        path = pooch.retrieve(mirror + name, f"sha256:{self.sums[name]}", name, folder, downloader=downloader)
        return Path(path).read_bytes()

    def _reachable(self, name, tried):
        """Ask all mirrors at once for ``name`` and return those that answer in time, in their order."""
        import requests

        answers = {}

        def ask(mirror):
            try:
                requests.head(mirror + name, timeout=CONNECT_SECONDS)
                answers[mirror] = None
            except OSError as error:
                answers[mirror] = _short(error)

        threads = [threading.Thread(target=ask, args=(mirror,), daemon=True) for mirror in self.mirrors]
        for thread in threads:
            thread.start()
        deadline = time.monotonic() + CONNECT_SECONDS
        for thread in threads:
            thread.join(max(0, deadline - time.monotonic()))
        failures = {mirror: answers.get(mirror, f"no answer within {CONNECT_SECONDS} s") for mirror in self.mirrors}
        tried.extend(f"the download: {mirror}: {failure}" for mirror, failure in failures.items() if failure)
        return [mirror for mirror, failure in failures.items() if not failure]


def _remove(path):
    with contextlib.suppress(OSError):  # a cache that cannot be written: the file stays, and is still not used
        path.unlink()


def _short(error):
    """Return the error's kind and the end of its chain of causes, on one line of at most 200 characters."""
    text = " ".join(str(error).split()).rpartition("Caused by ")[2]
    return f"{type(error).__name__}: {text[:200]}{'…' if len(text) > 200 else ''}"
