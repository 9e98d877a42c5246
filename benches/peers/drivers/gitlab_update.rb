# Counts with GitLab's prometheus-client-mmap, a line of standard input at a time.
#
# `OPERATION N` does it N times and answers with nanoseconds. The client has no handles to keep.

require 'prometheus/client'

client = Prometheus::Client
client.configuration.multiprocess_files_dir = ARGV.fetch(0)
client.reinitialize_on_pid_change(force: true) if client.respond_to?(:reinitialize_on_pid_change)

bounds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0]
registry = client.registry
plain = registry.counter(:plain_total, 'Without labels.')
requests = registry.counter(:requests_total, 'Requests served.')
level = registry.gauge(:level, 'Set.')
latency = registry.histogram(:latency, 'Observed.', {}, bounds)

operations = {
  'inc' => ->(times) { times.times { plain.increment } },
  'lookup' => ->(times) { times.times { requests.increment({ method: 'GET', path: '/' }) } },
  'set' => ->(times) { times.times { level.set({}, 3.0) } },
  'observe' => ->(times) { times.times { latency.observe({}, 0.3) } }
}

$stdout.sync = true
puts 'ready'
$stdin.each_line do |line|
  operation, times = line.split
  begun = Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
  operations.fetch(operation).call(Integer(times))
  puts Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond) - begun
end
