"""What fixed shares would have earned, from outcome logs of any size: the estimates of `evaluate`, by Spark.

spark-submit evaluate.py --log PLACE [--format parquet|json] --experiment ID
                         [--target '{"challenger": 1}'] [--metric NAME] [--from TIME] [--to TIME] [--window SECONDS]

PLACE is whatever Spark reads: a folder that `outcomes copy` wrote (parquet), folders by hour that Amazon Data Firehose left (json; gzipped objects
end in .gz), on disk or s3a://. --target may be repeated; without it each variant alone is judged. An even split always is. Prints one JSON document, in the words of
`evaluate --json`, with normal intervals. docs/evaluation-at-scale.md says how it works.
"""

import argparse
import json
import math

from pyspark.sql import SparkSession, Window
from pyspark.sql import functions as F
from pyspark.sql import types as T

# The same numbers as in src/domain/evaluation.
SMOOTHING = 100
SWITCH_AT, SHRINKAGE, CLIP_AT = 10, 100, 10
UNIT_BUCKETS = 4096
Z_95 = 1.959963984540054

FIELDS = {
    "v": "int", "type": "string", "eventId": "string", "at": "timestamp", "experiment": "string", "revision": "int", "metric": "string",
    "decisionId": "string", "unit": "string", "stickiness": "string", "variant": "string", "allocation": "string", "reason": "string",
    "value": "double", "bound": "double", "aggregation": "string", "status": "string", "document": "string",
}
COLUMNS = ["rows", "reward", "weight", "weightedReward", "modelled", "corrected", "correctedWhereTrusted", "correctedShrunk", "clippedWeight", "clippedReward"]
# Columns whose means are added, and one column over another.
ESTIMATORS = {
    "ips": (["weightedReward"], None),
    "snips": ([], ("weightedReward", "weight")),
    "dm": (["modelled"], None),
    "dr": (["modelled", "corrected"], None),
    "sndr": (["modelled"], ("corrected", "weight")),
    "switch-dr": (["modelled", "correctedWhereTrusted"], None),
    "dros": (["modelled", "correctedShrunk"], None),
    "clipped": (["clippedReward"], None),
}


def main():
    order = parsed()
    spark = SparkSession.builder.appName("evaluate").config("spark.sql.session.timeZone", "UTC") \
        .config("spark.sql.sources.partitionColumnTypeInference.enabled", "false").getOrCreate()
    events = read_events(spark, order).filter((F.col("v") == 1) & (F.col("experiment") == order.experiment)).cache()
    documents = documents_of(events)
    drawn = events.filter((F.col("type") == "decision") & F.col("reason").isin("policy", "burn_in") & F.col("unit").isNotNull())
    facts = drawn.agg(F.max_by("metric", "ms").alias("metric"), F.count_distinct("decisionId").alias("decisions"),
                      F.count_if(F.col("stickiness") == "unit").alias("sticky")).first()
    if facts["decisions"] == 0:
        raise SystemExit(f"the log has no drawn decision of {order.experiment}")
    metric = order.metric or facts["metric"]
    window = order.window if order.window is not None else longest_window(metric, documents)
    end, first_revision = events.agg(F.max("ms"), F.min("revision")).first()
    rows = rows_of(drawn, rewards_of(events, metric), order, None if window is None else end - 1000 * window).cache()
    variants = sorted(row[0] for row in rows.select(F.explode(F.map_keys("allocation"))).distinct().collect())
    modelled = with_predictions(rows.filter(F.element_at("allocation", F.col("variant")) > 0), variants)
    modelled = modelled.withColumn("enabled", enabled_in(documents)).cache()
    targets = [(name_of(shares), shares) for shares in order.target or [{variant: 1} for variant in variants]] + [("uniform", None)]
    sums = sums_of(modelled, variants, [shares for _, shares in targets])
    start_lost = facts["sticky"] > 0 and first_revision > 1
    print(json.dumps({
        "experiment": order.experiment,
        "metric": metric,
        "decisions": facts["decisions"],
        "units": rows.count(),
        "attributionWindowSeconds": window,
        "logged": sums[0].logged(),
        "targets": [{"policy": name, **own.result(start_lost)} for (name, _), own in zip(targets, sums)],
    }))
    spark.stop()


def parsed():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--log", required=True, action="append")
    parser.add_argument("--format", choices=["parquet", "json"], default="parquet")
    parser.add_argument("--experiment", required=True)
    parser.add_argument("--target", type=json.loads, action="append")
    parser.add_argument("--metric")
    parser.add_argument("--from", dest="begin")
    parser.add_argument("--to", dest="until")
    parser.add_argument("--window", type=float)
    return parser.parse_args()


def name_of(shares):
    taking = {variant: share for variant, share in shares.items() if share > 0}
    return f"always {next(iter(taking))}" if len(taking) == 1 else ", ".join(f"{variant} {share}" for variant, share in taking.items())


def read_events(spark, order):
    """The fields that are looked at, under the same types however they were kept."""
    if order.format == "json":
        schema = ", ".join(f"`{name}` {'string' if kind == 'timestamp' else kind}" for name, kind in FIELDS.items())
        # A torn line is damage, which every reader of the log skips.
        found = spark.read.schema(schema).option("recursiveFileLookup", "true").option("mode", "DROPMALFORMED").json(order.log)
    else:
        found = spark.read.option("mergeSchema", "true").parquet(*order.log)
    types = dict(zip(found.columns, (field.dataType for field in found.schema.fields)))

    def field(name, kind):
        if name not in types:
            return F.lit(None).cast(kind).alias(name)
        nested = isinstance(types[name], (T.StructType, T.MapType, T.ArrayType))
        return (F.to_json(name) if nested else F.col(name).cast(kind)).alias(name)

    return found.select([field(name, kind) for name, kind in FIELDS.items()]) \
        .withColumn("ms", F.unix_millis("at")) \
        .filter(F.col("ms").isNotNull() & F.col("revision").isNotNull()) \
        .withColumn("allocation", F.from_json("allocation", "map<string, double>")) \
        .withColumn("digest", F.md5(F.col("decisionId")))


def documents_of(events):
    found = events.filter((F.col("type") == "experiment") & F.col("document").isNotNull()).groupBy("revision").agg(F.first("document").alias("document"))
    documents = {row["revision"]: json.loads(row["document"]) for row in found.collect()}
    return {revision: document for revision, document in documents.items() if document is not None}


def longest_window(metric, documents):
    windows = []
    for document in documents.values():
        reward = document.get("reward") or {}
        measures = [reward] if reward.get("metric") == metric else [one for one in document.get("metrics") or [] if one.get("id") == metric]
        windows += [one["attributionWindowSeconds"] for one in measures if "attributionWindowSeconds" in one]
    return max(windows) if windows else None


def rewards_of(events, metric):
    """What each decision's rewards add up to. Of one event id the earliest stands."""
    lines = events.filter((F.col("type") == "reward") & (F.col("metric") == metric) & (F.col("status") == "applied") & F.col("eventId").isNotNull() & F.col("value").isNotNull())
    known = lines.agg(F.max_by("aggregation", "ms"), F.max("bound")).first()
    aggregation, bound = known[0] or "first", known[1] or 1.0
    once = lines.groupBy("decisionId", "eventId").agg(F.min(F.struct("ms", "value")).alias("one")) \
        .select("decisionId", F.struct("one.ms", "eventId", "one.value").alias("one"))
    counted = {
        "first": F.coalesce(F.min(F.when(F.col("one.value") != 0, F.struct("one.ms", "one.value")))["value"], F.lit(0.0)),
        "last": F.max("one")["value"],
        "max": F.max("one.value"),
        "sum": F.greatest(F.lit(-bound), F.least(F.lit(bound), F.sum("one.value"))),
    }
    return once.groupBy("decisionId").agg(counted[aggregation].alias("reward"))


def rows_of(drawn, rewards, order, oldest):
    """A unit's first decision where units keep their variant, every decision where requests are drawn, each once."""
    owner = F.when(F.col("stickiness") == "unit", F.concat(F.lit("u"), "unit")).otherwise(F.concat(F.lit("d"), "decisionId"))
    # The last bytes of a digest come first in the order that evaluate reads rows in.
    reversed_digest = F.concat(*[F.substring("digest", place, 2) for place in range(31, 0, -2)])
    first = Window.partitionBy("owner").orderBy("ms", "place")
    rows = drawn.withColumn("owner", owner).withColumn("place", reversed_digest) \
        .withColumn("nth", F.row_number().over(first)).filter("nth = 1")
    if order.begin is not None:
        rows = rows.filter(F.col("ms") >= F.unix_millis(F.to_timestamp(F.lit(order.begin))))
    if order.until is not None:
        rows = rows.filter(F.col("ms") < F.unix_millis(F.to_timestamp(F.lit(order.until))))
    if oldest is not None:
        rows = rows.filter(F.col("ms") <= oldest)
    unit = F.md5(F.col("unit"))
    bucket = F.conv(F.concat(F.substring(unit, 20, 1), F.substring(unit, 17, 2)), 16, 10).cast("int") % UNIT_BUCKETS
    return rows.join(rewards, "decisionId", "left").select(
        "ms", "place", "variant", "allocation", "revision", bucket.alias("bucket"), F.coalesce("reward", F.lit(0.0)).alias("reward"))


def with_predictions(rows, variants):
    """
    The outcome model before each row: what each variant earned in earlier rows, drawn towards their mean. Sums are taken within a minute, and over whole minutes
    before it, so that no machine has to hold all rows.
    """
    minute = (F.col("ms") / 60_000).cast("long")
    rows = rows.withColumn("minute", minute)
    counts = {}
    for index, variant in enumerate(variants):
        served = F.col("variant") == variant
        counts[f"n{index}"] = F.when(served, 1.0).otherwise(0.0)
        counts[f"s{index}"] = F.when(served, F.col("reward")).otherwise(0.0)
    minutes = rows.groupBy("minute").agg(*[F.sum(value).alias(name) for name, value in counts.items()])
    earlier = Window.orderBy("minute").rowsBetween(Window.unboundedPreceding, -1)
    before = minutes.select("minute", *[F.coalesce(F.sum(name).over(earlier), F.lit(0.0)).alias(f"{name}_before") for name in counts])
    within = Window.partitionBy("minute").orderBy("ms", "place").rowsBetween(Window.unboundedPreceding, -1)
    summed = rows.select("*", *[F.coalesce(F.sum(value).over(within), F.lit(0.0)).alias(f"{name}_within") for name, value in counts.items()])
    summed = summed.join(F.broadcast(before), "minute")
    total = {name: F.col(f"{name}_before") + F.col(f"{name}_within") for name in counts}
    seen = sum((total[f"n{index}"] for index in range(len(variants))), F.lit(0.0))
    earned = sum((total[f"s{index}"] for index in range(len(variants))), F.lit(0.0))

    def prediction(index):
        return F.when(seen == 0, 0.0).otherwise((total[f"s{index}"] + SMOOTHING * earned / seen) / (total[f"n{index}"] + SMOOTHING))

    return summed.select("variant", "allocation", "revision", "bucket", "reward", *[prediction(index).alias(f"q{index}") for index in range(len(variants))])


def enabled_in(documents):
    """Which variants were enabled: as the revision's document says, or where that is not logged, those that the allocation names."""
    known = {revision: [variant["id"] for variant in document["variants"] if variant.get("enabled") is not False]
             for revision, document in documents.items() if document.get("variants") is not None}
    if not known:
        return F.map_keys("allocation")
    entries = [part for revision, ids in known.items() for part in (F.lit(revision), F.array(*[F.lit(one) for one in ids]))]
    return F.coalesce(F.element_at(F.create_map(*entries), F.col("revision")), F.map_keys("allocation"))


def sums_of(rows, variants, targets):
    """What estimates are made from, for each target: `shares` by variant, or an even split among the enabled ones where they are None."""
    logged = [F.coalesce(F.element_at("allocation", F.lit(variant)), F.lit(0.0)) for variant in variants]
    predictions = [F.col(f"q{index}") for index in range(len(variants))]
    enabled = F.array_intersect("enabled", F.array(*[F.lit(variant) for variant in variants]))

    def shares_of(shares):
        if shares is None:
            return [F.when(F.array_contains(enabled, variant), 1 / F.size(enabled)).otherwise(0.0) for variant in variants]
        return [F.lit(float(shares.get(variant, 0))) for variant in variants]

    def of_served(values):
        return F.coalesce(*[F.when(F.col("variant") == variant, value) for variant, value in zip(variants, values)])

    def as_seen_by(index, target):
        return F.struct(
            F.lit(index).alias("target"), (of_served(target) / of_served(logged)).alias("weight"),
            sum((share * predicted for share, predicted in zip(target, predictions)), F.lit(0.0)).alias("modelled"),
            sum((F.when(probability == 0, share).otherwise(0.0) for share, probability in zip(target, logged)), F.lit(0.0)).alias("unsupported"))

    seen = F.explode(F.array(*[as_seen_by(index, shares_of(shares)) for index, shares in enumerate(targets)]))
    row = rows.select("bucket", "reward", of_served(predictions).alias("predicted"), seen.alias("seen")).select("bucket", "reward", "predicted", "seen.*")
    weight, reward, error = F.col("weight"), F.col("reward"), F.col("reward") - F.col("predicted")
    clipped = F.least(weight, F.lit(float(CLIP_AT)))
    values = {
        "rows": F.lit(1.0), "reward": reward, "weight": weight, "weightedReward": weight * reward, "modelled": F.col("modelled"),
        "corrected": weight * error, "correctedWhereTrusted": F.when(weight <= SWITCH_AT, weight * error).otherwise(0.0),
        "correctedShrunk": SHRINKAGE * weight / (weight * weight + SHRINKAGE) * error, "clippedWeight": clipped, "clippedReward": clipped * reward,
    }
    columns = row.select("target", "bucket", "unsupported", *[values[column].alias(column) for column in COLUMNS])
    products = [(left, right) for place, left in enumerate(COLUMNS) for right in COLUMNS[place:]]
    # By bucket, in one pass: sums, and products whose sums over all buckets are those over rows.
    buckets = columns.groupBy("target", "bucket").agg(
        *[F.sum(column).alias(column) for column in COLUMNS], *[F.sum(F.col(left) * F.col(right)).alias(f"{left}*{right}") for left, right in products],
        F.sum("unsupported").alias("unsupported"), F.max("weight").alias("largestWeight"),
        F.max(F.abs("weightedReward")).alias("largestWeightedReward"), F.sum((F.col("weight") == 0).cast("double")).alias("zeroWeights")).collect()
    return [Sums([bucket for bucket in buckets if bucket["target"] == index], products) for index in range(len(targets))]


class Sums:
    """What all estimates of a target are made from. The formulas are those of src/domain/evaluation."""

    def __init__(self, buckets, products):
        self.buckets = buckets
        self.total = {column: self.over("fsum", column) for column in COLUMNS}
        self.products = {pair: self.over("fsum", f"{pair[0]}*{pair[1]}") for pair in products}
        self.rows = self.total["rows"]

    def over(self, how, column):
        values = [bucket[column] for bucket in self.buckets]
        return math.fsum(values) if how == "fsum" else max(values)

    def result(self, start_lost):
        effective_rewards = ratio(self.total["weightedReward"] ** 2, self.squared({"weightedReward": 1}))
        gain = self.estimate((["weightedReward"], None), minus="reward")
        gain_error = self.clustered_error(gain[1])
        weight = self.total["weight"]
        mean_weight = weight / self.rows
        deviation = math.sqrt(self.squared({"weight": 1, "rows": -mean_weight}) / (self.rows - 1))
        off = mean_weight - 1
        diagnostics = {
            "effectiveSampleSize": ratio(weight ** 2, self.squared({"weight": 1})),
            "maxWeight": self.over("max", "largestWeight"),
            "meanWeight": mean_weight,
            "meanWeightZ": 0 if abs(off) < 1e-12 else off / (deviation / math.sqrt(self.rows)),
            "zeroWeightShare": self.over("fsum", "zeroWeights") / self.rows,
            "unsupportedMass": self.over("fsum", "unsupported") / self.rows,
            "clippedMass": ratio(weight - self.total["clippedWeight"], weight),
        }
        interval = normal(gain[0], gain_error)
        row_share = ratio(self.over("max", "largestWeightedReward"), abs(self.total["weightedReward"]))
        tells = diagnostics["effectiveSampleSize"] >= 100 and effective_rewards >= 100 and abs(diagnostics["meanWeightZ"]) <= 4 \
            and diagnostics["unsupportedMass"] <= 0.001 and row_share <= 0.05 and not start_lost
        return {
            "estimates": [self.estimated(name) for name in ESTIMATORS],
            "diagnostics": diagnostics,
            "effectiveRewards": effective_rewards,
            "gain": {"value": gain[0], "interval": interval},
            "verdict": "cannot-tell" if not tells else "better" if interval[0] > 0 else "worse" if interval[1] < 0 else "unclear",
        }

    def logged(self):
        value, influence = self.estimate((["reward"], None))
        return {"value": value, "interval": normal(value, self.error(influence, True))}

    def estimated(self, name):
        value, influence = self.estimate(ESTIMATORS[name])
        error = self.error(influence, ESTIMATORS[name][1] is None)
        value, error = [None if math.isnan(one) else one for one in (value, error)]
        interval = [None, None] if value is None else normal(value, error)
        return {"estimator": name, "value": value, "standardError": error, "interval": interval, "level": 0.95, "method": "normal"}

    def estimate(self, definition, minus=None):
        """The value, and how much a row moves it: a combination of its columns."""
        means, fraction = definition
        coefficients = {column: 1.0 for column in means}
        if minus is not None:
            coefficients[minus] = -1.0
        value = sum(coefficient * self.total[column] for column, coefficient in coefficients.items()) / self.rows
        coefficients["rows"] = -value
        if fraction is not None:
            of, over = (self.total[column] for column in fraction)
            value += of / over if over != 0 else math.nan
            mean = over / self.rows
            coefficients[fraction[0]] = coefficients.get(fraction[0], 0) + (1 / mean if mean != 0 else math.nan)
            coefficients[fraction[1]] = coefficients.get(fraction[1], 0) - (of / self.rows / mean ** 2 if mean != 0 else math.nan)
        return value, coefficients

    def squared(self, coefficients):
        return max(0.0, math.fsum(
            coefficients.get(left, 0) * coefficients.get(right, 0) * product * (1 if left == right else 2) for (left, right), product in self.products.items()))

    def error(self, coefficients, is_mean):
        correction = self.rows / (self.rows - 1) if is_mean else 1
        return math.sqrt(correction * self.squared(coefficients)) / self.rows

    def clustered_error(self, coefficients):
        filled = len(self.buckets)
        total = math.fsum(sum(coefficient * bucket[column] for column, coefficient in coefficients.items()) ** 2 for bucket in self.buckets)
        return math.sqrt(total * filled / (filled - 1)) / self.rows


def normal(value, error):
    return [value - Z_95 * error, value + Z_95 * error]


def ratio(part, whole):
    return part / whole if whole != 0 else 0


if __name__ == "__main__":
    main()
