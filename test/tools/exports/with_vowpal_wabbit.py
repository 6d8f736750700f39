"""What Vowpal Wabbit makes of an exported log: rows, and what always serving the variant "1" would have earned, from the labels that it parsed."""

import json
import sys

import vowpalwabbit

rows = 0
weight = weighted = shared = 0.0
workspace = vowpalwabbit.Workspace("--cb_explore_adf --dsjson --epsilon 0 --quiet -q fv")
with open(sys.argv[1]) as lines:
    for line in lines:
        names = [action["variant"]["name"] for action in json.loads(line)["c"]["_multi"]]
        examples = workspace.parse(line, vowpalwabbit.LabelType.CONTEXTUAL_BANDIT)
        # The first example is what all actions share.
        shared += examples[0].num_features_in("f")
        labelled = [(place, example.get_cbandits_cost(0), example.get_cbandits_probability(0))
                    for place, example in enumerate(examples[1:]) if example.get_cbandits_num_costs() == 1]
        assert len(labelled) == 1, line
        place, cost, probability = labelled[0]
        if names[place] == "1":
            weight += 1 / probability
            weighted += -cost / probability
        workspace.learn(examples)
        workspace.finish_example(examples)
        rows += 1

probabilities = workspace.predict(line)
print(json.dumps({
    "rows": rows,
    "ips": weighted / rows,
    "snips": weighted / weight,
    "shared": shared,
    "learned": names[probabilities.index(max(probabilities))],
}))
