"""Run a command that cannot reach any network: python tests/no_network.py COMMAND [ARGUMENT ...]

On Linux the command runs in an empty network namespace, where only the machine talks to itself. Where the system has
no such thing or forbids it, the command runs with ``HANDSON11_OFFLINE=1`` alone, and a line says so.
"""

import os
import shutil
import socket
import struct
import subprocess
import sys

INSIDE = "HANDSON11_INSIDE_NAMESPACE"
NAMESPACE = ["unshare", "--user", "--map-root-user", "--net"]


def raise_loopback():
    """Bring up the loopback device of the new namespace: Jupyter kernels talk to their client through it."""
    import fcntl

    get_flags, set_flags, up = 0x8913, 0x8914, 0x1
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sH14s", b"lo", 0, b"")
        flags = struct.unpack("16sH14s", fcntl.ioctl(handle, get_flags, request))[1]
        fcntl.ioctl(handle, set_flags, struct.pack("16sH14s", b"lo", flags | up, b""))


def main(command):
    """Run ``command`` and return its exit code."""
    if not command:
        sys.exit(__doc__)
    if os.environ.pop(INSIDE, None):
        raise_loopback()
        os.execvp(command[0], command)
    os.environ["HANDSON11_OFFLINE"] = "1"
    possible = shutil.which("unshare") and subprocess.run([*NAMESPACE, "true"], capture_output=True).returncode == 0
    if possible:
        os.environ[INSIDE] = "1"
        command = [*NAMESPACE, sys.executable, __file__, *command]
    else:
        print("No network namespace here: running with HANDSON11_OFFLINE=1 only.", flush=True)
    return subprocess.run(command).returncode


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
