"""A small shop under gunicorn-prometheus-exporter: every request counts once."""

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("shop_requests", "Requests served.", ["path"])
LATENCY = Histogram("shop_request_seconds", "Time to serve a request.", buckets=(0.25, 1, 4))
LARGEST = Gauge("shop_largest_order_items", "Items of the largest order.", multiprocess_mode="max")


def application(environ, start_response):
    path = environ["PATH_INFO"]
    REQUESTS.labels(path).inc()
    LATENCY.observe(0.5)
    LARGEST.set(7)
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", "7")])
    return [b"served\n"]
