//! `multiprom top`: what counts most, live.

mod lives;
mod meter;
mod numbers;
mod sampler;
mod screen;
mod view;
mod worker;

use std::io::{self, IsTerminal};
use std::process::ExitCode;
use std::sync::mpsc::{Receiver, Sender, TryRecvError, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use ratatui::DefaultTerminal;
use ratatui::crossterm::event::{self, Event, KeyEventKind};
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::cli::inside::Top;
use crate::explain;
use crate::inside::output::Output;
use crate::inside::table::Table;
use crate::signals::{end_requested, end_requests};

use sampler::{Sample, Sampler};
use screen::{After, Screen};
use view::View;

/// The command line is right, but not for what it is used with.
const WRONG_USE: u8 = 2;

/// How long a key or a new sample waits to be seen, at most.
const LOOKS_EVERY: Duration = Duration::from_millis(50);

/// Shows rates until somebody has seen enough.
pub(crate) fn top(command: Top) -> anyhow::Result<ExitCode> {
    let view = View { workers: command.workers, ..View::default() };
    if command.once {
        return once(command, &view);
    }
    if !io::stdout().is_terminal() {
        crate::complain(&anyhow::anyhow!(
            "top draws on a terminal and standard output is none; `multiprom top --once` prints one table"
        ));
        return Ok(ExitCode::from(WRONG_USE));
    }
    let colour = std::env::var_os("NO_COLOR").is_none();
    let sampler = Sampler::new(command.sources)?;
    let mut screen = Screen::new(&sampler.name, view, colour);
    let (send, samples) = channel();
    thread::spawn(move || sample_until_end(sampler, command.interval, &send));
    let mut terminal =
        ratatui::try_init().inspect_err(|_| ratatui::restore()).context("take the terminal")?;
    let shown = show(&mut screen, &mut terminal, &samples);
    let restored = ratatui::try_restore();
    shown?;
    restored.context("give the terminal back")?;
    terminal.show_cursor().context("show the cursor")?;
    Ok(ExitCode::SUCCESS)
}

/// What the thread that reads has to say.
enum Message {
    Sampled(Result<Sample, String>),
    End,
}

fn show(
    screen: &mut Screen,
    terminal: &mut DefaultTerminal,
    samples: &Receiver<Message>,
) -> anyhow::Result<()> {
    let mut stale = true;
    loop {
        if std::mem::take(&mut stale) {
            terminal.draw(|frame| screen.draw(frame)).context("draw")?;
        }
        if event::poll(LOOKS_EVERY).context("wait for keys")? {
            stale = true;
            if let Event::Key(key) = event::read().context("read keys")?
                && key.kind != KeyEventKind::Release
                && screen.key(key) == After::Quit
            {
                return Ok(());
            }
        }
        loop {
            match samples.try_recv() {
                Ok(Message::Sampled(sampled)) => screen.take(sampled),
                Ok(Message::End) => return Ok(()),
                Err(TryRecvError::Empty) => break,
                Err(TryRecvError::Disconnected) => bail!("the thread that reads has ended"),
            }
            stale = true;
        }
    }
}

/// Reads again and again, until a signal asks for the end or nobody listens.
fn sample_until_end(mut sampler: Sampler, every: Duration, send: &Sender<Message>) {
    let sampling = async {
        let requested = end_requests()?;
        let mut ticks = interval_at(Instant::now(), every);
        // A reading that took long is no reason for two in a row.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let sampled = async {
            loop {
                ticks.tick().await;
                let sampled = sampler.sample().await.map_err(|error| explain(&error));
                if send.send(Message::Sampled(sampled)).is_err() {
                    return;
                }
            }
        };
        tokio::select! {
            () = sampled => {}
            () = end_requested(requested) => {}
        }
        anyhow::Ok(())
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ended = runtime.context("start a runtime").and_then(|runtime| runtime.block_on(sampling));
    // Nobody listens any more where this fails.
    let _ = send.send(match ended {
        Ok(()) => Message::End,
        Err(error) => Message::Sampled(Err(explain(&error))),
    });
}

/// Prints one table after one interval.
fn once(command: Top, view: &View) -> anyhow::Result<ExitCode> {
    let mut sampler = Sampler::new(command.sources)?;
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("start a runtime")?;
    let sample = runtime.block_on(async {
        sampler.sample().await?;
        tokio::time::sleep(command.interval).await;
        sampler.sample().await
    })?;
    let mut table = Table::new(view.columns());
    view.order(&sample).iter().for_each(|item| table.push(item.cells()));
    let mut out = Output::new();
    table.print(&mut out)?;
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}
