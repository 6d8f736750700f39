"""A plain click predictor as teams run it: FastAPI around scikit-learn's FeatureHasher and SGDClassifier. One process, no experiments, no log.

    python predictor.py MODEL_FOLDER PORT

The classifier gets the coefficients of a model folder of the gateway, so that both predict with the same model. The handler is a coroutine, since
FastAPI runs a plain function in a thread pool, which costs more.
"""

import importlib.util
import json
import pathlib
import struct
import sys

import fastapi
import numpy
import uvicorn
from sklearn.feature_extraction import FeatureHasher
from sklearn.linear_model import SGDClassifier

EXPORTER = pathlib.Path(__file__).resolve().parents[2] / "scripts/export-artifact.py"


def load_exporter():
    """The script knows which tokens a model was fitted on, and how weights are written."""
    spec = importlib.util.spec_from_file_location("export_artifact", EXPORTER)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def load_classifier(path):
    """The classifier that the weights file was exported from."""
    content = path.read_bytes()
    _, _, buckets, count, intercept = struct.unpack_from("<4sIIId", content)
    indices = numpy.frombuffer(content, "<u4", count, 24)
    classifier = SGDClassifier(loss="log_loss")
    classifier.coef_ = numpy.zeros((1, buckets))
    classifier.coef_[0, indices] = numpy.frombuffer(content, "<f8", count, 24 + 4 * count)
    classifier.intercept_ = numpy.array([intercept])
    classifier.classes_ = numpy.array([0, 1])
    return classifier, FeatureHasher(n_features=buckets, input_type="string")


def create_app(folder):
    model = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    classifier, hasher = load_classifier(folder / model["weights"])
    tokens_of = load_exporter().gateway_tokens
    app = fastapi.FastAPI()

    @app.get("/healthz")
    async def healthz():
        return {"status": "ok"}

    @app.post("/predict")
    async def predict(body: dict):
        tokens = tokens_of(body["features"], model["fields"], model["tokens"])
        probability = classifier.predict_proba(hasher.transform([tokens]))[0, 1]
        return {"prediction": float(probability), "model": model["name"]}

    return app


if __name__ == "__main__":
    settings = {"loop": "uvloop", "http": "httptools", "access_log": False, "log_level": "warning"}
    # nginx keeps idle connections for 60 s: where this server closed them first, a request would now and then meet a closed one.
    keep_seconds = 120
    app = create_app(pathlib.Path(sys.argv[1]))
    uvicorn.run(app, host="127.0.0.1", port=int(sys.argv[2]), timeout_keep_alive=keep_seconds, **settings)
