"""IPS, SNIPS and DR with bootstrap intervals from the outcome log, by pandas and Open Bandit Pipeline: what `evaluate` is compared with.

python scripts/evaluate-with-obp.py FOLDER VARIANT

Prints one JSON document. The outcome model is the mean reward of each variant.
"""

import glob
import json
import os
import sys

import numpy as np
import pandas as pd
from open_bandit_pipeline import load

# Draws of the bootstrap. The pipeline's default is 10,000, each as long as the log.
REPLICATES = 100


def main(folder, target):
    (estimators,) = load("ope.estimators")
    files = sorted(glob.glob(os.path.join(folder, "*.ndjson")))
    events = pd.concat((pd.read_json(file, lines=True, dtype=False) for file in files), ignore_index=True)
    decisions = events[events["type"] == "decision"].drop_duplicates("decisionId")
    rewards = events[(events["type"] == "reward") & (events["status"] == "applied")].drop_duplicates("eventId")
    credits = rewards.groupby("decisionId")["value"].first()
    reward = decisions["decisionId"].map(credits).fillna(0).to_numpy()
    variants = sorted({variant for allocation in decisions["allocation"] for variant in allocation})
    action = decisions["variant"].map({variant: index for index, variant in enumerate(variants)}).to_numpy()
    rows = len(decisions)
    distribution = np.zeros((rows, len(variants), 1))
    distribution[:, variants.index(target), 0] = 1
    means = np.array([reward[action == index].mean() for index in range(len(variants))])
    given = {
        "reward": reward,
        "action": action,
        "pscore": decisions["propensity"].to_numpy(dtype=float),
        "action_dist": distribution,
        "position": np.zeros(rows, dtype=int),
        "estimated_rewards_by_reg_model": np.broadcast_to(means[None, :, None], distribution.shape),
    }
    kinds = {
        "ips": estimators.InverseProbabilityWeighting(),
        "snips": estimators.SelfNormalizedInverseProbabilityWeighting(),
        "dr": estimators.DoublyRobust(),
    }
    answer = {"rows": rows}
    for name, estimator in kinds.items():
        interval = estimator.estimate_interval(**given, n_bootstrap_samples=REPLICATES, random_state=1)
        low, high = (value for key, value in interval.items() if "CI" in key)
        answer[name] = {"value": estimator.estimate_policy_value(**given), "interval": [low, high]}
    print(json.dumps(answer))


main(*sys.argv[1:])
