"""Reads Prometheus' text format as the Prometheus project's own Python client does.

Standard input: {"text": ...}. Standard output: {"families": [{name, type, help, samples: [{name, labels, value}]}]}.
"""

import json
import math
import sys

from prometheus_client.parser import text_string_to_metric_families


def number(value):
    """JSON has no numbers for these."""
    return value if math.isfinite(value) else None


families = [
    {
        "name": family.name,
        "type": family.type,
        "help": family.documentation,
        "samples": [
            {"name": sample.name, "labels": sample.labels, "value": number(sample.value)}
            for sample in family.samples
        ],
    }
    for family in text_string_to_metric_families(json.load(sys.stdin)["text"])
]
json.dump({"families": families}, sys.stdout)
