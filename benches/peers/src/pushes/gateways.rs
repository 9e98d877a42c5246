//! Push gateways as processes of their own: ours, and the official one.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use clap::Args;
use groups_log::{LogStore, Options, Sync};
use groups_redis::RedisStore;
use push_gateway::{Gateway, GatewayOptions, Surface, SurfaceOptions, serve};
use push_groups::GroupStore;
use redis_link::Address;

/// A process that is a gateway of ours.
#[derive(Args, Clone, Debug)]
pub struct Job {
    /// Groups are kept in a log in this directory
    #[arg(long)]
    log: Option<PathBuf>,
    /// The log is synced before a push is acknowledged
    #[arg(long)]
    sync: bool,
    /// Groups are kept in this Redis
    #[arg(long)]
    redis: Option<String>,
}

impl Job {
    /// Serves until it is killed; prints its address first.
    ///
    /// # Errors
    /// When it cannot begin.
    pub fn work(&self) -> anyhow::Result<()> {
        let store: Arc<dyn GroupStore> = match (&self.log, &self.redis) {
            (_, Some(url)) => {
                Arc::new(RedisStore::new(Address::parse(url)?, groups_redis::Options::default()))
            }
            (log, None) => {
                let sync = if self.sync { Sync::Always } else { Sync::Never };
                let options = Options { directory: log.clone(), sync, ..Options::in_memory() };
                Arc::new(LogStore::open(options)?)
            }
        };
        let gateway = Gateway::new(vec![store], &GatewayOptions::default())?;
        let surface = Arc::new(Surface::new(gateway, SurfaceOptions::default(), Box::new(|| Ok(()))));
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?.block_on(
            async {
                let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
                println!("{}", listener.local_addr()?);
                serve(listener, surface, std::future::pending()).await
            },
        )?;
        Ok(())
    }
}

/// A gateway that runs; gone when this is dropped.
pub(super) struct Running {
    process: Child,
    pub(super) address: SocketAddr,
}

impl Running {
    /// One of ours.
    pub(super) fn ours(arguments: &[&str]) -> anyhow::Result<Running> {
        let mut command = Command::new(std::env::current_exe()?);
        let mut process = command.arg("gateway").args(arguments).stdout(Stdio::piped()).spawn()?;
        let mut line = String::new();
        let output = process.stdout.take().context("its output is ours")?;
        BufReader::new(output).read_line(&mut line)?;
        let address = line.trim().parse().context("our gateway did not start")?;
        Ok(Running { process, address })
    }

    /// The official one, which keeps its groups in `file` and writes what it says beside it.
    pub(super) fn official(file: &Path, arguments: &[&str]) -> anyhow::Result<Running> {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let log = File::create(file.with_extension("log"))?;
        let process = Command::new("prometheus-pushgateway")
            .arg(format!("--web.listen-address={address}"))
            .arg(format!("--persistence.file={}", file.display()))
            .args(arguments)
            .stdout(log.try_clone()?)
            .stderr(log)
            .spawn()
            .context("start prometheus-pushgateway: `cargo xtask setup` installs it")?;
        let running = Running { process, address };
        let end = Instant::now() + Duration::from_secs(60);
        while TcpStream::connect(address).is_err() {
            ensure!(Instant::now() < end, "the official gateway does not listen on {address}");
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(running)
    }

    /// Bytes of memory that it has now.
    pub(super) fn memory(&self) -> anyhow::Result<f64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.process.id()))?;
        let resident =
            status.lines().find_map(|line| line.strip_prefix("VmRSS:")).context("there is no VmRSS")?;
        Ok(resident.trim().trim_end_matches(" kB").parse::<f64>()? * 1024.0)
    }

    /// Ends it, with time to save what it keeps.
    pub(super) fn end(mut self) -> anyhow::Result<()> {
        let pid = rustix::process::Pid::from_child(&self.process);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM)?;
        self.process.wait()?;
        Ok(())
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
