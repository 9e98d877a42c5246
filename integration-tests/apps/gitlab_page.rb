# Prints the page that prometheus-client-mmap merges out of the directory given.

require 'prometheus/client'
require 'prometheus/client/formats/text'

print Prometheus::Client::Formats::Text.marshal_multiprocess(ARGV.fetch(0))
