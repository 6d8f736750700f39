"""MLServer with two models, both the scorer, under the names first and second.

python mlserver_models.py FOLDER PORT
"""

import json
import os
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
RUNTIME = """
import sys
sys.path.insert(0, {here!r})
from mlserver import MLModel
from mlserver.codecs import NumpyCodec
from mlserver.errors import InferenceError
from mlserver.types import InferenceResponse
from scorer import score


class Scorer(MLModel):
    async def load(self):
        return True

    async def predict(self, request):
        try:
            answer = score(NumpyCodec.decode_input(request.inputs[0]))
        except ValueError as error:
            raise InferenceError(str(error))
        output = NumpyCodec.encode_output("score", answer.astype("float64"))
        return InferenceResponse(model_name=self.name, model_version="v1", id=request.id, outputs=[output])
"""


def main(folder, port):
    for name in ("first", "second"):
        path = os.path.join(folder, name)
        os.makedirs(path)
        with open(os.path.join(path, "runtime.py"), "w") as file:
            file.write(RUNTIME.format(here=HERE))
        settings = {
            "name": name,
            "implementation": "runtime.Scorer",
            "parameters": {"version": "v1"},
            "inputs": [{"name": "x", "datatype": "FP64", "shape": [-1, 3]}],
            "outputs": [{"name": "score", "datatype": "FP64", "shape": [-1, 1]}],
        }
        with open(os.path.join(path, "model-settings.json"), "w") as file:
            json.dump(settings, file)
    general = {
        "host": "127.0.0.1",
        "http_port": port,
        "grpc_port": port + 1,
        "metrics_port": port + 2,
        # Workers of their own die under newer event loops, and the server says that it is ready.
        "parallel_workers": 0,
    }
    with open(os.path.join(folder, "settings.json"), "w") as file:
        json.dump(general, file)
    program = os.path.join(os.path.dirname(sys.executable), "mlserver")
    os.execv(program, [program, "start", folder])


main(sys.argv[1], int(sys.argv[2]))
