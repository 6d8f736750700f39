"""Seldon's own client against the gateway, feedback included: nothing changed but its gateway_endpoint."""

import sys

import numpy as np
from seldon_core.seldon_client import SeldonClient

client = SeldonClient(
    gateway="ambassador",
    transport="rest",
    gateway_endpoint=sys.argv[1].removeprefix("http://"),
    namespace="ads",
    deployment_name="banner-ctr",
    client_return_type="proto",
)
NAMES = ["hour", "banner_pos"]

for payload_type, rows in (("ndarray", np.array([["14102100", "0"]])), ("tensor", np.array([[14102100, 0]]))):
    answer = client.predict(data=rows, names=NAMES, payload_type=payload_type)
    assert answer.success, answer.msg
    assert answer.response.data.WhichOneof("data_oneof") == payload_type, answer.response
    assert answer.response.meta.tags["decision"].string_value.startswith("v1."), answer.response.meta
    for reward, status in ((0, "applied"), (1.0, "applied"), (1.0, "duplicate")):
        credited = client.feedback(prediction_request=answer.request, prediction_response=answer.response, reward=reward)
        assert credited.success, credited.msg
        assert credited.response.meta.tags["status"].string_value == status, (reward, credited.response)

answer = client.predict(json_data={"hour": "14102100"})
assert answer.success, answer.msg
refused = client.predict(data=np.array([["14102100", "0"]]), names=["hour"], payload_type="ndarray")
assert not refused.success and refused.msg.startswith("400"), refused.msg
print("as Seldon expects")
