//! `multiprom push-gateway`: what jobs push, shown to Prometheus.

mod config;
mod import;
mod log;
mod settings;
mod stores;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::Arc;

use anyhow::{Context, ensure};
use push_gateway::{Gateway, GatewayOptions, Surface, serve};
use tokio::net::TcpListener;
use tokio::task::JoinSet;

use crate::cli::push_gateway::{PushGateway, SWITCHES};
use crate::listen::{listen, url};
use crate::serve::LAST_MOMENT;
use crate::signals::{end_requested, end_requests};

use self::settings::{addresses, surface_options};
use self::stores::stores;

/// Names that the program may be called by to be this command.
const NAMES: [&str; 2] = ["pushgateway", "prometheus-pushgateway"];

/// The arguments as clap is to see them: with the command in front where the program has another name, and without
/// switches that are taken back by `--no-`.
pub(crate) fn arguments(arguments: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.into_iter().collect();
    let name = arguments.first().map(PathBuf::from);
    let name = name.as_deref().and_then(|path| path.file_name()).and_then(|name| name.to_str());
    if name.is_some_and(|name| NAMES.contains(&name)) {
        arguments.insert(1, "push-gateway".into());
    }
    if arguments.get(1).is_none_or(|command| command != "push-gateway") {
        return arguments;
    }
    let mut kept: Vec<OsString> = Vec::with_capacity(arguments.len());
    for argument in arguments {
        let taken_back = argument.to_str().and_then(|text| text.strip_prefix("--no-"));
        match taken_back.filter(|switch| SWITCHES.contains(switch)) {
            Some(switch) => kept.retain(|before| *before != *format!("--{switch}")),
            None if is_switch(&argument) && kept.contains(&argument) => {}
            None => kept.push(argument),
        }
    }
    kept
}

fn is_switch(argument: &OsString) -> bool {
    argument.to_str().and_then(|text| text.strip_prefix("--")).is_some_and(|text| SWITCHES.contains(&text))
}

/// Serves until Ctrl-C, SIGTERM, or until a client says so.
pub(crate) fn push_gateway(mut command: PushGateway) -> anyhow::Result<()> {
    let config = config::take_up(&mut command)?;
    let level = log::start(command.gateway_log_level, command.gateway_log_format);
    if let Some(level_now) = config.as_ref().and_then(|config| config.log_level()) {
        level.set(level_now);
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    let runtime = runtime.enable_all().build().context("start a runtime")?;
    let served = runtime.block_on(serve_all(command, level));
    runtime.shutdown_timeout(LAST_MOMENT);
    served
}

async fn serve_all(command: PushGateway, level: log::Level) -> anyhow::Result<()> {
    tracing::info!(version = env!("CARGO_PKG_VERSION"), "starting pushgateway");
    // Nothing else is to be done meanwhile.
    let stores = stores(&command)?;
    let options = GatewayOptions {
        queue: command.waiting,
        groups: command.groups.map(|groups| groups.div_ceil(stores.len())),
        lives: Some(command.ttl).filter(|ttl| !ttl.is_zero()),
        ..GatewayOptions::default()
    };
    let gateway = Gateway::new(stores, &options).context("read the groups")?;
    let surface_options = surface_options(&command)?;
    let path = format!("{}{}", surface_options.routes.prefix, surface_options.routes.page);
    let web = surface_options.web.clone();
    let encrypted = web.as_ref().is_some_and(|web| web.get().tls.is_some());
    let scheme = if encrypted || surface_options.tls.is_some() { "https" } else { "http" };
    let path_of_config = command.config.clone();
    let reload = Box::new(move || {
        web.as_ref().map_or(Ok(()), |web| web.reload()).map_err(|error| error.to_string())?;
        config::reload(path_of_config.as_deref(), &level)
    });
    let surface = Arc::new(Surface::new(gateway, surface_options, reload));
    // Before anybody can know that we are there: whoever does may end us.
    let requested = end_requests()?;
    let mut listeners: Vec<TcpListener> = Vec::new();
    let mut handed_over = match command.systemd_socket {
        true => handed_over().context("take over the sockets of systemd")?,
        false => Vec::new(),
    };
    let addresses = if command.systemd_socket { Vec::new() } else { addresses(&command) };
    for address in addresses {
        handed_over.push(listen(&address).await?);
    }
    for listener in handed_over {
        let address = listener.local_addr().context("address of the listener")?;
        let page = url(address, &path).replacen("http", scheme, 1);
        tracing::info!(address = %address, url = page, "listening");
        listeners.push(listener);
    }
    let mut servers = JoinSet::new();
    for listener in listeners {
        let quit = surface.quit();
        let requested = requested.clone();
        let ended = async move {
            tokio::select! {
                () = end_requested(requested) => {}
                () = end_requested(quit) => {}
            }
        };
        servers.spawn(serve(listener, surface.clone(), ended));
    }
    all_ended(&mut servers).await?;
    tracing::info!("ended");
    Ok(())
}

/// The sockets that systemd has opened for us (`sd_listen_fds(3)`).
fn handed_over() -> anyhow::Result<Vec<TcpListener>> {
    let mut sockets = listenfd::ListenFd::from_env();
    ensure!(sockets.len() > 0, "there are none: --web.systemd-socket is for a unit with a socket");
    let mut listeners = Vec::with_capacity(sockets.len());
    for number in 0..sockets.len() {
        let socket =
            sockets.take_tcp_listener(number)?.with_context(|| format!("socket {number} is taken"))?;
        socket.set_nonblocking(true)?;
        listeners.push(TcpListener::from_std(socket)?);
    }
    Ok(listeners)
}

async fn all_ended(servers: &mut JoinSet<std::io::Result<()>>) -> anyhow::Result<()> {
    while let Some(served) = servers.join_next().await {
        served.context("a server panicked")?.context("serve")?;
    }
    Ok(())
}

#[cfg(test)]
mod tests;
