"""What the fuzzer must know beyond the OpenAPI document."""

import re

import schemathesis

VARIANTS = ("champion", "challenger")
METRIC = "click"
MAX_REWARD = 10_000
EXPERIMENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def is_metric(name):
    return isinstance(name, str) and 1 <= len(name) <= 64


def is_reward(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= MAX_REWARD


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    """Lines as they are. A body of another type than text can't be sent, so it stands for none."""
    return value.encode(errors="replace") if isinstance(value, str) else b""


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Sets right what a schema can't say of a request, where it is well-formed."""
    # The metric that a reward names must be one of the experiment's, and its value be of that kind: which they are stands in its document.
    rewards = case.body if isinstance(case.body, list) else [case.body]
    for reward in rewards:
        if not isinstance(reward, dict):
            continue
        if is_metric(reward.get("metric")):
            reward["metric"] = METRIC
        if is_reward(reward.get("value")):
            reward["value"] = 1
    if is_metric((case.query or {}).get("m")):
        case.query["m"] = METRIC
    if is_reward((case.query or {}).get("v")):
        case.query["v"] = 1
    body = case.body
    if not isinstance(body, dict):
        return
    # A variant that a request forces must be one of the experiment's: which they are stands in its document.
    variant = body.get("variant")
    if isinstance(variant, str) and 1 <= len(variant) <= 32 and variant not in VARIANTS:
        body["variant"] = VARIANTS[len(variant) % 2]
    # The body may name no other experiment than the path.
    in_path = (case.path_parameters or {}).get("experiment")
    in_body = body.get("experiment")
    if in_path is not None and isinstance(in_body, str) and EXPERIMENT_ID.fullmatch(in_body):
        body["experiment"] = in_path
