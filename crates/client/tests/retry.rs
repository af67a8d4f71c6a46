//! Logging in while the password rotates, on paused time.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::cell::RefCell;
use std::error::Error as StdError;
use std::time::Duration;

use permisos_secrets::{DatabaseError, ErrorKind, ExposeSecret, Secrets, Service, SqlState};
use serde_json::json;
use support::{Behaviour, Scripted};
use tokio::time::{Instant, sleep};

/// What a driver's error says.
#[derive(Debug, PartialEq)]
struct Refused(&'static str, &'static str);

impl SqlState for Refused {
    fn sqlstate(&self) -> Option<String> {
        Some(self.0.to_owned())
    }

    fn server_message(&self) -> Option<String> {
        Some(self.1.to_owned())
    }
}

/// Logs in to a server that knows one password and refuses with a code; answers how often it was tried.
async fn logins(secrets: &Secrets, password: &str, code: &'static str) -> Result<usize, DatabaseError<Refused>> {
    logins_refused_with(secrets, password, code, "").await
}

async fn logins_refused_with(
    secrets: &Secrets,
    password: &str,
    code: &'static str,
    message: &'static str,
) -> Result<usize, DatabaseError<Refused>> {
    let tried = RefCell::new(0);
    let login = |database: std::sync::Arc<permisos_secrets::schema::DatabaseConfig>| {
        *tried.borrow_mut() += 1;
        let is_right = database.password.expose_secret() == password;
        async move { if is_right { Ok(()) } else { Err(Refused(code, message)) } }
    };
    secrets.with_database_retry(login).await.map(|()| tried.take())
}

async fn loaded(source: &std::sync::Arc<Scripted>) -> Secrets {
    let secrets = support::secrets(source, &json!({ "services": ["database"] }));
    secrets.ready().await.unwrap();
    // A forced fetch may come once a second.
    sleep(Duration::from_secs(2)).await;
    secrets
}

#[tokio::test(start_paused = true)]
async fn a_refused_login_is_made_again_with_the_password_that_is_current_now() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = loaded(&source).await;
    assert_eq!(logins(&secrets, "v1", "28P01").await.unwrap(), 1);
    // AWS changes the database first, the secret half a minute later.
    let started = Instant::now();
    let rotation = async {
        sleep(Duration::from_secs(30)).await;
        source.behave(Behaviour::Answer("v2"));
    };
    let (logins, ()) = tokio::join!(logins(&secrets, "v2", "28000"), rotation);
    assert_eq!(logins.unwrap(), 2, "no login with what was refused");
    assert!((30..60).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_password_that_stays_wrong_is_given_up_after_ninety_seconds() {
    let secrets = loaded(&Scripted::new(Behaviour::Answer("v1"))).await;
    let started = Instant::now();
    let error = logins(&secrets, "another", "28P01").await.unwrap_err();
    assert!(matches!(error, DatabaseError::Work(Refused("28P01", _))), "{error:?}");
    assert!((85..=95).contains(&started.elapsed().as_secs()), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn any_other_error_passes_at_once_untouched() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = loaded(&source).await;
    let fetches = source.fetches();
    let error = logins(&secrets, "another", "42P01").await.unwrap_err();
    assert!(matches!(error, DatabaseError::Work(Refused("42P01", _))), "{error:?}");
    assert_eq!(source.fetches(), fetches, "and nothing is fetched");
}

#[tokio::test(start_paused = true)]
async fn the_message_decides_where_a_code_stands_for_more_than_a_password() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = loaded(&source).await;
    let fetches = source.fetches();
    let refused = "no pg_hba.conf entry for host \"10.0.0.9\", user \"app\", database \"app\", no encryption";
    logins_refused_with(&secrets, "v2", "28000", refused).await.unwrap_err();
    logins_refused_with(&secrets, "v2", "08P01", "query_wait_timeout").await.unwrap_err();
    assert_eq!(source.fetches(), fetches, "nothing is fetched for what no password heals");
    source.behave(Behaviour::Answer("v2"));
    assert_eq!(logins_refused_with(&secrets, "v2", "08P01", "SASL authentication failed").await.unwrap(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_secret_that_cannot_be_read_is_the_secrets_error() {
    let secrets = support::secrets(&Scripted::new(Behaviour::Fail(ErrorKind::NotFound)), &json!({}));
    secrets.ready().await.unwrap_err();
    let error = logins(&secrets, "v1", "28P01").await.unwrap_err();
    let DatabaseError::Secrets(error) = error else { panic!("{error:?}") };
    assert_eq!(error.service(), Some(&Service::Database.into()));
}

#[tokio::test(start_paused = true)]
async fn an_error_of_another_kind_is_told_by_a_closure_and_a_boxed_one_by_its_causes() {
    let source = Scripted::new(Behaviour::Answer("v1"));
    let secrets = loaded(&source).await;
    let work = async |password: String| if password == "v2" { Ok(password) } else { Err("refused") };
    source.behave(Behaviour::Answer("v2"));
    let done = secrets
        .with_database_retry_if(|database| work(database.password.expose_secret().to_owned()), |it| *it == "refused")
        .await;
    assert_eq!(done.unwrap(), "v2");
    // Errors of no driver have no SQLSTATE.
    let boxed: Box<dyn StdError + Send + Sync> = "password authentication failed".into();
    assert_eq!(boxed.sqlstate(), None);
    // One of sqlx that is no answer of a server has none, either.
    let boxed: Box<dyn StdError + Send + Sync> = sqlx::Error::PoolTimedOut.into();
    assert_eq!(boxed.sqlstate(), None);
}
