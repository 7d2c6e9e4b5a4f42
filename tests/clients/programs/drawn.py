"""polymarket-client signs and posts drawn orders, and looks at headers of ours."""

import asyncio

from eth_account import Account
from eth_account.messages import encode_typed_data
from local_environment import answer, local_environment, orders
from polymarket import AsyncSecureClient, UserInputError
from polymarket._internal.hmac import build_hmac_signature
from polymarket._internal.l1_auth import build_api_key_auth_typed_data


async def post(client, drawn):
    """Post one order; why not, if the client does not want to."""
    common = {name: drawn[name] for name in ("asset_id", "side", "builder_code")}
    try:
        if drawn["kind"] in ("FAK", "FOK"):
            buys = drawn["side"] == "BUY"
            signed = await client.create_market_order(
                **common,
                order_type=drawn["kind"],
                **{"amount" if buys else "shares": drawn["amount"]},
                **{"max_price" if buys else "min_price": drawn["price"]},
            )
        else:
            signed = await client.create_limit_order(
                **common,
                price=drawn["price"],
                size=drawn["amount"],
                expiration=drawn["expiration"] or None,
                post_only=drawn["post_only"],
            )
    except UserInputError as error:
        return str(error)
    await client.post_order(signed)
    return ""


async def post_all(urls, key, wallets, drawn):
    """Post all orders with the clients of their wallets; where one was not willing, its words."""
    environment = local_environment(urls)
    clients = {
        kind: await AsyncSecureClient.create(
            private_key=key, wallet=wallet, environment=environment
        )
        for kind, wallet in wallets.items()
    }
    told = [await post(clients[one["wallet"]], one) for one in drawn]
    for client in clients.values():
        await client.close()
    return told


def prove(secret, requests, attested):
    """HMACs that this client's code makes for requests, and who it finds attested to a wallet."""
    hmacs = [build_hmac_signature(secret=secret, **one) for one in requests]
    signature = attested.pop("signature")
    claim = encode_typed_data(full_message=build_api_key_auth_typed_data(**attested))
    return {"hmacs": hmacs, "attested": Account.recover_message(claim, signature=signature)}


for asked in orders():
    if "post" in asked:
        answer(asyncio.run(post_all(**asked["post"])))
    else:
        answer(prove(**asked["prove"]))
