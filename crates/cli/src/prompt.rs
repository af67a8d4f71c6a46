//! Questions to the person at the terminal, on standard error. The terminal itself edits the line, so Ctrl-C leaves it as
//! it was. A signal from elsewhere ends the program at once: during a hidden question the terminal then stays without echo
//! until `stty sane`.

use std::io::{IsTerminal, Write, stderr, stdin};

use permisos_secrets_core::{Error, ErrorKind};
use rustix::termios::{LocalModes, OptionalActions, QueueSelector, SpecialCodeIndex, tcflush, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

use crate::output::printable;

/// The character that Ctrl-C sends.
const INTERRUPT: u8 = 3;
/// A terminal silently cuts longer lines: Linux has 4096 bytes for one, with its end.
const LONGEST: usize = 4095;

/// Asks yes or no; anything but yes is no. Fails without a terminal, and names the flag to pass.
pub(crate) fn confirm(question: &str, flag: &str) -> Result<bool, Error> {
    if !stdin().is_terminal() {
        let message = format!("there is no terminal to confirm this at: pass {flag}");
        return Err(Error::new(ErrorKind::ConfigInvalid, message));
    }
    ask(&format!("{question} [y/N] "));
    let answer = line()?;
    Ok(["y", "yes"].contains(&answer.trim().to_ascii_lowercase().as_str()))
}

/// Asks for a value without echoing it; empty if the person enters none.
pub(crate) fn hidden(question: &str) -> Result<Zeroizing<String>, Error> {
    let before = tcgetattr(stdin()).map_err(|_| unanswered())?;
    let mut silent = before.clone();
    silent.local_modes.remove(LocalModes::ECHO);
    silent.local_modes.insert(LocalModes::ECHONL);
    // Ctrl-C ends the line instead of the program, which would leave the terminal without echo.
    silent.local_modes.remove(LocalModes::ISIG);
    silent.special_codes[SpecialCodeIndex::VEOL] = INTERRUPT;
    tcsetattr(stdin(), OptionalActions::Flush, &silent).map_err(|_| unanswered())?;
    ask(&format!("{question}: "));
    let answer = line();
    tcsetattr(stdin(), OptionalActions::Now, &before).map_err(|_| unanswered())?;
    answer
}

fn ask(question: &str) {
    let (question, mut err) = (printable(question), stderr().lock());
    // Fails only where standard error is closed; then reading the answer fails as well.
    let _ = write!(err, "{question}").and_then(|()| err.flush());
}

/// Reads one line, unbuffered but for our own zeroed buffer.
fn line() -> Result<Zeroizing<String>, Error> {
    let mut bytes = Zeroizing::new(Vec::with_capacity(LONGEST));
    let mut byte = Zeroizing::new([0]);
    loop {
        if bytes.len() == LONGEST {
            let _ = tcflush(stdin(), QueueSelector::IFlush);
            let message =
                "the answer is too long for a terminal, which would cut it: nothing is changed. Pass it with --stdin";
            return Err(Error::new(ErrorKind::ConfigInvalid, message));
        }
        match rustix::io::retry_on_intr(|| rustix::io::read(stdin(), &mut *byte)) {
            Ok(1) if byte[0] == b'\n' => break,
            Ok(1) if byte[0] != INTERRUPT => bytes.push(byte[0]),
            _ => return Err(unanswered()),
        }
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| unanswered())?;
    Ok(Zeroizing::new(text.to_owned()))
}

fn unanswered() -> Error {
    Error::new(ErrorKind::ConfigInvalid, "the question was not answered: nothing is changed")
}
