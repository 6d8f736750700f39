"""tritonclient over HTTP against the gateway, JSON and binary: nothing changed but its address."""

import sys

import numpy as np
import tritonclient.http as triton

client = triton.InferenceServerClient(sys.argv[1].removeprefix("http://"))
MODEL = "banner-ctr"

assert client.is_server_live() and client.is_server_ready()
assert client.is_model_ready(MODEL) and client.is_model_ready(MODEL, "champion")
assert not client.is_model_ready("none")
assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
metadata = client.get_model_metadata(MODEL)
assert {"name": "hour", "datatype": "BYTES", "shape": [-1]} in metadata["inputs"], metadata
assert metadata["outputs"] == [{"name": "prediction", "datatype": "FP64", "shape": [-1]}], metadata
assert metadata["versions"] == ["champion", "challenger"], metadata

answers = []
for binary_in in (False, True):
    for binary_out in (False, True):
        hour = triton.InferInput("hour", [2], "BYTES")
        hour.set_data_from_numpy(np.array(["14102100", "14102101"], dtype=object), binary_data=binary_in)
        place = triton.InferInput("banner_pos", [2, 1], "FP32")
        place.set_data_from_numpy(np.array([[0], [1]], dtype=np.float32), binary_data=binary_in)
        answer = client.infer(
            MODEL,
            [hour, place],
            request_id="t-1",
            parameters={"unitId": "user-42"},
            outputs=[triton.InferRequestedOutput("prediction", binary_data=binary_out)],
        )
        response = answer.get_response()
        assert response["id"] == "t-1" and response["parameters"]["decision"].startswith("v1."), response
        answers.append((response["model_version"], answer.as_numpy("prediction").tolist()))
assert all(answer == answers[0] for answer in answers), answers

hour = triton.InferInput("hour", [1], "BYTES")
hour.set_data_from_numpy(np.array(["14102100"], dtype=object))
assert client.infer(MODEL, [hour]).as_numpy("prediction").shape == (1,)
assert client.infer(MODEL, [hour], model_version="challenger").get_response()["model_version"] == "challenger"
for model, version, status in (("none", "", "404"), (MODEL, "none", "400")):
    try:
        client.infer(model, [hour], model_version=version)
        raise AssertionError(f"{model} {version} was served")
    except triton.InferenceServerException as error:
        assert error.status() == status and error.message(), error
print("as tritonclient expects")
