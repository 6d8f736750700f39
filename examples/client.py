"""A first decision and its reward, with nothing but Python's standard library: python3 examples/client.py [address]"""

import json
import sys
import urllib.request

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"


def post(path, body):
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(ADDRESS + path, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=5) as answer:  # a problem (4xx, 5xx) raises HTTPError
        return json.load(answer)


features = {"hour": "14102100", "banner_pos": "0", "site_id": "1fbe01fe"}
decision = post("/predict", {"experiment": "banner-ctr", "unitId": "user-42", "features": features})
print(decision["variant"], decision["prediction"], "with probability", decision["propensity"])

# Later, when the user has clicked. Sending it again is safe: it counts once.
print(post("/reward", {"decision": decision["decision"]})["status"])
