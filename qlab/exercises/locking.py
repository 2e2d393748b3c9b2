"""A lock between processes: the system releases it when its holder dies, so none is ever left behind."""

import contextlib
import sys
import time

LOCK_SECONDS = 5


@contextlib.contextmanager
def locked(folder):
    """Hold the folder's lock file. OSError where that fails for 5 seconds, or the folder cannot be written."""
    with open(folder / "progress.lock", "a+b") as file:
        give_up = time.monotonic() + LOCK_SECONDS
        while not _try_lock(file):
            if time.monotonic() > give_up:
                raise TimeoutError("another kernel holds the progress file")
            time.sleep(0.01)
        yield  # closing the file, or the end of the process, releases the lock


def _try_lock(file):
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True
