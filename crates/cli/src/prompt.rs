//! Questions, asked on standard error of whoever sits at the terminal.

use std::io::{IsTerminal, stdin};

use dialoguer::{Confirm, Password};
use permisos_secrets_core::{Error, ErrorKind};
use zeroize::Zeroizing;

/// Asks yes or no. Where nobody can answer it is an error that names the flag to give.
pub(crate) fn confirm(question: &str, flag: &str) -> Result<bool, Error> {
    if !stdin().is_terminal() {
        let message = format!("nobody is there to confirm this: give {flag}");
        return Err(Error::new(ErrorKind::ConfigInvalid, message));
    }
    Confirm::new().with_prompt(question).default(false).interact().map_err(|_| unanswered())
}

/// Asks for a value without echoing it; empty: none is given.
pub(crate) fn hidden(question: &str) -> Result<Zeroizing<String>, Error> {
    let answer = Password::new().with_prompt(question).allow_empty_password(true).interact();
    answer.map(Zeroizing::new).map_err(|_| unanswered())
}

fn unanswered() -> Error {
    Error::new(ErrorKind::ConfigInvalid, "the question was not answered: nothing is changed")
}
