"""Work side by side: results in their order, and no error is lost."""
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
