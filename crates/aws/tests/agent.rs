//! The agent's source against an agent that answers from a script, over real HTTP.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::time::Duration;

use permisos_secrets::Source;
use permisos_secrets_aws::AgentSource;
use permisos_secrets_core::{ErrorKind, Failure, Fetch, FetchId, Fetched, Payload, Stage};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use serde_json::json;
use support::server::{Reply, Server, fetch, request};

fn source(server: &Server, token: &str) -> AgentSource {
    let mut connection = server.connection(&[]);
    connection.endpoint_url = Some(server.url.clone());
    AgentSource::with_token(&connection, token)
}

fn only(fetched: Fetched) -> Result<Payload, Failure> {
    fetched.outcomes.into_iter().next().unwrap().result
}

#[tokio::test]
async fn a_secret_is_asked_for_with_its_stage_and_the_token() {
    let server = Server::start(|_| {
        Reply::json(200, &json!({ "SecretString": "{}", "VersionId": "v1", "CreatedDate": "2026-11-24T00:00:00Z" }))
    })
    .await;
    let requests = vec![request("permisos/x/y", Stage::Previous)];
    let payload = only(source(&server, CANARY).fetch(&Fetch { id: FetchId(1), requests }).await).unwrap();
    assert_eq!((payload.version_id.as_str(), payload.created_at.unwrap().0), ("v1", 1_795_478_400_000));
    let seen = server.seen().pop().unwrap();
    assert_eq!(seen.query, "secretId=permisos%2Fx%2Fy&versionStage=AWSPREVIOUS");
    assert_eq!(seen.headers["x-aws-parameters-secrets-token"], CANARY);
}

#[tokio::test]
async fn the_token_is_read_again_each_time() {
    let server = Server::start(|_| Reply::json(200, &json!({ "SecretString": "{}", "VersionId": "v1" }))).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    let source = source(&server, &format!("file://{}", file.path().display()));
    for token in ["first", "second"] {
        std::fs::write(file.path(), format!("{token}\n")).unwrap();
        only(source.fetch(&fetch(&["a"])).await).unwrap();
    }
    let tokens: Vec<_> = server.seen().iter().map(|it| it.headers["x-aws-parameters-secrets-token"].clone()).collect();
    assert_eq!(tokens, ["first", "second"]);
}

#[tokio::test]
async fn a_token_that_cannot_be_read_says_what_to_do() {
    let server = Server::start(|_| Reply::json(200, &json!({}))).await;
    let failure = only(source(&server, "file:///nowhere/token").fetch(&fetch(&["a"])).await).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unauthenticated);
    assert!(failure.message.contains("/nowhere/token") && failure.message.contains("AWS_TOKEN"), "{}", failure.message);
}

#[tokio::test]
async fn a_host_that_is_not_this_machine_is_refused() {
    let server = Server::start(|_| Reply::json(200, &json!({}))).await;
    let mut connection = server.connection(&[]);
    for url in ["http://example.com:2773", "https://localhost:2773", "http://10.0.0.1", "http://localhost.example.com"]
    {
        connection.endpoint_url = Some(url.into());
        let fetched = AgentSource::with_token(&connection, "token").fetch(&fetch(&["a"])).await;
        assert_eq!(only(fetched).unwrap_err().kind, ErrorKind::ConfigInvalid, "{url}");
    }
}

#[tokio::test]
async fn refusals_are_told_by_code_and_never_quoted() {
    let rows = [
        (403, "", ErrorKind::Unauthenticated),
        (400, "ResourceNotFoundException", ErrorKind::NotFound),
        (400, "com.amazonaws#AccessDeniedException", ErrorKind::AccessDenied),
        (500, "InternalServiceError", ErrorKind::Unavailable),
        (400, CANARY, ErrorKind::ConfigInvalid),
    ];
    for (status, code, kind) in rows {
        let server = Server::start(move |_| Reply::error(status, code, CANARY)).await;
        let failure = only(source(&server, CANARY).fetch(&fetch(&["a"])).await).unwrap_err();
        assert_eq!(failure.kind, kind, "{status}");
        assert_no_leak(&format!("{failure:?}"), "a failure");
    }
}

#[tokio::test]
async fn an_answer_that_is_slow_malformed_or_too_long_is_survived() {
    let endless = vec![b' '; 4 * 1024 * 1024];
    let rows = [
        (Duration::from_secs(5), b"{}".to_vec(), ErrorKind::Timeout),
        (Duration::ZERO, CANARY.as_bytes().to_vec(), ErrorKind::Unavailable),
        (Duration::ZERO, endless, ErrorKind::Unavailable),
    ];
    for (delay, body, kind) in rows {
        let server =
            Server::start(move |_| Reply { body: body.clone(), delay, ..Reply::json(200, &json!(null)) }).await;
        let failure = only(source(&server, "token").fetch(&fetch(&["a"])).await).unwrap_err();
        assert_eq!(failure.kind, kind);
        assert_no_leak(&format!("{failure:?}"), "a failure");
    }
}
