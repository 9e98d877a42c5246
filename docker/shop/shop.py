"""An application that counts, and has no page of metrics: multiprom serves it."""

import random
import time

from prometheus_client import Counter, Gauge, Histogram

REQUESTS = Counter("http_requests", "Requests served.", ["method", "code"])
LATENCY = Histogram("http_request_duration_seconds", "Time to serve a request.")
IN_FLIGHT = Gauge("http_requests_in_flight", "Requests being served.", multiprocess_mode="livesum")


def application(environ, start_response):
    with IN_FLIGHT.track_inprogress(), LATENCY.time():
        time.sleep(random.random() / 20)
        REQUESTS.labels(environ["REQUEST_METHOD"], "200").inc()
        start_response("200 OK", [("Content-Type", "text/plain")])
        return [b"Served.\n"]
