"""A decision and its reward, with nothing but Python's standard library: python3 examples/client.py [address]

One connection is kept open for all calls. A call that takes too long is given up, and a gateway that is away costs no request:
the page goes on with the model that it would have used without an experiment, and rewards wait until they can be sent.
"""

import http.client
import json
import sys
import time
from urllib.parse import urlsplit

ADDRESS = sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:8080"
TIMEOUT_SECONDS = 0.5  # more than the experiment's deadlineMs, less than a visitor waits
RETRIES = 3
AWAY = (OSError, http.client.HTTPException, ValueError)  # no answer in time, or one that is not the gateway's


class Gateway:
    """Not for several threads at once: each has its own."""

    def __init__(self, address):
        url = urlsplit(address)
        self.connection = http.client.HTTPConnection(url.hostname, url.port, timeout=TIMEOUT_SECONDS)

    def post(self, path, body):
        """The status and the answer. Raises one of AWAY where the gateway can't be reached in time."""
        text = json.dumps(body)
        for attempt in range(2):
            try:
                self.connection.request("POST", path, text, {"content-type": "application/json"})
                answer = self.connection.getresponse()
                return answer.status, json.load(answer)
            except (ConnectionError, http.client.BadStatusLine):
                # An idle connection may have been closed meanwhile: once more, over a new one. What is sent here may be sent twice.
                self.connection.close()
                if attempt == 1:
                    raise
            except AWAY:
                # What still comes on this connection would be taken for the answer to another question.
                self.connection.close()
                raise

    def predict(self, body):
        """A decision, or None: answer with your own model then, and send no reward."""
        try:
            status, answer = self.post("/predict", body)
        except AWAY:
            return None
        return answer if status == 200 else None

    def reward(self, decision):
        """Whether it was taken. It counts once however often it is sent, so a queue may send it again for as long as its token lives."""
        for attempt in range(RETRIES):
            try:
                status, answer = self.post("/reward", {"decision": decision})
                if status < 500:
                    return answer.get("status", answer.get("code"))
            except AWAY:
                pass
            time.sleep(0.1 * 2**attempt)
        return "try again later"


gateway = Gateway(ADDRESS)
features = {"hour": "14102100", "banner_pos": "0", "site_id": "1fbe01fe"}
decision = gateway.predict({"experiment": "banner-ctr", "unitId": "user-42", "features": features})
if decision is None:
    print("no decision: the page goes on with its own model")
else:
    print(decision["variant"], decision["prediction"], "with probability", decision["propensity"])
    # Later, when the user has clicked.
    print(gateway.reward(decision["decision"]))
