"""A KServe model server with two models of the input `hour`: python model_server.py <port>. On loopback, whatever KServe would do."""

import sys

import kserve.protocol.rest.server as rest
import numpy as np
from kserve import InferInput, InferOutput, InferResponse, Model, ModelServer
from kserve.utils.utils import generate_uuid

Config = rest.uvicorn.Config


class LoopbackConfig(Config):
    """KServe binds to all addresses and has no setting for it."""

    def __init__(self, app, host="0.0.0.0", **rest_of_it):
        super().__init__(app, host="127.0.0.1", **rest_of_it)


rest.uvicorn.Config = LoopbackConfig


class HourModel(Model):
    """A click rate that rises and falls with the hour of YYMMDDHH."""

    def __init__(self, name, rate):
        super().__init__(name)
        self.rate = rate
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        hour: InferInput = payload.inputs[0]
        hours = [int((text.decode() if isinstance(text, bytes) else text)[-2:]) for text in hour.as_numpy().ravel()]
        rates = np.array([self.rate * (1 + hour / 24) for hour in hours])
        return InferResponse(
            payload.id or generate_uuid(),
            self.name,
            [InferOutput("prediction", list(rates.shape), "FP64", data=rates)],
            model_version="v1",
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


# Alike, so that whichever answers, the numbers show who asked.
ModelServer(http_port=int(sys.argv[1]), enable_grpc=False).start([HourModel("evening", 0.2), HourModel("evening-too", 0.2)])
