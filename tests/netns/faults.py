# SPDX-License-Identifier: Apache-2.0
"""System calls of a daemon that fail, by strace: the N-th of a kind in each thread, or all from there on."""

import os
import re
import subprocess
from collections import Counter

from network import end

# With which errors calls fail, in turn. Those of a file mean a disk that is full or broken.
ERRORS = {
    "accept4": ["EMFILE"],
    "bind": ["ENOMEM"],
    "bpf": ["ENOMEM", "EPERM"],
    "brk": ["ENOMEM"],
    "clone3": ["EAGAIN"],
    "epoll_create1": ["EMFILE"],
    "epoll_ctl": ["ENOSPC"],
    "eventfd2": ["EMFILE"],
    "fallocate": ["ENOSPC"],
    "fcntl": ["EMFILE"],
    "fdatasync": ["EIO"],
    "fsync": ["EIO"],
    "ftruncate": ["EIO"],
    "getsockname": ["ENOBUFS"],
    "getsockopt": ["ENOBUFS"],
    "ioctl": ["EPERM"],
    "mkdir": ["ENOSPC"],
    "mmap": ["ENOMEM"],
    "mprotect": ["ENOMEM"],
    "newfstatat": ["EIO"],
    "openat": ["EMFILE", "EACCES"],
    "pread64": ["EIO"],
    "pwrite64": ["ENOSPC", "EIO"],
    "read": ["EIO"],
    "recvfrom": ["ENOBUFS"],
    "recvmsg": ["ENOBUFS"],
    "rename": ["EIO"],
    "rmdir": ["EBUSY"],
    "sendmsg": ["ENOBUFS"],
    "sendto": ["EPIPE"],
    "setns": ["EPERM"],
    "setsockopt": ["ENOMEM"],
    "socket": ["EMFILE"],
    "unlink": ["EBUSY"],
    "unshare": ["EPERM"],
    "write": ["ENOSPC"],
}

# They do not fail when they are given what they are given, or nobody could say what should become of it. What close()
# is asked for is done whatever it answers, which strace cannot play; dup3() replaces a descriptor that is open.
SURE = {"close", "dup3", "exit", "exit_group", "epoll_wait", "faccessat2", "futex", "getpid", "gettid", "getuid", "geteuid",
        "getrandom", "lseek", "madvise", "munmap", "poll", "restart_syscall", "rseq", "rt_sigprocmask",
        "rt_sigtimedwait", "sched_yield", "set_robust_list", "shutdown", "timerfd_settime", "uname", "clock_nanosleep",
        "sched_getaffinity", "gettimeofday"}


def errors_of(call):
    """Libraries make calls that are not in the list now and then; that there is no memory can be said of most."""
    return ERRORS.get(call, ["ENOMEM"])


class Strace:
    """Follows all threads of a daemon while it is entered; `lines` are what they did then."""

    def __init__(self, daemon, *options):
        self.daemon = daemon
        self.file = daemon.folder / "strace"
        self.options = options
        self.lines = []

    def __enter__(self):
        self.process = subprocess.Popen(["strace", "-f", "-o", self.file, *self.options, "-p",
                                         str(self.daemon.pid)], stderr=subprocess.PIPE, text=True,
                                        start_new_session=True)
        said = self.process.stderr.readline()
        assert "attached" in said, said
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.terminate()  # it lets go of the daemon first
            try:
                self.process.wait(10)
            finally:
                end(self.process)
        self.process.stderr.close()
        self.lines = self.file.read_text(errors="replace").splitlines()

    def calls(self):
        """How often each call was made in the thread that made it most often."""
        made = Counter(tuple(line.split("(", 1)[0].split()) for line in self.lines
                       if re.match(r"\d+ +[a-z_0-9]+\(", line))
        most = Counter()
        for (_, call), count in made.items():
            most[call] = max(most[call], count)
        return {call: count for call, count in most.items() if call not in SURE}


class Fault(Strace):
    """The `first`-th call of this name fails in each thread, or with `forever` all from there on."""

    def __init__(self, daemon, call, error, first, forever=False):
        when = f"{first}+" if forever else str(first)
        super().__init__(daemon, "-e", f"trace={call}", "-e", f"inject={call}:error={error}:when={when}")
        self.name = f"{call}, {error}, when={when}"
        self.error = error

    def injected(self):
        return [line for line in self.lines if "(INJECTED)" in line]

    def reason(self):
        return os.strerror(getattr(__import__("errno"), self.error))
