//! `credential_process`: a program that prints credentials. AWS's own provider has no bound: it waits for ever, leaves the
//! program running, and quotes what it wrote to standard error.

use std::process::Stdio;
use std::time::{Duration, SystemTime};

use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{self, ProvideCredentials, future};
use aws_smithy_types::DateTime;
use aws_smithy_types::date_time::Format;
use permisos_secrets_core::ErrorKind;
#[cfg(unix)]
use rustix::process::{Pid, Signal, kill_process_group};
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio::process::Command;
use zeroize::Zeroizing;

use crate::fault::Fault;
use crate::profile::Secret;

/// Credentials are a few hundred bytes, tokens a few thousand.
const OUTPUT_LIMIT: u64 = 64 * 1024;

/// Runs the program at each request. What goes on for longer than the limit is ended.
#[derive(Debug)]
pub(crate) struct ProcessProvider {
    pub(crate) command: Secret,
    pub(crate) limit: Duration,
}

impl ProcessProvider {
    async fn credentials(&self) -> provider::Result {
        let run = tokio::time::timeout(self.limit, self.run());
        let late =
            |_| Err(Fault::new(ErrorKind::Timeout, "its credential_process did not end in time: run it by hand"));
        let output = run.await.unwrap_or_else(late).map_err(CredentialsError::provider_error)?;
        let read = credentials(&output).map_err(|what| {
            let message =
                format!("its credential_process printed {what}: run it by hand and compare with AWS's documentation");
            Fault::new(ErrorKind::Unauthenticated, &message)
        });
        read.map_err(CredentialsError::provider_error)
    }

    async fn run(&self) -> Result<Zeroizing<Vec<u8>>, Fault> {
        let failed = |what: String| Fault::new(ErrorKind::Unauthenticated, &format!("its credential_process {what}"));
        let mut command = shell(&self.command.0);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut child = command.spawn().map_err(|error| failed(format!("could not be started ({})", error.kind())))?;
        #[cfg(unix)]
        let mut group = Group(child.id());
        let mut output = Zeroizing::new(vec![]);
        if let Some(stdout) = child.stdout.take() {
            let read = stdout.take(OUTPUT_LIMIT + 1).read_to_end(&mut output).await;
            read.map_err(|error| failed(format!("could not be read ({})", error.kind())))?;
        }
        if output.len() as u64 > OUTPUT_LIMIT {
            return Err(failed("printed far more than credentials: run it by hand".to_owned()));
        }
        let status = child.wait().await.map_err(|error| failed(format!("was lost ({})", error.kind())))?;
        #[cfg(unix)]
        group.0.take();
        if status.success() {
            return Ok(output);
        }
        let how = status
            .code()
            .map_or_else(|| "was ended by a signal".to_owned(), |code| format!("exited with status {code}"));
        Err(failed(format!("{how}: run it by hand to see why")))
    }
}

impl ProvideCredentials for ProcessProvider {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(self.credentials())
    }
}

#[cfg(unix)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("sh");
    shell.arg("-c").arg(command).process_group(0);
    shell
}

/// The shell and what it started, which is ended when it is dropped: a program that hangs is the shell's child.
#[cfg(unix)]
struct Group(Option<u32>);

#[cfg(unix)]
impl Drop for Group {
    fn drop(&mut self) {
        let id = self.0.and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw);
        if let Some(id) = id {
            // It may have ended by itself meanwhile.
            let _ = kill_process_group(id, Signal::KILL);
        }
    }
}

/// `cmd.exe` takes off one pair of quotes, and knows nothing of those that Rust would add.
#[cfg(windows)]
fn shell(command: &str) -> Command {
    let mut shell = Command::new("cmd.exe");
    shell.arg("/C").raw_arg(format!("\"{command}\""));
    shell
}

/// What the program printed, by
/// [AWS's documentation](https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html); the names in
/// any case, as AWS's SDKs take them. The error says what is wrong, and quotes nothing.
fn credentials(output: &[u8]) -> Result<Credentials, String> {
    let Ok(Value::Object(fields)) = serde_json::from_slice(output) else {
        return Err("something that is not a JSON object".to_owned());
    };
    let field = |name: &str| fields.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value);
    let text = |name: &str| field(name).and_then(Value::as_str).filter(|text| !text.is_empty());
    if field("Version").and_then(Value::as_i64) != Some(1) {
        return Err("no `Version` 1".to_owned());
    }
    let needed = |name: &str| text(name).ok_or_else(|| format!("no `{name}`"));
    let (id, secret) = (needed("AccessKeyId")?, needed("SecretAccessKey")?);
    let expiry = match field("Expiration") {
        None | Some(Value::Null) => None,
        Some(date) => {
            let date = date.as_str().and_then(|date| DateTime::from_str(date, Format::DateTimeWithOffset).ok());
            let date = date.and_then(|date| SystemTime::try_from(date).ok());
            Some(date.ok_or("an `Expiration` that is not a date of RFC 3339")?)
        }
    };
    Ok(Credentials::new(id, secret, text("SessionToken").map(str::to_owned), expiry, "CredentialProcess"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(output: &str) -> String {
        credentials(output.as_bytes()).err().unwrap_or_default()
    }

    #[test]
    fn what_is_missing_is_named_and_nothing_is_quoted() {
        assert_eq!(fault("AKID-canary"), "something that is not a JSON object");
        assert_eq!(fault("[]"), "something that is not a JSON object");
        assert_eq!(fault(r#"{"AccessKeyId":"a","SecretAccessKey":"b"}"#), "no `Version` 1");
        assert_eq!(fault(r#"{"Version":2,"AccessKeyId":"a","SecretAccessKey":"b"}"#), "no `Version` 1");
        assert_eq!(fault(r#"{"Version":1,"SecretAccessKey":"b"}"#), "no `AccessKeyId`");
        assert_eq!(fault(r#"{"Version":1,"AccessKeyId":"a","SecretAccessKey":""}"#), "no `SecretAccessKey`");
        let date = r#"{"Version":1,"AccessKeyId":"a","SecretAccessKey":"b","Expiration":"tomorrow"}"#;
        assert_eq!(fault(date), "an `Expiration` that is not a date of RFC 3339");
    }

    #[test]
    fn credentials_are_read_with_their_end_and_names_in_any_case() {
        let output = r#"{"version":1,"accesskeyid":"a","SecretAccessKey":"b","SessionToken":"c",
                         "Expiration":"2026-11-25T10:00:00+01:00"}"#;
        let read = credentials(output.as_bytes()).unwrap();
        assert_eq!((read.access_key_id(), read.session_token()), ("a", Some("c")));
        let end = SystemTime::UNIX_EPOCH + Duration::from_hours(498_777);
        assert_eq!(read.expiry(), Some(end));
    }
}
