"""Holds a site's folder and its port for one server, from before PySyft is loaded until it ends.

The lock is the kernel's: it ends with the process, however that ends, so nothing stale remains. The
port is bound here, at once, because PySyft would find out after seconds and then say nothing.
"""

import errno
import fcntl
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from securefed.errors import PortTaken, SiteFolderOpen, SiteInUse, StorageFailed

_LOCK = "serving.lock"


@contextmanager
def held_folder(folder: Path) -> Iterator[None]:
    """The folder, private to this account and served by nobody else."""
    check_folder(folder)
    path = folder / _LOCK
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise StorageFailed(f"Cannot lock: {error.strerror}", where=str(path)) from error
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SiteInUse("This site is being served already", where=str(folder)) from None
        yield
    finally:
        os.close(descriptor)


def is_held(folder: Path) -> bool:
    """Whether a server holds the folder. It is asked by a shared lock, for an instant."""
    try:
        descriptor = os.open(folder / _LOCK, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    except OSError as error:
        raise StorageFailed(f"Cannot look: {error.strerror}", where=str(folder)) from error
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(descriptor)
    return False


@contextmanager
def bound_port(host: str, port: int) -> Iterator[socket.socket]:
    """A socket at the address; port 0 takes a free one."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as bound:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            bound.bind((host, port))
            bound.listen()
        except (OSError, OverflowError) as error:
            raise _port_failure(error, f"{host}:{port}") from error
        yield bound


def check_folder(folder: Path) -> None:
    """Refuses a folder that other accounts can enter."""
    try:
        status = folder.stat()
    except OSError as error:
        raise StorageFailed(f"Cannot enter: {error.strerror}", where=str(folder)) from error
    if status.st_uid != os.geteuid():
        raise SiteFolderOpen("The folder belongs to another account", where=str(folder))
    if status.st_mode & 0o077:
        mode = status.st_mode & 0o777
        raise SiteFolderOpen(f"Others can enter: its mode is {mode:04o}", where=str(folder))


def _port_failure(error: OSError | OverflowError, where: str) -> PortTaken:
    number = error.errno if isinstance(error, OSError) else None
    if number == errno.EADDRINUSE:
        return PortTaken("Something else listens there", where=where)
    if number == errno.EACCES:
        return PortTaken("This account may not listen there", where=where)
    return PortTaken("This machine cannot listen there", where=where)
