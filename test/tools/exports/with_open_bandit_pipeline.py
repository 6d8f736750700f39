"""What Open Bandit Pipeline makes of an exported log: rows, and what always serving the second item would have earned."""

import json
import os
import sys

import numpy as np

sys.path.insert(0, os.path.join(os.path.dirname(__file__), "../../../scripts"))
from open_bandit_pipeline import load

real, estimators = load("dataset.real", "ope.estimators")
feedback = real.OpenBanditDataset("bts", "all", data_path=sys.argv[1]).obtain_batch_bandit_feedback()
distribution = np.zeros((feedback["n_rounds"], feedback["n_actions"], 1))
distribution[:, 1, 0] = 1
given = {name: feedback[name] for name in ("reward", "action", "pscore", "position")}


def value_of(estimator):
    return float(estimator.estimate_policy_value(**given, action_dist=distribution))


print(json.dumps({
    "rows": int(feedback["n_rounds"]),
    "contexts": int(feedback["context"].shape[1]),
    "ips": value_of(estimators.InverseProbabilityWeighting()),
    "snips": value_of(estimators.SelfNormalizedInverseProbabilityWeighting()),
}))
