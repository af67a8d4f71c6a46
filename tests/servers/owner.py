"""Who runs Debian's servers: they refuse to run as root, and Debian's packages made a user for them."""

import ctypes
import os
import pwd

PR_SET_PDEATHSIG = 1


def owner() -> pwd.struct_passwd:
    return pwd.getpwnam("postgres") if os.getuid() == 0 else pwd.getpwuid(os.getuid())


def as_owner(end: int):
    """For `preexec_fn`: becomes the owner, and gets the signal `end` when this process ends, however it does."""

    user = owner()

    def become() -> None:
        if os.getuid() == 0:
            os.setgroups([])
            os.setgid(user.pw_gid)
            os.setuid(user.pw_uid)
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, end)

    return become
