"""Work side by side: results in their order, and no error is lost."""
import pytest

from models.threads import both, chunks, side_by_side


def test_results_come_in_the_order_of_the_parts():
    assert side_by_side(lambda at: list(range(at.start, at.stop)), chunks(7, 3)) == [[0, 1, 2], [3, 4, 5], [6]]
    assert both(lambda: "one", lambda: 2) == ("one", 2)


@pytest.mark.parametrize("place", [0, 1])
def test_an_error_of_either_is_raised(place):
    def fails():
        raise ValueError("of one")
    with pytest.raises(ValueError, match="of one"):
        both(*((fails, int) if place == 0 else (int, fails)))
