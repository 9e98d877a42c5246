"""Reads pages with prometheus_client's own parsers.

Arguments are files; those that end in .om are OpenMetrics, the others the Prometheus text format. Prints a line for
each: the name, a tab, and `ok` or why it was refused.
"""

import sys

from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client import parser as text

for name in sys.argv[1:]:
    parse = openmetrics.text_fd_to_metric_families if name.endswith(".om") else text.text_fd_to_metric_families
    try:
        with open(name, encoding="utf-8", newline="\n") as page:
            samples = sum(len(family.samples) for family in parse(page))
            print(name, "ok" if samples or not open(name, "rb").read().strip() else "ok, nothing in it", sep="\t")
    except Exception as error:
        print(name, f"{type(error).__name__}: {error}".replace("\n", "\\n"), sep="\t")
