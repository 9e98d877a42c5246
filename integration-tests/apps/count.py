"""Counts in PROMETHEUS_MULTIPROC_DIR as `integration-worker count` does, in the same families."""

import sys

from prometheus_client import Counter, Gauge, Histogram, Summary

seed = int(sys.argv[1])
requests = Counter("shared_requests", "Requests served.", ["method", "code"])
bytes_sent = Counter("shared_sent_bytes", "Bytes sent.")
latency = Histogram("shared_latency_seconds", "Time to serve.", ["method"], buckets=(0.25, 1, 2.5))
payload = Summary("shared_payload_bytes", "Size of a request.")
gauges = {
    mode: Gauge(f"shared_level_{mode}_ratio", f"A level, merged by {mode}.", ["side"], multiprocess_mode=mode)
    for mode in ("all", "liveall", "min", "livemin", "max", "livemax", "sum", "livesum", "mostrecent")
}
for turn in range(200):
    value = (turn * 7 + seed * 13) % 64 / 16
    requests.labels(("GET", "POST")[turn % 2], ("200", "404", 'odd "\\\n')[(turn + seed) % 3]).inc(value)
    bytes_sent.inc(turn)
    latency.labels(("GET", "POST")[turn % 2]).observe(value)
    payload.observe(value * 1024)
    for gauge in gauges.values():
        gauge.labels(("left", "rück\u00adseite")[turn % 2]).set(value - 1)
