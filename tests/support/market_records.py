"""Records of one market as Gamma and the CLOB would give them: made up, in the venue's shapes."""

import orjson

UP, DOWN = "7" * 77, "5" * 76
CONDITION = "0x" + "ab" * 32
START_S = 1_791_241_200


def gamma_record(**changes):
    """Gamma's record of a 15m window; a change of None leaves the key out."""
    record = {
        "slug": f"btc-updown-15m-{START_S}",
        "conditionId": CONDITION,
        "clobTokenIds": f'["{UP}", "{DOWN}"]',
        "outcomes": '["Up", "Down"]',
        "outcomePrices": '["0.5", "0.5"]',
        "eventStartTime": "2026-10-05T23:00:00Z",
        "endDate": "2026-10-05T23:15:00Z",
        "active": True,
        "closed": False,
        "acceptingOrders": True,
        "enableOrderBook": True,
        "orderPriceMinTickSize": 0.01,
        "orderMinSize": 5,
        "negRisk": False,
        "feesEnabled": True,
        "feeSchedule": {"exponent": 1, "rate": 0.07, "takerOnly": True, "rebateRate": 0.2},
        "resolutionSource": "https://data.chain.link/streams/btc-usd-twap-60s-streams",
        "cryptoMarketConfig": {
            "asset": "btc",
            "duration": "15m",
            "twapEnabled": True,
            "twapLookbackSeconds": 60,
        },
        "version": "v1",
    }
    return {key: value for key, value in (record | changes).items() if value is not None}


def clob_record(**changes):
    """The CLOB's record of the same market; a change of None leaves the key out."""
    record = {
        "c": CONDITION,
        "t": [{"t": UP, "o": "Up"}, {"t": DOWN, "o": "Down"}],
        "mos": 5,
        "mts": 0.01,
        "ao": True,
        "itode": True,
        "fd": {"r": 0.07, "e": 1, "to": True},
        "v": "v1",
    }
    return {key: value for key, value in (record | changes).items() if value is not None}


def body(record):
    """Write a record as it comes over the wire."""
    return orjson.dumps(record)
