"""Work side by side: results in their order, no error is lost, and threads share what memory they have."""
import os
import subprocess
import sys
from pathlib import Path

import pytest
from threadpoolctl import threadpool_info, threadpool_limits

from models.threads import both, chunks, one_blas_thread, side_by_side


def test_results_come_in_the_order_of_the_parts():
    assert side_by_side(lambda at: list(range(at.start, at.stop)), chunks(7, 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert both(lambda: "one", lambda: 2) == ("one", 2)


@pytest.mark.parametrize("place", [0, 1])
def test_an_error_of_either_is_raised(place):
    def fails():
        raise ValueError("of one")
    with pytest.raises(ValueError, match="of one"):
        both(*((fails, int) if place == 0 else (int, fails)))


def blas():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def test_blas_has_one_thread_until_the_last_that_wants_it_has_ended():
    with threadpool_limits(2, user_api="blas"):
        one, other = one_blas_thread(), one_blas_thread()
        one.__enter__()
        other.__enter__()
        one.__exit__(None, None, None)
        assert blas() == {1}
        other.__exit__(None, None, None)
        assert blas() == {2}
        with pytest.raises(ValueError, match="of a night"), one_blas_thread():
            raise ValueError("of a night")
        assert blas() == {2}


#: Eight threads at once hold a little memory each; then the GNU C library is asked how many heaps it made.
HEAPS = """
import ctypes, threading
from flows import runtime
runtime.prepare()
libc, here = ctypes.CDLL(None), threading.Barrier(8)
libc.malloc.restype, libc.fopen.restype, libc.malloc_info.argtypes = ctypes.c_void_p, ctypes.c_void_p, (ctypes.c_int, ctypes.c_void_p)
threads = [threading.Thread(target=lambda: (libc.malloc(1000), here.wait())) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
libc.fflush.argtypes = libc.fclose.argtypes = (ctypes.c_void_p,)
out = libc.fopen(b"/dev/stdout", b"w")
libc.malloc_info(0, out)
libc.fclose(out)
"""


@pytest.mark.skipif(sys.platform != "linux" or "glibc" not in os.confstr("CS_GNU_LIBC_VERSION"), reason="heaps are the GNU C library's")
@pytest.mark.parametrize(("said", "heaps"), [({}, {1, 2}), ({"MALLOC_ARENA_MAX": "6"}, {3, 4, 5, 6})])
def test_all_threads_of_a_process_share_two_heaps_where_nobody_said_otherwise(said, heaps):
    env = {k: v for k, v in os.environ.items() if k != "MALLOC_ARENA_MAX"} | said
    told = subprocess.run([sys.executable, "-c", HEAPS], env=env, cwd=Path(__file__).parents[1], capture_output=True, text=True, check=True).stdout
    assert told.count("<heap nr=") in heaps
