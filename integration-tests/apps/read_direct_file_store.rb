# Reads the files of a DirectFileStore by their layout alone and prints every series, added up over the processes.
# Argument: the directory. What is printed is no whole page: there are no types and no help in the files.

require 'cgi'

HEADER = 8 # bytes: how many are in use, and four of padding
VALUES = 16 # bytes: the value, and when it was written

# Label sets and values of one file, in its order.
def records(path)
  content = File.binread(path)
  used = content.unpack1('l')
  at = HEADER
  found = []
  while at < used
    length = content[at, 4].unpack1('l')
    raise "#{path}: no record at #{at}" if length.nil? || length <= 0 || at + 4 + length + VALUES > used

    key = content[at + 4, length].strip
    labels = CGI.parse(key).transform_values(&:first)
    value, written = content[at + 4 + length, VALUES].unpack('dd')
    raise "#{path}: written at #{written}" if value != 0 && !(0..Process.clock_gettime(Process::CLOCK_MONOTONIC)).cover?(written)

    found << [labels, value]
    at += 4 + length + VALUES
  end
  found
end

def line(name, labels, value)
  pairs = labels.sort.map { |label, text| "#{label}=\"#{text.gsub('\\') { '\\\\' }.gsub("\n", '\n').gsub('"', '\"')}\"" }
  puts "#{name}#{"{#{pairs.join(',')}}" unless pairs.empty?} #{value}"
end

# A group of buckets becomes cumulative, as the page of the client has them.
def histogram(name, labels, parts)
  line("#{name}_sum", labels, parts.delete('sum') || 0.0)
  total = 0.0
  parts.sort_by { |bound, _| bound == '+Inf' ? Float::INFINITY : bound.to_f }.each do |bound, count|
    total += count
    line("#{name}_bucket", labels.merge('le' => bound), total)
  end
  line("#{name}_count", labels, total)
end

metrics = Hash.new { |all, name| all[name] = Hash.new(0.0) }
Dir.glob(File.join(ARGV.fetch(0), 'metric_*___*.bin')).sort.each do |path|
  name = File.basename(path).delete_prefix('metric_').rpartition('___').first
  records(path).each { |labels, value| metrics[name][labels] += value }
end

metrics.each do |name, series|
  series.group_by { |labels, _| labels.reject { |label, _| %w[le quantile].include?(label) } }.each do |labels, group|
    parts = group.to_h { |all, value| [all['le'] || all['quantile'], value] }
    if group.first.first.key?('le')
      histogram(name, labels, parts)
    elsif group.first.first.key?('quantile')
      parts.each { |part, value| line("#{name}_#{part}", labels, value) }
    else
      line(name, labels, parts.fetch(nil))
    end
  end
end
