# A shop that counts each request before it answers.

require 'prometheus/client'

registry = Prometheus::Client.registry
requests = registry.counter(:shop_requests_total, 'Requests served.')
size = registry.histogram(:shop_order_items, 'Items of an order.', {}, [1, 5, 25])
orders = registry.gauge(:shop_worker_orders, 'Orders of each living worker.', {}, :livesum)
turn = 0

run(lambda do |env|
  turn += 1
  size.observe({}, turn % 7)
  orders.set({}, turn)
  requests.increment({ path: env['PATH_INFO'] })
  [200, { 'Content-Type' => 'text/plain', 'X-Worker' => Process.pid.to_s }, ["served\n"]]
end)
