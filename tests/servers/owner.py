"""Who runs Debian's servers, and when they end."""

import ctypes
import os
import pwd

PR_SET_PDEATHSIG = 1


def owner() -> pwd.struct_passwd:
    """Some refuse to run as root, and Debian's packages made a user for them."""
    return pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())


def end_with(end: int):
    """For `preexec_fn`: the server gets the signal `end` when this process ends, however it does."""
    return lambda: ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, end)


def as_owner(end: int):
    """The same, as its owner."""
    user, arrange = owner(), end_with(end)

    def become() -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        arrange()

    return become
