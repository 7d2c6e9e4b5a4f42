"""A named tuple that is filled at once is the one that its constructor makes."""

from polymm.domain.order import Place, Side, Token
from polymm.domain.tuples import filled


def test_it_is_the_same_but_for_the_way_it_is_made() -> None:
    fields = 7, "btc-updown-5m-1776808500", Token.DOWN, Side.BUY, 4_700, 20_000_000
    place = filled(Place, fields)
    assert type(place) is Place
    assert place == Place(*fields)
    assert place.up_price_e4 == 5_300
