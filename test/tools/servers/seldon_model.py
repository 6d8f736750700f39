"""Seldon Core's microservice with the scorer.

python seldon_model.py PORT
"""

import os
import sys

from scorer import score


class Scorer:
    def predict(self, rows, names, meta=None):
        return score(rows).reshape(-1, 1)

    def class_names(self):
        return ["score"]

    def init_metadata(self):
        return {
            "name": "scorer",
            "versions": ["v1"],
            "inputs": [{"messagetype": "ndarray", "schema": {"names": ["a", "b", "c"], "shape": [3]}}],
            "outputs": [{"messagetype": "ndarray", "schema": {"names": ["score"], "shape": [1]}}],
        }


def main(port):
    import seldon_core.gunicorn_utils as gunicorn_utils
    import seldon_core.microservice as microservice

    # It has no setting for the address that it listens on.
    load = gunicorn_utils.StandaloneApplication.load_config

    def load_config(self):
        self.options["bind"] = self.options["bind"].replace("0.0.0.0", "127.0.0.1")
        load(self)

    gunicorn_utils.StandaloneApplication.load_config = load_config
    os.environ["PREDICTIVE_UNIT_ID"] = "scorer"
    os.environ["GRPC_WORKERS"] = "0"
    sys.argv = ["microservice", "seldon_model.Scorer", "--service-type", "MODEL", "--workers", "1"]
    sys.argv += ["--http-port", str(port), "--grpc-port", str(port + 1), "--metrics-port", str(port + 2)]
    microservice.main()


if __name__ == "__main__":
    main(int(sys.argv[1]))
