"""boto3's client of the SageMaker runtime against the gateway: nothing changed but its endpoint_url."""

import json
import sys
import urllib.request

import boto3
from botocore.config import Config

address = sys.argv[1]
client = boto3.client(
    "sagemaker-runtime",
    endpoint_url=address,
    region_name="eu-west-1",
    aws_access_key_id="any",
    aws_secret_access_key="any",
    config=Config(retries={"total_max_attempts": 1}),
)
REQUEST = {
    "EndpointName": "banner-ctr",
    "ContentType": "application/json",
    "CustomAttributes": "unitId=user-42",
    "Body": json.dumps({"hour": "14102100", "banner_pos": "0"}),
}

answer = client.invoke_endpoint(**REQUEST)
body = json.load(answer["Body"])
assert 0 < body["prediction"] < 1 and body["model"].startswith("ctr-"), body
assert answer["ContentType"] == "application/json", answer
assert answer["ResponseMetadata"]["RequestId"], answer
variant = answer["InvokedProductionVariant"]
assert variant in ("champion", "challenger"), answer
assert client.invoke_endpoint(**REQUEST)["InvokedProductionVariant"] == variant

token = answer["CustomAttributes"].removeprefix("decision=")
with urllib.request.urlopen(f"{address}/reward?d={token}", timeout=5) as reward:
    assert json.load(reward)["status"] == "applied"

other = "challenger" if variant == "champion" else "champion"
assert client.invoke_endpoint(**REQUEST, TargetVariant=other)["InvokedProductionVariant"] == other


def refusal(call, **changes):
    try:
        call(**{**REQUEST, **changes})
    except client.exceptions.ClientError as error:
        return type(error).__name__, error.response["ResponseMetadata"]["HTTPStatusCode"]
    raise AssertionError(f"{changes} was not refused")


assert refusal(client.invoke_endpoint, EndpointName="none") == ("ValidationError", 400)
assert refusal(client.invoke_endpoint, TargetVariant="none") == ("ValidationError", 400)
assert refusal(client.invoke_endpoint, Body="1,2,3", ContentType="text/csv") == ("ValidationError", 400)
try:
    client.invoke_endpoint_async(EndpointName="banner-ctr", InputLocation="s3://bucket/in")
    raise AssertionError("an asynchronous call to embedded models was taken")
except client.exceptions.ClientError as error:
    assert error.response["Error"]["Code"] == "ValidationError", error.response
print("as boto3 expects")
