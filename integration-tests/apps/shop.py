"""A small shop for gunicorn, which counts in every kind of metric that prometheus_client has.

/buy counts one request, whatever else it does; /merged answers the page that applications make for themselves and
counts nothing. All observed values are small multiples of 1/1024, so that sums do not depend on their order - unless
SHOP_AWKWARD is set, when they do.
"""

import os
import random
import time

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, Summary, generate_latest, multiprocess

REQUESTS = Counter("http_requests", "Requests served.", ["method", "path", "code"])
ERRORS = Counter("shop_errors", 'Orders that failed: "sold out" and the like, with a \\ in the help.')
LATENCY = Histogram("http_request_duration_seconds", "Time to serve a request.", ["path"])
BASKET = Histogram("shop_basket_items", "Items in a basket.", buckets=(1, 2, 5, 10, 20))
PAYLOAD = Summary("shop_payload_bytes", "Size of an order.", ["method"])
IN_FLIGHT = Gauge("shop_requests_in_flight", "Requests being served.", multiprocess_mode="livesum")
LAST_ORDER = Gauge("shop_last_order_items", "Items of the last order.", multiprocess_mode="mostrecent")
LARGEST_ORDER = Gauge("shop_largest_order_items", "Items of the largest order.", ["path"], multiprocess_mode="max")
SMALLEST_ORDER = Gauge("shop_smallest_order_items", "Items of the smallest order.", multiprocess_mode="min")
WORKER_ORDERS = Gauge("shop_worker_orders", "Orders of each worker.", multiprocess_mode="all")
WORKER_START = Gauge("shop_worker_start_time_seconds", "When a living worker started.", multiprocess_mode="liveall")
STOCK = Gauge("shop_stock_items", "Items taken or brought back.", ["shelf"], multiprocess_mode="sum")

AWKWARD = "SHOP_AWKWARD" in os.environ
CODES = ["200", "200", "200", "404", "500"]
SHELVES = ["left", "right", 'the "third"', "back\\slash", "zwölf\nzeilen"]


def application(environ, start_response):
    path = environ["PATH_INFO"]
    if path == "/merged":
        registry = CollectorRegistry()
        multiprocess.MultiProcessCollector(registry)
        return answer(start_response, "200 OK", generate_latest(registry))
    return answer(start_response, "200 OK", serve(environ["REQUEST_METHOD"], path))


def serve(method, path):
    IN_FLIGHT.inc()
    items = random.randint(1, 25)
    BASKET.observe(items)
    LATENCY.labels(path).observe(random.random() * 3 if AWKWARD else random.randint(1, 4096) / 1024)
    PAYLOAD.labels(method).observe(items * 64)
    LAST_ORDER.set(items)
    if items > LARGEST_ORDER.labels(path)._value.get():
        LARGEST_ORDER.labels(path).set(items)
    SMALLEST_ORDER.set(items)
    WORKER_ORDERS.inc()
    WORKER_START.set(START)
    STOCK.labels(random.choice(SHELVES)).inc(random.choice([-1, 0.5, 2]))
    code = random.choice(CODES)
    if code == "500":
        ERRORS.inc()
    IN_FLIGHT.dec()
    REQUESTS.labels(method, path, code).inc()
    return b"served\n"


def answer(start_response, status, body):
    headers = [
        ("Content-Type", "text/plain"),
        ("Content-Length", str(len(body))),
        ("X-Worker", str(os.getpid())),
    ]
    start_response(status, headers)
    return [body]


START = int(time.time())
