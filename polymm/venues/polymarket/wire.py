"""Every literal of Polymarket's wire: chains, contracts, type strings, keys of messages, limits.

Client and local exchange share this module and nothing else of the protocol, so that two readings
of one document check each other. Each block names its source in the protocol notes
of this project, read 2026-11-23.
"""

from enum import IntEnum
from types import MappingProxyType
from typing import Final, NamedTuple

# Services (README of the notes). Where a local exchange serves instead, it says so itself.
CLOB_URL: Final = "https://clob.polymarket.com"
WS_MARKET_URL: Final = "wss://ws-subscriptions-clob.polymarket.com/ws/market"
WS_USER_URL: Final = "wss://ws-subscriptions-clob.polymarket.com/ws/user"
GAMMA_URL: Final = "https://gamma-api.polymarket.com"
DATA_URL: Final = "https://data-api.polymarket.com"
RELAYER_URL: Final = "https://relayer-v2.polymarket.com"
PRICES_URL: Final = "wss://ws-live-v2.polymarket.com/ws"
RTDS_URL: Final = "wss://ws-live-data.polymarket.com"
RPC_URL: Final = "https://polygon-rpc.com"
SITE_URL: Final = "https://polymarket.com"
# A local exchange is all of them at one address, told apart by path.
LOCAL_SERVICES: Final = MappingProxyType(
    {
        "clob": ("http", ""),
        "ws_market": ("ws", "/ws/market"),
        "ws_user": ("ws", "/ws/user"),
        "gamma": ("http", "/gamma"),
        "data": ("http", "/data-api"),
        "relayer": ("http", "/relayer"),
        "prices": ("ws", "/ws/prices"),
        "rtds": ("ws", "/ws/rtds"),
        "rpc": ("http", "/rpc"),
    }
)

# Chains (signing notes 1 and 3).
POLYGON: Final = 137
AMOY: Final = 80002

# The market's own `version` alone decides which exchange signs for it (README.md, "what surprises
# people" 1). Another value is refused.
MARKET_V1: Final = "v1"
MARKET_V2: Final = "v2"

# (chain id, market version, neg-risk) -> exchange contract (signing notes 3). In v2 markets
# neg-risk changes nothing.
_V1 = "0xE111180000d2663C0091e4f400237545B87B996B"
_V1_NEG_RISK = "0xe2222d279d744050d28e00520010520000310F59"
_V2 = "0xe3333700cA9d93003F00f0F71f8515005F6c00Aa"
_V2_AMOY = "0x9fE6e61422AdB6F610d8597F9684b16912D50C3D"
EXCHANGES: Final = MappingProxyType(
    {
        (POLYGON, MARKET_V1, False): _V1,
        (POLYGON, MARKET_V1, True): _V1_NEG_RISK,
        (POLYGON, MARKET_V2, False): _V2,
        (POLYGON, MARKET_V2, True): _V2,
        (AMOY, MARKET_V1, False): _V1,
        (AMOY, MARKET_V1, True): _V1_NEG_RISK,
        (AMOY, MARKET_V2, False): _V2_AMOY,
        (AMOY, MARKET_V2, True): _V2_AMOY,
    }
)

# Orders (signing notes 3). The type string is hashed, so its spelling is part of every signature.
EXCHANGE_DOMAIN_NAME: Final = "Polymarket CTF Exchange"
EXCHANGE_DOMAIN_VERSIONS: Final = MappingProxyType({MARKET_V1: "2", MARKET_V2: "3"})
ORDER_TYPE: Final = (
    "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,"
    "uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,"
    "bytes32 builder)"
)
ZERO_BYTES32: Final = "0x" + "00" * 32
SALT_BITS: Final = 53  # A JSON number must hold it.


class SignatureType(IntEnum):
    """Who signs for which kind of wallet (signing notes 6)."""

    EOA = 0  # the key's own address holds the funds
    POLY_PROXY = 1  # e-mail wallets
    POLY_GNOSIS_SAFE = 2
    POLY_1271 = 3  # deposit wallets: the wallet is the signer, its owner's key signs for it


# A deposit wallet's signature: ERC-7739 nested typed data (signing notes 3, "Type 3").
WRAP_TYPE: Final = (
    "TypedDataSign(Order contents,string name,string version,uint256 chainId,"
    "address verifyingContract,bytes32 salt)"
) + ORDER_TYPE
DEPOSIT_WALLET_NAME: Final = "DepositWallet"
DEPOSIT_WALLET_VERSION: Final = "1"

# L1 authentication (signing notes 1).
AUTH_DOMAIN_NAME: Final = "ClobAuthDomain"
AUTH_DOMAIN_VERSION: Final = "1"
AUTH_TYPE: Final = "ClobAuth(address address,string timestamp,uint256 nonce,string message)"
AUTH_MESSAGE: Final = "This message attests that I control the given wallet"

# Headers of L1 and L2 requests (signing notes 1 and 2).
HEADER_ADDRESS: Final = "POLY_ADDRESS"
HEADER_SIGNATURE: Final = "POLY_SIGNATURE"
HEADER_TIMESTAMP: Final = "POLY_TIMESTAMP"
HEADER_NONCE: Final = "POLY_NONCE"
HEADER_API_KEY: Final = "POLY_API_KEY"
HEADER_PASSPHRASE: Final = "POLY_PASSPHRASE"

# Bodies of orders (signing notes 5).
SIDES: Final = ("BUY", "SELL")  # by the number that is signed
GTC: Final = "GTC"
GTD: Final = "GTD"
FOK: Final = "FOK"
FAK: Final = "FAK"
ORDER_TYPES: Final = (GTC, GTD, FOK, FAK)
RESTING_ORDER_TYPES: Final = (GTC, GTD)  # only these may be post-only

# Order entry and the account (rest notes 2 to 6).
TIME_PATH: Final = "/time"
VERSION_PATH: Final = "/version"
EXCHANGE_GENERATION: Final = 2  # of v1 markets and of v2 markets alike
CREATE_KEY_PATH: Final = "/auth/api-key"
DERIVE_KEY_PATH: Final = "/auth/derive-api-key"
CLOSED_ONLY_PATH: Final = "/auth/ban-status/closed-only"
ORDER_PATH: Final = "/order"
ORDERS_PATH: Final = "/orders"
CANCEL_ALL_PATH: Final = "/cancel-all"
CANCEL_MARKET_PATH: Final = "/cancel-market-orders"
OPEN_ORDER_PATH: Final = "/data/order/{order_id}"
OPEN_ORDERS_PATH: Final = "/data/orders"
TRADES_PATH: Final = "/data/trades"
BALANCE_PATH: Final = "/balance-allowance"
BALANCE_UPDATE_PATH: Final = "/balance-allowance/update"
HEARTBEAT_PATH: Final = "/v1/heartbeats"
TIER_PATH: Final = "/v1/user/rate-limit-tier"
REBATES_PATH: Final = "/rebates/current"
GEOBLOCK_PATH: Final = "/api/geoblock"
BATCH_MAX: Final = 15
CANCELS_MAX: Final = 1_000
CURSOR_FIRST: Final = "MA=="
CURSOR_END: Final = "LTE="
COLLATERAL: Final = "COLLATERAL"
# What a balance is asked for, by the market's version.
CONDITIONAL: Final = MappingProxyType({MARKET_V1: "CONDITIONAL", MARKET_V2: "CONDITIONAL-V2"})
ORDER_STATUS_PREFIX: Final = "ORDER_STATUS_"
TRADE_STATUS_PREFIX: Final = "TRADE_STATUS_"
HEARTBEAT_EVERY_S: Final = 5
HEARTBEAT_LIMIT_S: Final = 10  # without a valid beat for so long, the venue cancels everything

# Token buckets (rest notes 6), as headers and by tier.
HEADER_REMAINING: Final = "Poly-RateLimit-Remaining"
HEADER_RESET: Final = "Poly-RateLimit-Reset"
HEADER_TIER: Final = "Poly-RateLimit-Tier"
HEADER_WARNING: Final = "Poly-RateLimit-Warning"


class Tier(NamedTuple):
    """How fast one signer may go: tokens a second, and most at once.

    Args:
        in_debt: Whether the cancel bucket may go below zero.
    """

    name: str
    order_rate: int
    order_burst: int
    cancel_rate: int
    cancel_burst: int
    in_debt: bool


TIERS: Final = MappingProxyType(
    {
        tier.name: tier
        for tier in (
            Tier("standard", 40, 60, 80, 120, True),
            Tier("copper", 60, 90, 120, 180, True),
            Tier("bronze", 80, 120, 160, 240, True),
            Tier("silver", 200, 300, 400, 600, True),
            Tier("gold", 400, 600, 800, 1_200, True),
            Tier("platinum", 450, 675, 900, 1_350, False),
            Tier("diamond", 525, 787, 1_050, 1_575, False),
            Tier("elite", 600, 900, 1_200, 1_800, False),
        )
    }
)

# Wallets that are derived from the owner's address by CREATE2 (signing notes, last paragraph; init
# codes: polymarket-client 0.14.0, environments.py and _internal/wallet.py). Polygon only: no
# document names these contracts for Amoy.
PROXY_FACTORY: Final = "0xaB45c5A4B0c941a2F231C04C3f49182e1A254052"
PROXY_IMPLEMENTATION: Final = "0x44e999d5c2F66Ef0861317f9A4805AC2e90aEB4f"
# {0} is the factory, {1} the implementation, both without 0x.
PROXY_INIT_CODE: Final = (
    "3d3d606380380380913d393d73{0}5af4602a57600080fd5b602d8060366000396000f3"
    "363d3d373d3d3d363d73{1}5af43d82803e903d91602b57fd5bf3"
    "52e831dd" + "00" * 31 + "20" + "00" * 32
)
SAFE_FACTORY: Final = "0xaacFeEa03eb1561C4e67d661e40682Bd20E3541b"
SAFE_INIT_CODE_HASH: Final = "0x2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf"
DEPOSIT_WALLET_FACTORY: Final = "0x00000000000Fb5C9ADea0298D729A0CB3823Cc07"
DEPOSIT_WALLET_BEACON: Final = "0x7A18EDfe055488A3128f01F563e5B479D92ffc3a"
DEPOSIT_WALLET_IMPLEMENTATION: Final = "0x58CA52ebe0DadfdF531Cde7062e76746de4Db1eB"
# Solady's ERC-1967 proxies with 64 bytes of arguments (factory, owner as bytes32) behind the code;
# {0} is the beacon or the implementation, without 0x.
DEPOSIT_WALLET_BEACON_CODE: Final = (
    "6100923d8160233d3973{0}60195155f3363d3d373d3d363d602036600436635c60da"
    "1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"
    "b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"
)
DEPOSIT_WALLET_UUPS_CODE: Final = (
    "61007d3d8160233d3973{0}6009"
    "5155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"
    "cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"
)

# Contracts on Polygon beside the exchanges (onchain notes 1, after polymarket-client 0.14.0 and the
# page resources/contracts). All money has 6 decimals.
CONDITIONAL_TOKENS: Final = "0x4D97DCd97eC945f40cF65F87097ACe5EA0476045"
PUSD: Final = "0xC011a7E12a19f7B1f670d46F03B03f3342E82DFB"
# The CTF holds USDC.e under pUSD, and outcome ids are made with it: the page that says pUSD is
# wrong, as the ids of two real markets prove.
USDC_E: Final = "0x2791Bca1f2de4661ED88A30C99A7a9449Aa84174"
COLLATERAL_ADAPTER: Final = "0xAdA100Db00Ca00073811820692005400218FcE1f"
NEG_RISK_COLLATERAL_ADAPTER: Final = "0xadA2005600Dec949baf300f4C6120000bDB6eAab"
AUTO_REDEEMER: Final = "0xa1200000d0002264C9a1698e001292D00E1b00af"
POSITION_MANAGER: Final = "0x006F54F7f9A22e0000CC2AB60031000000ae9fEF"
ROUTER: Final = "0x12121212006e4CD160D18e3f00711DA5c3372600"
# Not used here, but polymarket-client 0.14.0 counts no wallet as ready that does not allow these.
BINARY_MODULE: Final = "0x1000008dD9001B968442c1000017eaE6E0dA00Ba"
NEG_RISK_MODULE: Final = "0x200000900045e3B6259600682756002200028933"
PERPS_DEPOSIT: Final = "0xDCa4af75705dbB50f62437045afF9921947917d2"
# The old adapter: no call of it is taken any more, but clients still ask it for balances.
NEG_RISK_ADAPTER: Final = "0xd91E80cF2E7be2e162c6513ceD06f1dD0dA35296"
SAFE_MULTISEND: Final = "0xA238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761"
RELAY_HUB: Final = "0xD216153c06E857cD7f72665E0aF1d7D82172F494"
ZERO_ADDRESS: Final = "0x0000000000000000000000000000000000000000"


class Function(NamedTuple):
    """A contract's function: the selector is the first four bytes of its signature's keccak-256."""

    signature: str
    selector: bytes


# Functions (onchain notes 3 to 5); the queries are ERC-20's and ERC-1155's own.
SPLIT_POSITION: Final = Function(
    "splitPosition(address,bytes32,bytes32,uint256[],uint256)", bytes.fromhex("72ce4275")
)
MERGE_POSITIONS: Final = Function(
    "mergePositions(address,bytes32,bytes32,uint256[],uint256)", bytes.fromhex("9e7212ad")
)
REDEEM_POSITIONS: Final = Function(
    "redeemPositions(address,bytes32,bytes32,uint256[])", bytes.fromhex("01b7037c")
)
ROUTER_SPLIT: Final = Function("split(bytes31,uint256)", bytes.fromhex("82d3b9f1"))
ROUTER_MERGE: Final = Function("merge(bytes31,uint256)", bytes.fromhex("5b63685e"))
ROUTER_REDEEM: Final = Function("redeem(bytes31,uint256,uint256)", bytes.fromhex("d217a3cc"))
APPROVE: Final = Function("approve(address,uint256)", bytes.fromhex("095ea7b3"))
SET_APPROVAL_FOR_ALL: Final = Function("setApprovalForAll(address,bool)", bytes.fromhex("a22cb465"))
ALLOWANCE: Final = Function("allowance(address,address)", bytes.fromhex("dd62ed3e"))
IS_APPROVED_FOR_ALL: Final = Function(
    "isApprovedForAll(address,address)", bytes.fromhex("e985e9c5")
)
ERC20_BALANCE_OF: Final = Function("balanceOf(address)", bytes.fromhex("70a08231"))
ERC1155_BALANCE_OF: Final = Function("balanceOf(address,uint256)", bytes.fromhex("00fdd58e"))
ERC1155_BALANCE_OF_BATCH: Final = Function(
    "balanceOfBatch(address[],uint256[])", bytes.fromhex("4e1273f4")
)
ERC20_TRANSFER: Final = Function("transfer(address,uint256)", bytes.fromhex("a9059cbb"))
ERC1155_TRANSFER: Final = Function(
    "safeTransferFrom(address,address,uint256,uint256,bytes)", bytes.fromhex("f242432a")
)
PAYOUT_DENOMINATOR: Final = Function("payoutDenominator(bytes32)", bytes.fromhex("dd34de67"))
PAYOUT_NUMERATORS: Final = Function("payoutNumerators(bytes32,uint256)", bytes.fromhex("0504c814"))
WALLET_NONCE: Final = Function("nonce()", bytes.fromhex("affed0e0"))
RELAY_HUB_NONCE: Final = Function("getNonce(address)", bytes.fromhex("2d0335ab"))
REVERT_REASON: Final = Function("Error(string)", bytes.fromhex("08c379a0"))
# The deposit wallets' factory gives its beacon; the function's name is not published.
FACTORY_BEACON_SELECTOR: Final = bytes.fromhex("49493a4d")
MULTI_SEND: Final = Function("multiSend(bytes)", bytes.fromhex("8d80ff0a"))
PROXY: Final = Function("proxy((uint8,address,uint256,bytes)[])", bytes.fromhex("34ee9791"))

# Relayer (onchain notes 5, after polymarket-client 0.14.0 and the page trading/gasless).
# Who asks: a relayer key, or a builder's with the HMAC of L2 requests under these names.
RELAYER_HEADER_KEY: Final = "RELAYER_API_KEY"
RELAYER_HEADER_ADDRESS: Final = "RELAYER_API_KEY_ADDRESS"
BUILDER_HEADER_KEY: Final = "POLY_BUILDER_API_KEY"
BUILDER_HEADER_PASSPHRASE: Final = "POLY_BUILDER_PASSPHRASE"
BUILDER_HEADER_SIGNATURE: Final = "POLY_BUILDER_SIGNATURE"
BUILDER_HEADER_TIMESTAMP: Final = "POLY_BUILDER_TIMESTAMP"
RELAYER_SUBMIT_PATH: Final = "/submit"
RELAYER_PARAMS_PATH: Final = "/v1/account/transactions/params"
RELAYER_TRANSACTION_PATH: Final = "/v1/account/transactions/{id}"
RELAYER_RELAY_PATH: Final = "/relay-payload"
RELAYER_DEPLOYED_PATH: Final = "/deployed"
RELAYER_NONCE_PATH: Final = "/nonce"  # older than the two above
RELAYER_TRANSACTION_OLD_PATH: Final = "/transaction"
RELAYER_SUBMITS_MAX: Final = 25
RELAYER_SUBMITS_WINDOW_S: Final = 60
RELAYER_METADATA_CHARS_MAX: Final = 500
RELAYER_POLL_S: Final = 2
RELAYER_POLLS_MAX: Final = 100
RELAYER_RETRY_S: Final = 2
RELAYER_RETRIES_MAX: Final = 10
RELAYER_DEADLINE_S: Final = 600
RELAYER_PROXY_GAS_LIMIT: Final = 200_000
# Texts of a 400 that say "not now" (polymarket-client 0.14.0, relayer/submit.py), as patterns.
RELAYER_BUSY: Final = (r"wallet busy.*active action", r"wallet has in-flight action")
RELAYER_NONCE_MISMATCH: Final = (
    r"batch nonce\s+([0-9]{1,78})\s+does not match on-chain nonce\s+([0-9]{1,78})(?![0-9])"
)

# What wallets sign for the relayer (onchain notes 5): Safe 1.3 and the deposit wallet.
SAFE_TX_TYPE: Final = (
    "SafeTx(address to,uint256 value,bytes data,uint8 operation,uint256 safeTxGas,uint256 baseGas,"
    "uint256 gasPrice,address gasToken,address refundReceiver,uint256 nonce)"
)
WALLET_CALL_TYPE: Final = "Call(address target,uint256 value,bytes data)"
WALLET_BATCH_TYPE: Final = (
    f"Batch(address wallet,uint256 nonce,uint256 deadline,Call[] calls){WALLET_CALL_TYPE}"
)
SAFE_CREATION_TYPE: Final = (
    "CreateProxy(address paymentToken,uint256 payment,address paymentReceiver)"
)
SAFE_FACTORY_NAME: Final = "Polymarket Contract Proxy Factory"
# GSN's prefix of a relayed call.
PROXY_HASH_PREFIX: Final = b"rlx:"

# Markets (markets-5m notes 1 to 5; rest notes 1).
SLUG: Final = "{coin}-updown-{length}-{start}"
# Where a window's price comes from, as a pattern: the coin, and the seconds it is averaged over.
STREAM_SOURCE: Final = (
    r"https://data\.chain\.link/streams/([a-z0-9]+)-usd(?:-twap-([0-9.]+)s-streams)?"
)
RESOLVED: Final = "resolved"
GAMMA_MARKET_PATH: Final = "/markets/slug/{slug}"
CLOB_MARKET_PATH: Final = "/clob-markets/{condition_id}"
LABEL_UP: Final = "Up"
LABEL_DOWN: Final = "Down"
# How long a marketable order waits where a market says `itode` (changelog of 2026-09-04).
TAKER_DELAY_MS: Final = 150

# Sockets (market-ws notes 1 and 2; user-ws notes 1). Keep-alive is a text of its own, not JSON.
PING: Final = b"PING"
PONG: Final = b"PONG"
BOOK_PATH: Final = "/book?token_id={token_id}"
# A socket with more tokens than these was seen to fall silent (FAILURES 11).
SOCKET_TOKENS_MAX: Final = 100

# Reference prices (markets-5m notes 7 and 8): PolyBolt, and the legacy socket.
PRICE_SYMBOL: Final = "{coin}usd"
PRICE_CHANNEL_SPOT: Final = "price.crypto"
PRICE_CHANNEL_TWAP: Final = "price.crypto.twap"
PRICE_ERRORS: Final = (
    *("bad_op", "bad_channel", "bad_filter", "sub_limit", "rate_limited"),
    *("auth_required", "auth_invalid", "auth_unavailable", "auth_expired", "auth_attempts"),
)
PRICE_CLOSE_AUTH: Final = 4001
PRICE_CLOSE_DRAINING: Final = 4003
RTDS_SYMBOL: Final = "{coin}/usd"
RTDS_TOPIC_SPOT: Final = "crypto_prices_chainlink"
# The back-fill of the topic above was seen under this name, which is another source's.
RTDS_TOPIC_MISNAMED: Final = "crypto_prices"
RTDS_TOPICS_TWAP: Final = MappingProxyType(
    {30: "crypto_prices_twap_thirty", 60: "crypto_prices_twap_sixty"}
)
RTDS_PING_S: Final = 5
