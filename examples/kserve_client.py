"""A program for a KServe model server, V2: python3 examples/kserve_client.py [base URL] [model]

Nothing in it knows of the gateway. Point it at a KServe model with an input `hour`, then at the gateway, whose experiments are models too.
Needs `pip install kserve==0.21.0`.
"""

import asyncio
import sys

import numpy as np
from kserve import InferenceRESTClient, InferInput, InferRequest, RESTConfig

BASE_URL = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
MODEL = sys.argv[2] if len(sys.argv) > 2 else "banner-ctr"
HOURS = ["14102100", "14102109", "14102118"]


async def main():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    print("live:", await client.is_server_live(BASE_URL), "ready:", await client.is_model_ready(BASE_URL, MODEL))
    for binary in (False, True):
        hour = InferInput(name="hour", shape=[len(HOURS)], datatype="BYTES")
        hour.set_data_from_numpy(np.array([text.encode() for text in HOURS], dtype=object), binary_data=binary)
        request = InferRequest(model_name=MODEL, infer_inputs=[hour], parameters={"binary_data_output": binary})
        answer = await client.infer(BASE_URL, request, model_name=MODEL)
        numbers = answer.outputs[0].as_numpy().ravel().round(4).tolist()
        print("binary" if binary else "JSON", "answer for", HOURS, numbers)


asyncio.run(main())
