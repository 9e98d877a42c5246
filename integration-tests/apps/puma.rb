# A cluster of two workers, which count with GitLab's client under the number of their place and not under a pid.

require 'prometheus/client'

workers 2
threads 2, 2
worker_check_interval 1
# It ends as one that did what it was asked to.
raise_exception_on_sigterm false
bind 'tcp://127.0.0.1:0'
rackup File.join(__dir__, 'shop.ru')
preload_app!

on_worker_boot do |index|
  Prometheus::Client.configuration.pid_provider = -> { "worker_id_#{index}" }
  Prometheus::Client.reinitialize_on_pid_change(force: true)
end
