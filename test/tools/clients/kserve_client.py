"""KServe's own client against the gateway, V1 and V2, JSON and binary: nothing changed but its base URL."""

import asyncio
import sys

import httpx
import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

address = sys.argv[1]
MODEL = "banner-ctr"


async def version_1():
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    assert await client.is_server_live(address)
    assert await client.is_model_ready(address, MODEL)
    try:
        await client.is_model_ready(address, "none")
        raise AssertionError("a model that there isn't was found")
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == 404 and "No experiment" in str(error), error
    answer = await client.infer(
        address, {"instances": [{"hour": "14102100"}, {"hour": "14102101"}], "unitId": "user-42"}, model_name=MODEL
    )
    assert len(answer["predictions"]) == 2, answer
    try:
        await client.infer(address, {"instances": [1]}, model_name=MODEL)
        raise AssertionError("instances that are no features were taken")
    except httpx.HTTPStatusError as error:
        assert error.response.status_code == 400 and "instances/0" in str(error), error


async def version_2():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(address)
    assert await client.is_server_ready(address)
    assert await client.is_model_ready(address, MODEL)
    assert not await client.is_model_ready(address, "none")
    for binary in (False, True):
        hour = InferInput(name="hour", shape=[2, 1], datatype="BYTES")
        hour.set_data_from_numpy(np.array([[b"14102100"], [b"14102101"]], dtype=object), binary_data=binary)
        place = InferInput(name="banner_pos", shape=[2], datatype="INT32")
        place.set_data_from_numpy(np.array([0, 1], dtype=np.int32), binary_data=binary)
        parameters = {"unitId": "user-42", "binary_data_output": binary}
        request = InferRequest(model_name=MODEL, request_id="r-1", infer_inputs=[hour, place], parameters=parameters)
        answer = await client.infer(address, request, model_name=MODEL)
        assert answer.id == "r-1" and answer.model_name == MODEL, answer
        assert answer.parameters["decision"].startswith("v1."), answer.parameters
        output = answer.outputs[0]
        numbers = output.as_numpy()
        assert output.name == "prediction" and numbers.dtype == np.float64 and numbers.shape == (2,), output
        assert ((0 < numbers) & (numbers < 1)).all(), numbers


asyncio.run(version_1())
asyncio.run(version_2())
print("as KServe expects")
