"""What the fuzzer must know beyond the OpenAPI document."""

import json
import re
from datetime import datetime

import schemathesis

VARIANTS = ("champion", "challenger")
METRIC = "click"
MAX_REWARD = 10_000
EXPERIMENT = "banner-ctr"
FEATURES = {"hour": "14102100", "banner_pos": "0"}
DIALECTS = ("/endpoints/", "/v1/", "/v2/", "/api/", "/seldon/", "/invocation", "/conversion", "/stats")
EXPERIMENT_NAME = re.compile(r"[A-Za-z0-9._-]{1,128}")
EXPERIMENT_ID = re.compile(r"[a-z0-9][a-z0-9-]{0,62}")


def is_time(text):
    try:
        return isinstance(text, str) and "T" in text and datetime.fromisoformat(text).tzinfo is not None
    except ValueError:
        return False


def is_metric(name):
    return isinstance(name, str) and 1 <= len(name) <= 64


def is_reward(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= MAX_REWARD


def elements(datatype, count):
    """As many elements as a tensor's shape says, of its datatype."""
    if datatype == "BYTES":
        return ["14102100"] * count
    return [True if datatype == "BOOL" else 1] * count


def fit_tensors(body):
    """Tensors whose shapes and data fit each other, each a feature of its own. Which of them follow as bytes no generator of JSON can send."""
    inputs = body.get("inputs")
    if not isinstance(inputs, list) or not all(isinstance(one, dict) for one in inputs):
        return
    for index, one in enumerate(inputs):
        datatype = one.get("datatype")
        if not isinstance(datatype, str) or not isinstance(one.get("name"), str) or "shape" not in one:
            continue
        if not isinstance(one["shape"], list) or not all(isinstance(n, (int, float)) and n >= 0 and n == int(n) for n in one["shape"]):
            continue
        one["name"] = f"f{index}"
        one["shape"] = [2, 1][: max(1, min(2, len(one["shape"])))] if len(one["shape"]) <= 2 else one["shape"]
        one["data"] = elements(datatype, 2)
        if isinstance(one.get("parameters"), dict):
            one["parameters"].pop("binary_data_size", None)


def fit_rows(body):
    """Rows with an element for each name, or features, not both; texts are features only up to a length."""
    data = body.get("data")
    if isinstance(data, dict) and isinstance(data.get("names"), list) and all(isinstance(n, str) for n in data["names"]):
        body.pop("jsonData", None)
        data["names"] = [f"f{index}" for index, _ in enumerate(data["names"])]
        ndarray, tensor = data.get("ndarray"), data.get("tensor")
        if isinstance(ndarray, list) and all(isinstance(row, list) for row in ndarray):
            data["ndarray"] = [["x"] * len(data["names"]) for _ in ndarray]
        elif "ndarray" not in data:
            data["ndarray"] = [["x"] * len(data["names"])]
        if isinstance(tensor, dict) and isinstance(tensor.get("shape"), list) and isinstance(tensor.get("values"), list):
            data.pop("tensor")
    elif "data" not in body:
        body["jsonData"] = FEATURES


@schemathesis.serializer("application/x-ndjson")
def ndjson(_context, value):
    """Lines as they are. A body of another type than text can't be sent, so it stands for none."""
    return value.encode(errors="replace") if isinstance(value, str) else b""


@schemathesis.hook
def filter_case(_context, case):
    """A header that nobody knows makes no request wrong."""
    return "x-schemathesis-unknown-property" not in {name.lower() for name in (case.headers or {})}


@schemathesis.hook
def before_call(_context, case, _kwargs):
    """Sets right what a schema can't say of a request, where it is well-formed."""
    # A dialect takes JSON whatever the body is called: no other writer's form is JSON.
    if case.path.startswith(DIALECTS) and case.media_type is not None:
        case.media_type = "application/json"
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
    # Names, versions and forced variants that are served: which they are stands in the experiment's document.
    path = case.path_parameters or {}
    if isinstance(path.get("name"), str) and EXPERIMENT_NAME.fullmatch(path["name"]):
        path["name"] = EXPERIMENT
    if isinstance(path.get("version"), str) and EXPERIMENT_NAME.fullmatch(path["version"]):
        path["version"] = VARIANTS[len(path["version"]) % 2]
    if isinstance(path.get("model"), str) and EXPERIMENT_NAME.fullmatch(path["model"]):
        path["model"] = VARIANTS[len(path["model"]) % 2]
    headers = case.headers if case.headers is not None else {}
    forced = headers.get("X-Amzn-SageMaker-Target-Variant")
    if isinstance(forced, str) and 1 <= len(forced) <= 32:
        headers["X-Amzn-SageMaker-Target-Variant"] = VARIANTS[len(forced) % 2]
    body = case.body
    # A body of JSON alone has all of its bytes there.
    if "Inference-Header-Content-Length" in headers and body is not None:
        del headers["Inference-Header-Content-Length"]
    if not isinstance(body, dict):
        return
    if case.path.endswith(("/feedback", "/conversion")) and is_reward(body.get("reward")):
        body["reward"] = 1
    if "inputs" in body:
        fit_tensors(body)
    if case.path.endswith("/predictions"):
        fit_rows(body)
    # A key expires in the future, and one for some experiments can't be an administrator's.
    if case.path.endswith("/admin/keys"):
        if is_time(body.get("expiresAt")):
            body["expiresAt"] = "2999-01-31T12:00:00Z"
        if isinstance(body.get("permissions"), list) and "admin" in body["permissions"] and "experiments" in body:
            body["permissions"] = ["view" if one == "admin" else one for one in body["permissions"]]
    name = body.get("endpoint_name")
    if isinstance(name, str) and EXPERIMENT_NAME.fullmatch(name):
        body["endpoint_name"] = EXPERIMENT
    if isinstance(body.get("data"), str):
        body["data"] = json.dumps(FEATURES)
        if isinstance(body.get("content_type"), str):
            body["content_type"] = "application/json"
    forced = body.get("endpoint_variant")
    if isinstance(forced, str) and 1 <= len(forced) <= 32:
        body["endpoint_variant"] = VARIANTS[len(forced) % 2]
    # A variant that a request forces must be one of the experiment's: which they are stands in its document.
    variant = body.get("variant")
    if isinstance(variant, str) and 1 <= len(variant) <= 32 and variant not in VARIANTS:
        body["variant"] = VARIANTS[len(variant) % 2]
    # The body may name no other experiment than the path.
    in_path = (case.path_parameters or {}).get("experiment")
    in_body = body.get("experiment")
    if in_path is not None and isinstance(in_body, str) and EXPERIMENT_ID.fullmatch(in_body):
        body["experiment"] = in_path
