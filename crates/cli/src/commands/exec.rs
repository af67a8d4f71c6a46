//! `exec`: starts an existing program with its variables filled from secrets.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::io::{stderr, stdin, stdout};
use std::os::fd::AsFd;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use clap::Args;
use permisos_secrets::{EventKind, Secrets, Subscription};
use permisos_secrets_core::{Assignment, Error, ErrorKind};
use rustix::io::{FdFlags, fcntl_setfd};
use rustix::process::{Signal, kill_process};
use secrecy::ExposeSecret;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::authorities::AuthorityFiles;
use crate::context::Context;
use crate::group::{Group, adopt_orphans, pid};
use crate::mask::Mask;
use crate::output::{DIM, WARN, paint};

/// As in shells: the program could not be run, or its exit code is unknown.
const LOST: u8 = 126;
/// Linux takes no longer variable, name and value together.
const LONGEST: usize = 131_072;
/// How long a killed program may take: one that waits for a disk or a debugger cannot be waited for.
const UNKILLABLE: Duration = Duration::from_secs(10);

/// Start a program with its variables filled from secrets.
///
/// It sets `DATABASE_URL` and the other variables of the services, and replaces those of this process with the same
/// names. A process list does not show the values; the program's own environment holds them.
#[derive(Args)]
pub(crate) struct Exec {
    /// Restart the program, with all that it started, when a secret was rotated
    #[arg(long)]
    watch: bool,
    /// Replace secret values in the program's output with [REDACTED], also escaped, percent-encoded and in base64
    #[arg(long)]
    mask: bool,
    /// At a restart: seconds that the program has to end before it is killed
    #[arg(long, value_name = "SECONDS", default_value = "10")]
    grace: u64,
    /// The program and its arguments, after --
    #[arg(required = true, trailing_var_arg = true, allow_hyphen_values = true, value_name = "COMMAND")]
    command: Vec<OsString>,
}

impl Exec {
    /// Returns the program's exit code.
    pub(crate) async fn run(self, context: &Context<'_>) -> Result<u8, Error> {
        let secrets = context.secrets(&[])?;
        let mut subscription = secrets.subscribe();
        secrets.ready().await?;
        keep_standard_streams();
        if self.watch || self.mask || AuthorityFiles::are_needed(context, &secrets) {
            return self.supervise(context, &secrets, &mut subscription).await;
        }
        // The program replaces this process: signals reach it, and its exit code is the caller's answer.
        let mut command = std::process::Command::new(&self.command[0]);
        let files = AuthorityFiles::write(context, &secrets);
        command.args(&self.command[1..]).env_clear().envs(environment(context, &secrets, &files)?.0);
        Err(not_started(&self.command[0], &command.exec()))
    }

    async fn supervise(
        &self,
        context: &Context<'_>,
        secrets: &Secrets,
        subscription: &mut Subscription,
    ) -> Result<u8, Error> {
        let mut signals = signals(self.watch)?;
        if self.watch {
            adopt_orphans();
        }
        loop {
            let mut running = self.start(context, secrets)?;
            let ended = loop {
                tokio::select! {
                    status = running.child.wait() => break Some(status),
                    Some(signal) = signals.recv() => running.pass(signal),
                    () = rotated(subscription), if self.watch => break None,
                }
            };
            if ended.is_none() {
                context.output.note(paint(DIM, "a secret was rotated: restarting the program"));
            }
            running.end(Duration::from_secs(self.grace)).await;
            running.drain().await;
            if let Some(status) = ended {
                return Ok(status.map_or(LOST, code));
            }
        }
    }

    fn start(&self, context: &Context<'_>, secrets: &Secrets) -> Result<Running, Error> {
        let mut command = Command::new(&self.command[0]);
        let files = AuthorityFiles::write(context, secrets);
        let (environment, variables) = environment(context, secrets, &files)?;
        command.args(&self.command[1..]).env_clear().envs(environment).kill_on_drop(true);
        if self.mask {
            command.stdout(Stdio::piped()).stderr(Stdio::piped());
        }
        if self.watch {
            command.process_group(0);
        }
        let mut child = command.spawn().map_err(|error| not_started(&self.command[0], &error))?;
        let mut streams = vec![];
        if let Some(from) = child.stdout.take() {
            streams.push(tokio::spawn(copy(from, tokio::io::stdout(), mask(&variables))));
        }
        if let Some(from) = child.stderr.take() {
            streams.push(tokio::spawn(copy(from, tokio::io::stderr(), mask(&variables))));
        }
        let group = Group::of(&child).filter(|_| self.watch);
        Ok(Running { child, group, streams, is_asked_to_end: false, _files: files })
    }
}

/// The program, and its output on the way.
struct Running {
    child: Child,
    /// The program and what it started, where it is to be restarted: a shell or npm may leave a server behind.
    group: Option<Group>,
    streams: Vec<JoinHandle<()>>,
    /// Gone with it.
    _files: AuthorityFiles,
    is_asked_to_end: bool,
}

impl Running {
    fn pass(&mut self, signal: Signal) {
        self.is_asked_to_end |= signal == Signal::TERM;
        match (&self.group, pid(&self.child)) {
            (Some(group), _) => group.pass(signal),
            // Fails only where the program has just ended.
            (None, Some(id)) => drop(kill_process(id, signal)),
            (None, None) => {}
        }
    }

    /// Ends what is left of the group: asks it to, and kills what is still there after this time. Returns when nothing of
    /// it is there any more, so that the ports that it listened on are free.
    async fn end(&mut self, grace: Duration) {
        if self.group.as_ref().is_none_or(Group::is_gone) {
            return;
        }
        if !self.is_asked_to_end {
            self.pass(Signal::TERM);
        }
        if tokio::time::timeout(grace, self.gone()).await.is_err() {
            self.pass(Signal::KILL);
            let _ = tokio::time::timeout(UNKILLABLE, self.gone()).await;
        }
    }

    async fn gone(&mut self) {
        let _ = self.child.wait().await;
        while self.group.as_ref().is_some_and(|group| !group.is_gone()) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits for the rest of the output, for two seconds at most: a grandchild may hold it open.
    async fn drain(self) {
        for stream in self.streams {
            let _ = tokio::time::timeout(Duration::from_secs(2), stream).await;
        }
    }
}

/// Node marks its standard streams to be closed in what it starts; the program needs them.
fn keep_standard_streams() {
    for stream in [stdin().as_fd(), stdout().as_fd(), stderr().as_fd()] {
        // Fails only where the stream is closed already.
        let _ = fcntl_setfd(stream, FdFlags::empty());
    }
}

/// The program's environment: this process's, but for the variables of these services, which come from the secrets; and
/// those.
fn environment(
    context: &Context<'_>,
    secrets: &Secrets,
    files: &AuthorityFiles,
) -> Result<(BTreeMap<OsString, OsString>, Vec<Assignment>), Error> {
    let options = &context.options;
    let mut environment: BTreeMap<OsString, OsString> = std::env::vars_os().collect();
    for service in options.service_ids() {
        let Some(definition) = options.definition(&service) else { continue };
        for name in definition.variables().into_iter().chain(definition.written_variables().iter().copied()) {
            environment.remove(OsStr::new(name));
        }
    }
    let (filled, failed) = options.assignments(|service| secrets.read(service), |service| files.of(service));
    note(context, &failed);
    if let Some(long) = filled.iter().find(|it| it.name.len() + it.value.expose_secret().len() + 2 > LONGEST) {
        let message = format!("{} is longer than the {LONGEST} bytes that a variable may have on Linux", long.name);
        return Err(Error::new(ErrorKind::Invalid, message));
    }
    environment.extend(filled.iter().map(|it| (it.name.clone().into(), it.value.expose_secret().into())));
    environment.extend(files.variable());
    Ok((environment, filled))
}

/// Notes which services are left out, and why.
pub(super) fn note(context: &Context<'_>, failed: &[Error]) {
    for error in failed {
        context.output.note(format_args!("{} left out: {error}", paint(WARN, "note")));
    }
}

fn mask(variables: &[Assignment]) -> Mask {
    let secret = variables.iter().filter(|variable| variable.is_secret);
    Mask::new(secret.map(|variable| variable.value.expose_secret()))
}

async fn rotated(subscription: &mut Subscription) {
    while let Some(event) = subscription.next_event().await {
        if matches!(event.kind, EventKind::Rotated { .. }) {
            return;
        }
    }
    std::future::pending::<()>().await;
}

/// The signals to pass on. A terminal sends its own to the program as well, unless that has a group of its own.
fn signals(is_group: bool) -> Result<mpsc::Receiver<Signal>, Error> {
    let (sender, receiver) = mpsc::channel(16);
    let is_passed = is_group || !std::io::IsTerminal::is_terminal(&stdin());
    let passed = [
        (SignalKind::child(), Signal::CHILD, is_group),
        (SignalKind::from_raw(Signal::CONT.as_raw()), Signal::CONT, is_group),
        (SignalKind::hangup(), Signal::HUP, true),
        (SignalKind::interrupt(), Signal::INT, is_passed),
        (SignalKind::quit(), Signal::QUIT, is_passed),
        (SignalKind::terminate(), Signal::TERM, true),
        (SignalKind::user_defined1(), Signal::USR1, true),
        (SignalKind::user_defined2(), Signal::USR2, true),
    ];
    for (kind, passed, is_passed) in passed {
        let mut stream = signal(kind).map_err(|error| {
            Error::new(ErrorKind::Unavailable, format!("signals cannot be watched ({})", error.kind()))
        })?;
        let sender = sender.clone();
        tokio::spawn(async move {
            while stream.recv().await.is_some() {
                if is_passed && sender.send(passed).await.is_err() {
                    return;
                }
            }
        });
    }
    Ok(receiver)
}

async fn copy(mut from: impl AsyncRead + Unpin, mut to: impl AsyncWrite + Unpin, mut mask: Mask) {
    let mut buffer = vec![0; 8192];
    loop {
        let masked = match from.read(&mut buffer).await {
            Ok(0) | Err(_) => break,
            Ok(count) => mask.push(&buffer[..count]),
        };
        if to.write_all(&masked).await.is_err() || to.flush().await.is_err() {
            return;
        }
    }
    let _ = to.write_all(&mask.finish()).await;
    let _ = to.flush().await;
}

/// As in shells: 128 plus the signal that ended the program.
fn code(status: ExitStatus) -> u8 {
    let code = status.code().or_else(|| status.signal().map(|signal| 128 + signal)).unwrap_or_default();
    u8::try_from(code).unwrap_or(u8::MAX)
}

fn not_started(program: &OsString, error: &std::io::Error) -> Error {
    let message = format!("{} cannot be started ({})", program.display(), error.kind());
    let kind = if error.kind() == std::io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Unavailable };
    Error::new(kind, message)
}
