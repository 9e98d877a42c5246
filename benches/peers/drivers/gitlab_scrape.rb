# Scrapes a directory with GitLab's prometheus-client-mmap, a line of standard input at a time.
#
# `scrape N` scrapes N times and answers with nanoseconds; `page PATH` writes the page there; `peak` tells
# VmHWM in kB.

require 'prometheus/client'
require 'prometheus/client/formats/text'

directory = ARGV.fetch(0)
# It makes a file of its own somewhere; not among those that are measured.
Prometheus::Client.configuration.multiprocess_files_dir = ARGV.fetch(1)
page = -> { Prometheus::Client::Formats::Text.marshal_multiprocess(directory) }

$stdout.sync = true
puts 'ready'
$stdin.each_line do |line|
  command, argument = line.split
  case command
  when 'scrape'
    begun = Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond)
    Integer(argument).times { page.call }
    puts Process.clock_gettime(Process::CLOCK_MONOTONIC, :nanosecond) - begun
  when 'page'
    File.binwrite(argument, page.call)
    puts 'written'
  when 'peak'
    puts File.read('/proc/self/status')[/^VmHWM:\s*(\d+)/, 1]
  else
    abort "told #{line.inspect}"
  end
end
