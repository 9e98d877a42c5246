//! `multiprom collect`: one page on standard output.

use std::io::{self, Write};

use anyhow::Context;
use collector::{Ask, Collector};
use exposition::{Format, encode};

use crate::cli::{Collect, PageFormat};
use crate::sources::{named, sources_of};

/// Prints the merged page once.
pub(crate) fn collect(command: Collect) -> anyhow::Result<()> {
    let named = named(command.sources)?;
    let collector = Collector::new(sources_of(named, command.limits, command.process_metrics, false)?);
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    let mut ask = Ask::default();
    ask.liveness = command.liveness.into();
    let snapshot = runtime.block_on(collector.collect(&ask))?;
    let format = match command.format {
        PageFormat::Text => Format::TEXT,
        PageFormat::Openmetrics => Format::OPENMETRICS,
    };
    let mut page = Vec::new();
    encode(format, &snapshot, &mut page);
    let mut out = io::stdout().lock();
    match out.write_all(&page).and_then(|()| out.flush()) {
        // `multiprom collect | head`: the reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.context("write the page to standard output"),
    }
}
