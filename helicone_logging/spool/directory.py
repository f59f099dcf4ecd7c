"""The directory that `spool_path` names: private, made when the first record comes, and never anybody else's."""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import BinaryIO, NamedTuple

from helicone_logging.core import check, clock
from helicone_logging.errors import ConfigurationError

_NAME = re.compile(r"(\d{1,20})-(\d{1,10})-[0-9a-f]{8}\.segment")
_SQLITE = b"SQLite format 3\0"
_OTHERS = 0o077
# None of them follows a link or waits, as opening a FIFO would.
_FLAGS = sum(getattr(os, f"O_{name}", 0) for name in ("NOFOLLOW", "NONBLOCK", "BINARY", "CLOEXEC", "NOINHERIT"))


class File(NamedTuple):
    """A file that has the name of a segment."""

    path: str
    size: int
    pid: int  # of the process that made it, in the container that it ran in


class Directory:
    """Where segments are; it need not exist yet.

    Args:
        path: of the directory.
        any_owner: True for commands, which root may run for the user whose directory it is.

    Raises:
        ConfigurationError: there is something else, or it is somebody else's.
    """

    def __init__(self, path: str, *, any_owner: bool = False) -> None:
        self.path = os.path.abspath(path)
        self._any_owner = any_owner
        self._owner()

    def exists(self) -> bool:
        """Returns whether anybody has made it yet."""
        return os.path.isdir(self.path)

    def prepare(self) -> None:
        """Makes it, with its parents, or closes it to others where it was open; or raises an `OSError`."""
        os.makedirs(os.path.dirname(self.path), exist_ok=True)
        try:
            os.mkdir(self.path, 0o700)
            os.chmod(self.path, 0o700)  # the umask may forbid even that
        except FileExistsError:
            pass
        self._owner_now()
        _close_to_others(self.path, os.lstat(self.path))

    def _owner_now(self) -> int | None:
        try:
            return self._owner()
        except ConfigurationError as error:  # something else has taken its place
            raise PermissionError(0, str(error)) from error

    def _owner(self) -> int | None:
        """Returns whose it is; None while it does not exist."""
        try:
            found = os.lstat(self.path)
        except FileNotFoundError:
            return None
        except OSError as error:
            check.refuse("spool_path", self.path, f"{error.strerror}; name another directory")
        if stat.S_ISLNK(found.st_mode):
            check.refuse("spool_path", self.path, "it is a symbolic link; name a directory, such as one inside it")
        if stat.S_ISREG(found.st_mode) and _begins_with(self.path, _SQLITE):
            what = "it is a queue of a version before this one; drain it with that version or delete it"
            check.refuse("spool_path", self.path, f"{what}, and name a directory")
        if not stat.S_ISDIR(found.st_mode):
            check.refuse("spool_path", self.path, "it is not a directory; name one, which is made if it does not exist")
        if not (self._any_owner or found.st_uid == _own_user()):
            check.refuse("spool_path", self.path, "it belongs to another user; name a directory inside it, or your own")
        return found.st_uid

    def files(self) -> list[File]:
        """Returns the regular files that have the name of a segment, oldest first."""
        try:
            with os.scandir(self.path) as entries:
                return sorted(_segments(entries))
        except FileNotFoundError:
            return []

    def create(self) -> tuple[str, int]:
        """Creates a file for its owner only, whatever the umask, and returns its path and descriptor."""
        # The random part is for containers, where process ids are the same.
        name = f"{clock.time_ns()}-{os.getpid()}-{os.urandom(4).hex()}.segment"
        path = os.path.join(self.path, name)
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL | _FLAGS, 0o600)
        if os.chmod in os.supports_fd:  # by its path, another process may have deleted it as an empty orphan meanwhile
            os.chmod(descriptor, 0o600)
        return path, descriptor

    def open(self, path: str) -> int:
        """Opens a file of the directory's owner and returns its descriptor, or raises an `OSError`."""
        descriptor = os.open(path, os.O_RDWR | os.O_APPEND | _FLAGS)
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode) or found.st_uid != self._owner_now():
            os.close(descriptor)
            raise PermissionError(0, "it is no file of the directory's owner")
        _close_to_others(descriptor, found)
        return descriptor


def reading(path: str) -> BinaryIO:
    """Opens a file to read it."""
    return open(os.open(path, os.O_RDONLY | _FLAGS), "rb")


def is_at(path: str, descriptor: int) -> bool:
    """Returns whether a file is still where it was opened, as far as can be known: others may have deleted it."""
    try:
        return os.path.samestat(os.lstat(path), os.fstat(descriptor))
    except OSError as error:
        return not isinstance(error, FileNotFoundError | NotADirectoryError)


def _segments(entries: Iterator[os.DirEntry[str]]) -> Iterator[File]:
    for entry in entries:
        named = _NAME.fullmatch(entry.name)
        with suppress(FileNotFoundError):
            if named is not None and entry.is_file(follow_symlinks=False):
                yield File(entry.path, entry.stat(follow_symlinks=False).st_size, int(named[2]))


def _close_to_others(target: str | int, found: os.stat_result) -> None:
    if found.st_mode & _OTHERS and sys.platform != "win32":  # where all files seem to be open
        os.chmod(target, stat.S_IMODE(found.st_mode) & ~_OTHERS)


def _begins_with(path: str, magic: bytes) -> bool:
    try:
        with reading(path) as file:
            return file.read(len(magic)) == magic
    except OSError:
        return False


def _own_user() -> int:
    """As `os.stat` has it, which is 0 for every file on Windows."""
    user = 0
    if sys.platform != "win32":
        user = os.geteuid()
    return user
