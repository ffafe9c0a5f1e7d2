"""Reads Prometheus text from standard input with the parser of Prometheus' own Python client.

Prints one JSON object: the kind of each family and how many samples it has. Exits with 1 when the text is not right.
"""

import json
import sys

from prometheus_client.parser import text_string_to_metric_families

families = {}
for family in text_string_to_metric_families(sys.stdin.read()):
    families[family.name] = {"kind": family.type, "samples": len(family.samples), "help": family.documentation}
json.dump(families, sys.stdout)
