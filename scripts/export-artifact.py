#!/usr/bin/env python3
"""Exports a fitted scikit-learn click model as a model folder of bandit-gateway.

    python3 scripts/export-artifact.py --hasher hasher.joblib --classifier model.joblib \\
        --fields fields.json --tokens prefixed --name ctr-mine --version 2026-11-21 --out models/ctr-mine

The model is a FeatureHasher(input_type="string") followed by a binary SGDClassifier(loss="log_loss"). --pipeline takes both in one
fitted Pipeline instead. Files are read with joblib; a source like "package.module:function" is imported and called instead.
Reading a joblib or pickle file runs code from it: only read files that you made.

fields.json is the list of fields as model.json has it, in any order: [{"name": "hour", "from": "hour", "as": "hourOfDay"}, ...].
The tokens that the gateway hashes must be those that the model was fitted on: the bare value of each field (--tokens raw) or
name=value (--tokens prefixed). --check rows.json proves it: a list of {"features": {...}, "tokens": [...]}, what a caller sends and what
the model was fitted on; the gateway's tokens are made from the features and compared, and expected.json with the probabilities is
written beside the model.

Exits 1 with a sentence when the model is not one that the gateway can serve.
"""

import argparse
import datetime
import importlib
import json
import pathlib
import re
import struct
import sys

MAGIC = b"CTRW"
FORMAT_VERSION = 1
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}\Z")
DERIVATIONS = ("datetime", "hourOfDay", "weekday")
LARGEST_COEFFICIENT = 1e100


class Refusal(Exception):
    """The user's mistake, said in a sentence."""


def main(arguments):
    options = parse_arguments(arguments)
    hasher, classifier = load_parts(options)
    buckets = check_hasher(hasher)
    coefficients, intercept = check_classifier(classifier, buckets)
    fields = read_fields(options.fields)
    out = pathlib.Path(options.out)
    out.mkdir(parents=True, exist_ok=True)
    (out / "weights.bin").write_bytes(encode_weights(buckets, coefficients, intercept))
    document = {
        "kind": "hashed-logistic",
        "name": options.name,
        "version": options.version,
        "buckets": buckets,
        "weights": "weights.bin",
        "tokens": options.tokens,
        "fields": fields,
    }
    (out / "model.json").write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    if options.check is not None:
        rows = read_json(options.check)
        expected = check_rows(rows, fields, options.tokens, hasher, classifier)
        (out / "expected.json").write_text(json.dumps(expected, indent=1) + "\n", encoding="utf-8")
    count = sum(1 for value in coefficients if value != 0)
    print(f"{out}: {count} coefficients in {buckets} buckets, {len(fields)} fields")


def parse_arguments(arguments):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pipeline", metavar="SOURCE", help="a fitted Pipeline of hasher and classifier")
    parser.add_argument("--hasher", metavar="SOURCE", help="a FeatureHasher")
    parser.add_argument("--classifier", metavar="SOURCE", help="a fitted SGDClassifier")
    parser.add_argument("--fields", required=True, metavar="FILE", help="JSON list of fields")
    parser.add_argument("--tokens", required=True, choices=("raw", "prefixed"))
    parser.add_argument("--name", required=True, help="the model's name: also its folder's")
    parser.add_argument("--version", required=True)
    parser.add_argument("--out", required=True, metavar="FOLDER")
    parser.add_argument("--check", metavar="FILE", help="JSON list of features and the tokens fitted on")
    options = parser.parse_args(arguments)
    if (options.pipeline is None) == (options.hasher is None or options.classifier is None):
        parser.error("give either --pipeline or both --hasher and --classifier")
    if NAME.match(options.name) is None:
        parser.error("--name must be 1 to 64 of A-Z a-z 0-9 . _ - and begin with a letter or a digit")
    if pathlib.Path(options.out).resolve().name != options.name:
        parser.error("--out must end in --name: a model's folder is called as the model is")
    if not 1 <= len(options.version) <= 64:
        parser.error("--version must have 1 to 64 characters")
    return options


def load_parts(options):
    if options.pipeline is None:
        return load(options.hasher), load(options.classifier)
    steps = [step for _, step in getattr(load(options.pipeline), "steps", [])]
    if len(steps) != 2:
        raise Refusal("the pipeline must have exactly two steps, a FeatureHasher and a classifier; a step between them would be lost")
    return steps[0], steps[1]


def load(source):
    module, separator, attribute = source.partition(":")
    if separator and re.fullmatch(r"[\w.]+", module) and attribute.isidentifier():
        sys.path.insert(0, "")
        return getattr(importlib.import_module(module), attribute)()
    import joblib

    try:
        return joblib.load(source)
    except OSError as error:
        raise Refusal(f"can't read {source}: {error.strerror}") from error


def check_hasher(hasher):
    """The number of buckets of a hasher that the gateway can reproduce."""
    if type(hasher).__name__ != "FeatureHasher":
        raise Refusal(f"the hasher is a {type(hasher).__name__}; it must be a FeatureHasher")
    if hasher.input_type != "string":
        raise Refusal(f'the hasher has input_type="{hasher.input_type}"; it must be "string"')
    if hasher.alternate_sign is not True:
        raise Refusal("the hasher has alternate_sign=False; the gateway applies the sign of the hash")
    import numpy

    if numpy.dtype(hasher.dtype) != numpy.float64:
        raise Refusal(f"the hasher has dtype {numpy.dtype(hasher.dtype)}; it must be float64")
    return int(hasher.n_features)


def check_classifier(classifier, buckets):
    """Coefficients and intercept of a fitted binary classifier with logistic loss; the click is the second class."""
    kind = type(classifier).__name__
    if kind != "SGDClassifier":
        raise Refusal(f"the classifier is a {kind}; it must be an SGDClassifier")
    # "log" is what versions before 1.3 also called it.
    if classifier.loss not in ("log_loss", "log"):
        raise Refusal(f'the classifier has loss="{classifier.loss}"; only "log_loss" gives probabilities')
    if not hasattr(classifier, "coef_"):
        raise Refusal("the classifier is not fitted")
    classes = list(classifier.classes_)
    if len(classes) != 2 or classifier.coef_.shape != (1, buckets):
        raise Refusal(
            f"the classifier has classes {classes} and coefficients of shape {classifier.coef_.shape}; "
            f"it must have two classes, the click being the second, and shape (1, {buckets})"
        )
    # A sparsified classifier keeps a sparse matrix.
    dense = classifier.coef_.toarray() if hasattr(classifier.coef_, "toarray") else classifier.coef_
    coefficients = [float(value) for value in dense[0]]
    intercept = float(classifier.intercept_[0])
    for value in (*coefficients, intercept):
        if not abs(value) <= LARGEST_COEFFICIENT:
            raise Refusal(f"the classifier has the coefficient {value}; it must be a finite number")
    return coefficients, intercept


def read_fields(path):
    fields = read_json(path)
    if not isinstance(fields, list) or not 1 <= len(fields) <= 256:
        raise Refusal(f"{path} must be a list of 1 to 256 fields")
    names = set()
    for place, field in enumerate(fields):
        known = isinstance(field, dict) and set(field) <= {"name", "from", "as"}
        if not known or not isinstance(field.get("name"), str) or not isinstance(field.get("from", ""), str):
            raise Refusal(f'{path}: field {place} must be {{"name": …, "from"?: …, "as"?: …}}')
        if field.get("as", DERIVATIONS[0]) not in DERIVATIONS:
            raise Refusal(f'{path}: field {place} has "as": {field["as"]!r}; it must be one of {", ".join(DERIVATIONS)}')
        if field["name"] in names:
            raise Refusal(f"{path}: field {place} repeats the name {field['name']}")
        names.add(field["name"])
    return fields


def read_json(path):
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except OSError as error:
        raise Refusal(f"can't read {path}: {error.strerror}") from error
    except ValueError as error:
        raise Refusal(f"{path} is not JSON: {error}") from error


def encode_weights(buckets, coefficients, intercept):
    used = [(bucket, value) for bucket, value in enumerate(coefficients) if value != 0]
    count = len(used)
    header = struct.pack("<4sIIId", MAGIC, FORMAT_VERSION, buckets, count, intercept)
    indices = struct.pack(f"<{count}I", *(bucket for bucket, _ in used))
    values = struct.pack(f"<{count}d", *(value for _, value in used))
    return header + indices + values


def check_rows(rows, fields, mode, hasher, classifier):
    """Probabilities of the rows, having checked that the gateway would hash the tokens that the model was fitted on."""
    for place, row in enumerate(rows):
        tokens = gateway_tokens(row["features"], fields, mode)
        if sorted(tokens) != sorted(row["tokens"]):
            raise Refusal(
                f"row {place} of --check: the gateway would hash {sorted(tokens)}, the model was fitted on {sorted(row['tokens'])}"
            )
    probabilities = classifier.predict_proba(hasher.transform(row["tokens"] for row in rows))[:, 1]
    return [
        {"features": row["features"], "probability": float(probability)}
        for row, probability in zip(rows, probabilities, strict=True)
    ]


def gateway_tokens(features, fields, mode):
    """What the gateway's scorer makes of an instance. A missing feature makes no token."""
    tokens = []
    for field in fields:
        value = features.get(field.get("from", field["name"]))
        if value is None:
            continue
        if "as" in field:
            value = derive(value, field["as"])
        tokens.append(f"{field['name']}={value}" if mode == "prefixed" else value)
    return tokens


def derive(hour, what):
    moment = datetime.datetime.strptime(hour, "%y%m%d%H")
    if what == "datetime":
        return moment.strftime("%Y-%m-%d %H:%M:%S.%f")
    return str(moment.hour if what == "hourOfDay" else moment.weekday())


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except Refusal as refusal:
        print(f"export-artifact: {refusal}", file=sys.stderr)
        sys.exit(1)
