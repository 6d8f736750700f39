"""KServe's model server with the scorer, V1 and V2.

python kserve_model.py PORT
"""

import sys

import kserve.protocol.rest.server as rest
import numpy as np
from kserve import InferOutput, InferRequest, InferResponse, Model, ModelServer
from kserve.errors import InvalidInput
from scorer import score

CONFIG = rest.uvicorn.Config


class Loopback(CONFIG):
    """The server has no setting for the address that it listens on."""

    def __init__(self, app, host="0.0.0.0", **others):
        super().__init__(app, host="127.0.0.1", **others)


class Scorer(Model):
    def __init__(self, name):
        super().__init__(name)
        self.ready = True

    async def predict(self, payload, headers=None, response_headers=None):
        is_v2 = isinstance(payload, InferRequest)
        try:
            answer = score(payload.inputs[0].as_numpy() if is_v2 else payload["instances"])
        except ValueError as error:
            raise InvalidInput(str(error))
        if not is_v2:
            return {"predictions": answer.tolist()}
        output = InferOutput("score", list(answer.shape), "FP32", data=answer.astype(np.float32))
        return InferResponse(
            payload.id,
            self.name,
            [output],
            use_binary_outputs=payload.use_binary_outputs,
            requested_outputs=payload.request_outputs,
        )


if __name__ == "__main__":
    rest.uvicorn.Config = Loopback
    port = int(sys.argv[1])
    ModelServer(http_port=port, enable_grpc=False, workers=1).start([Scorer("scorer")])
