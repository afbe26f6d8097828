"""Slack's own client and the library of Standard Webhooks against our renderings, signatures and the simulated Slack."""

import json
import sys

from slack_sdk.errors import SlackApiError, SlackObjectFormationError
from slack_sdk.models.blocks import Block
from slack_sdk.web import WebClient
from slack_sdk.webhook import WebhookClient
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

# The client's models let these pass.
FIELD_CHARS = 2000
BLOCKS = 50


def refused(error, call, *arguments, **named):
    try:
        answer = call(*arguments, **named)
    except error as refusal:
        return refusal
    raise AssertionError(f"expected {error.__name__}, found the answer {answer!r}")


def blocks_are_legal(messages):
    for message in messages:
        blocks = message["blocks"]
        assert 1 <= len(blocks) <= BLOCKS, len(blocks)
        for block in blocks:
            parsed = Block.parse(block)
            assert parsed is not None, f"an unknown block: {block['type']}"
            # Raises where a limit is passed.
            parsed.to_dict()
            assert all(len(f["text"]) <= FIELD_CHARS for f in block.get("fields", [])), block
    # The judge can find something.
    long = {"type": "section", "text": {"type": "mrkdwn", "text": "a" * 3001}}
    refused(SlackObjectFormationError, lambda: Block.parse(long).to_dict())


def signatures_are_good(key, received):
    assert received, "nothing was received"
    for webhook in received:
        headers = {
            "webhook-id": webhook["id"],
            "webhook-timestamp": webhook["timestamp"],
            "webhook-signature": webhook["signature"],
        }
        payload = Webhook(key).verify(webhook["body"], headers)
        assert payload["type"].startswith("patching."), payload
        refused(WebhookVerificationError, Webhook(key).verify, webhook["body"] + " ", headers)


def slacks_client_understands(endpoint, messages):
    """The other way round: the simulated Slack answers a real client as Slack does."""
    host = {"Host": "slack.com"}
    client = WebClient(token="xoxb-witness", base_url=f"{endpoint}/api/", headers=host, retry_handlers=[])
    message = messages[0]
    text, blocks = message["text"], message["blocks"]
    posted = client.chat_postMessage(channel="C0SIMULATED", text=text, blocks=blocks, metadata=message.get("metadata"))
    assert posted["ok"] and posted["ts"], posted
    client.chat_postMessage(channel="C0SIMULATED", text=text, blocks=blocks, thread_ts=posted["ts"])
    client.chat_update(channel="C0SIMULATED", ts=posted["ts"], text=text, blocks=blocks)
    refusal = refused(SlackApiError, client.chat_postMessage, channel="C0NOWHERE", text=text)
    assert refusal.response["error"] == "channel_not_found", refusal
    stranger = WebClient(token="xoxp-witness", base_url=f"{endpoint}/api/", headers=host, retry_handlers=[])
    refusal = refused(SlackApiError, stranger.chat_postMessage, channel="C0SIMULATED", text=text)
    assert refusal.response["error"] == "invalid_auth", refusal
    hook = WebhookClient(
        f"{endpoint}/services/T00000000/B00000000/simulated0000", default_headers={"Host": "hooks.slack.com"}, retry_handlers=[]
    )
    answer = hook.send(text=text, blocks=blocks)
    assert (answer.status_code, answer.body) == (200, "ok"), answer.body
    hook.url = f"{endpoint}/services/T0/B0/none"
    answer = hook.send(text=text)
    assert (answer.status_code, answer.body) == (404, "no_service"), answer.body


def main(endpoint, file):
    with open(file, encoding="utf-8") as opened:
        given = json.load(opened)
    blocks_are_legal(given["slack"])
    print(f"ok: {len(given['slack'])} messages are legal")
    signatures_are_good(given["key"], given["received"])
    print(f"ok: {len(given['received'])} signatures are good")
    slacks_client_understands(endpoint, given["slack"])
    print("ok: Slack's client understands the simulated Slack")


if __name__ == "__main__":
    main(*sys.argv[1:])
