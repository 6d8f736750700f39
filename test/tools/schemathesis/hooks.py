"""What the fuzzer must know beyond the OpenAPI document."""

import json
import re

import schemathesis

VARIANTS = ("champion", "challenger")
METRIC = "click"
EXPERIMENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def is_metric(name):
    return isinstance(name, str) and 1 <= len(name) <= 64


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    """One JSON document a line."""
    items = value if isinstance(value, list) else [value]
    return "\n".join(json.dumps(item) for item in items).encode()


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Sets right what a schema can't say of a request, where it is well-formed."""
    # The metric that a reward names must be one of the experiment's: which they are stands in its document.
    rewards = case.body if isinstance(case.body, list) else [case.body]
    for reward in rewards:
        if isinstance(reward, dict) and is_metric(reward.get("metric")):
            reward["metric"] = METRIC
    if is_metric((case.query or {}).get("m")):
        case.query["m"] = METRIC
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
