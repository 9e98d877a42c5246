# Pushes with the client of Debian's ruby-prometheus-client-mmap, and prints the answer and the page each time.
# Argument: the address of the gateway.
#
# Counters and gauges alone: this client cannot write its own histograms and summaries as text unless they are in files.

require 'net/http'
require 'prometheus/client'
require 'prometheus/client/push'

address = ARGV.fetch(0)
client = Prometheus::Client
registry = client::Registry.new
registry.counter(:jobs_total, 'Jobs done.').increment({ queue: 'a "b" \\ ü' }, 3)
other = client::Registry.new
other.gauge(:backup_bytes, 'Size.').set({}, 7e9)

push = lambda do |job, instance = nil|
  client::Push.new(job: job, instance: instance, gateway: "http://#{address}", open_timeout: 60, read_timeout: 60)
end
show = lambda do |what, answer|
  page = Net::HTTP.get(URI("http://#{address}/metrics")).force_encoding('UTF-8')
  lines = page.lines.grep(/^((# (HELP|TYPE) )?(jobs_total|backup_bytes)|push_failure_time_seconds.* 0$)/)
  # Which of two families is told to be of another kind than the other is chance.
  why = answer.body.to_s.force_encoding('UTF-8').sub(/(existing metrics): .*/m, '\\1')
  puts "== #{what}: #{answer.code} #{why}", lines
end

mine = push.call('nightly run', 'zwölf')
show.call('replace', mine.replace(registry))
show.call('add', mine.add(other))
show.call('another group', push.call('nightly run').add(other))
show.call('replace again', mine.replace(other))
show.call('delete', mine.delete)
show.call('delete what is gone', mine.delete)

# What the gateway refuses is an answer, not an exception, in this client.
show.call('half a label', push.call('a/b').replace(registry))
clash = client::Registry.new
clash.counter(:backup_bytes, 'Another kind.').increment({}, 1)
show.call('another kind', push.call('clash').replace(clash))

[-> { push.call('') }, -> { client::Push.new(job: 'j', gateway: 'ftp://localhost') }].each do |wrong|
  wrong.call
rescue ArgumentError => e
  puts "== #{e.class}: #{e.message}"
end
