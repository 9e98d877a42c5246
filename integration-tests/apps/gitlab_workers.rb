# Counts with GitLab's prometheus-client-mmap in several forked processes, then prints the page that it merges.
# Argument: the directory, which must exist.

require 'prometheus/client'
require 'prometheus/client/formats/text'

directory = ARGV.fetch(0)
client = Prometheus::Client
client.configuration.multiprocess_files_dir = directory
client.reinitialize_on_pid_change(force: true) if client.respond_to?(:reinitialize_on_pid_change)

registry = client.registry
requests = registry.counter(:shop_requests_total, 'Requests served.')
latency = registry.histogram(:shop_latency_seconds, 'Time to serve.', {}, [0.25, 1, 2.5])
payload = registry.summary(:shop_payload_bytes, 'Size of a request.')
gauges = %i[all liveall min max livesum].to_h do |mode|
  [mode, registry.gauge(:"shop_level_#{mode}_ratio", "A level, merged by #{mode}.", {}, mode)]
end

work = lambda do |seed|
  100.times do |turn|
    value = (turn * 7 + seed * 13) % 64 / 16.0
    labels = { method: %w[GET POST][turn % 2], code: ['200', 404, 'odd "\\', 'zwölf'][(turn + seed) % 4] }
    requests.increment(labels, value)
    latency.observe({ method: labels[:method] }, value)
    payload.observe({}, value * 1024)
    gauges.each_value { |gauge| gauge.set({ side: %w[left right][turn % 2] }, value - 1) }
  end
end

work.call(0) # the parent counts too, before and after it forks
children = (1..4).map { |seed| fork { work.call(seed) } }
children.each { |pid| Process.wait(pid) }
work.call(5)

print client::Formats::Text.marshal_multiprocess(directory)
