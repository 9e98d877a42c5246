"""Pushes to the gateway whose address is given, as jobs do, and prints the page after each step."""

import sys
import urllib.request

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import delete_from_gateway, push_to_gateway, pushadd_to_gateway

gateway = sys.argv[1]


def show(step):
    with urllib.request.urlopen(f"http://{gateway}/metrics") as page:
        lines = page.read().decode().splitlines()
    print(f"== {step}")
    for line in lines:
        if line.startswith(("jobs_", "backup_", "seconds_")) and "_created" not in line:
            print(line)


registry = CollectorRegistry()
Counter("jobs", "Jobs.", registry=registry).inc(3)
Histogram("seconds", "Time.", buckets=[1, 2.5], registry=registry).observe(2)
push_to_gateway(gateway, job="nightly", registry=registry, grouping_key={"path": "/var/lib", "empty": ""})
show("push")

more = CollectorRegistry()
Gauge("backup_bytes", "Size.", registry=more).set(7e9)
pushadd_to_gateway(gateway, job="nightly", registry=more, grouping_key={"path": "/var/lib", "empty": ""})
show("pushadd")

push_to_gateway(gateway, job="nightly", registry=more, grouping_key={"path": "/var/lib", "empty": ""})
push_to_gateway(gateway, job="a b", registry=more, grouping_key={"instance": "ü"}, compression="gzip")
show("replace")

delete_from_gateway(gateway, job="nightly", grouping_key={"path": "/var/lib", "empty": ""})
delete_from_gateway(gateway, job="never")
show("delete")
