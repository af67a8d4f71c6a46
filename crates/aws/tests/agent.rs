//! The agent's source against an agent that answers from a script, over real HTTP.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use permisos_secrets::{EventKind, Service, Source};
use permisos_secrets_aws::AgentSource;
use permisos_secrets_core::{Connection, ErrorKind, Failure, Fetch, FetchId, Fetched, Origin, Payload, Stage};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use serde_json::{Value, json};
use support::application::{self, fields, log_in, open, user, version_id};
use support::server::{Reply, Server, fetch, request};
use tokio::net::TcpListener;

/// What the real agents answered: `cargo xtask agent` compares it, and records it.
const RECORDED: &str = include_str!("recorded/agent.json");
const TODAY: &str = "aws_workload_credentials_provider 3.1.2";
const OLDEST: &str = "aws_secretsmanager_agent 1.0.0";
/// The Lambda extension's words.
const NOT_READY: &str = "not ready to serve traffic, please wait";

fn source(server: &Server, token: &str) -> AgentSource {
    let mut connection = server.connection(&[]);
    connection.endpoint_url = Some(server.url.clone());
    AgentSource::with_token(&connection, token)
}

fn text(status: u16, body: &str) -> Reply {
    Reply { body: body.into(), ..Reply::json(status, &Value::Null) }
}

fn recorded(program: &str, name: &str) -> Reply {
    let recorded: Value = serde_json::from_str(RECORDED).unwrap();
    let answer = &recorded[program][name];
    text(answer["status"].as_u64().unwrap().try_into().unwrap(), answer["body"].as_str().unwrap())
}

/// A secret at version `n`, as the agent answers it.
fn version(n: u64) -> Reply {
    let secret = json!({ "SecretString": fields(n).to_string(), "VersionId": version_id(n) });
    Reply::json(200, &secret)
}

fn forced(id: &str) -> Fetch {
    let requests = vec![permisos_secrets_core::Request { forced: true, ..request(id, Stage::Current) }];
    Fetch { id: FetchId(1), requests }
}

/// What a fetch becomes where the agent answers this.
async fn answered(reply: impl Fn() -> Reply + Send + Sync + 'static) -> Result<Payload, Failure> {
    let server = Server::start(move |_| reply()).await;
    only(source(&server, CANARY).fetch(&fetch(&["a"])).await)
}

/// Runs a test of this file in a process of its own, with these variables and no other, and returns what it wrote down.
fn alone(test: &str, variables: &[(&str, &str)]) -> String {
    let note = tempfile::NamedTempFile::new().unwrap();
    let output = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", test])
        .env_clear()
        .envs(variables.iter().copied())
        .env("PERMISOS_NOTE", note.path())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
    std::fs::read_to_string(note.path()).unwrap()
}

/// In that process: asks the agent with what the environment says, and writes down what became of it.
async fn is_alone() -> bool {
    let Some(note) = std::env::var_os("PERMISOS_NOTE") else { return false };
    let connection = Connection {
        regions: vec![],
        endpoint_url: std::env::var("PERMISOS_AGENT").ok(),
        profile: None,
        role_arn: None,
        timeout: Duration::from_secs(5),
    };
    let outcome = match only(AgentSource::new(&connection).fetch(&fetch(&["a"])).await) {
        Ok(_) => "ok".to_owned(),
        Err(failure) => format!("{:?}: {}", failure.kind, failure.message),
    };
    std::fs::write(note, outcome).unwrap();
    true
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
async fn an_empty_token_file_says_so() {
    let server = Server::start(|_| version(1)).await;
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), " \n").unwrap();
    let path = file.path().display().to_string();
    let failure = only(source(&server, &format!("file://{path}")).fetch(&fetch(&["a"])).await).unwrap_err();
    assert_eq!(failure.kind, ErrorKind::Unauthenticated);
    assert!(failure.message.contains(&format!("token in {path} is empty")), "{}", failure.message);
    assert!(server.seen().is_empty(), "an empty token is never sent");
}

#[tokio::test]
async fn no_proxy_comes_between() {
    if is_alone().await {
        return;
    }
    let (server, proxy) = (Server::start(|_| version(1)).await, Server::start(|_| version(1)).await);
    let (agent, through) = (server.url.clone(), proxy.url.clone());
    let said = tokio::task::spawn_blocking(move || {
        let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let mut variables = vec![("PERMISOS_AGENT", agent.as_str()), ("AWS_TOKEN", "tok")];
        variables.extend(names.map(|name| (name, through.as_str())));
        alone("no_proxy_comes_between", &variables)
    });
    assert_eq!(said.await.unwrap(), "ok");
    assert_eq!((server.seen().len(), proxy.seen().len()), (1, 0));
}

#[tokio::test]
async fn the_port_is_the_extensions_variable_and_an_empty_one_is_unset() {
    if is_alone().await {
        return;
    }
    let server = Server::start(|_| version(1)).await;
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap().port().to_string();
    let port = server.url.rsplit(':').next().unwrap();
    let rows = [
        (port, "ok"),
        (&free, "refused the connection"),
        ("", "the agent at localhost:2773"),
        ("a port", "ConfigInvalid: PARAMETERS_SECRETS_EXTENSION_HTTP_PORT is not a port"),
        ("70000", "ConfigInvalid: PARAMETERS_SECRETS_EXTENSION_HTTP_PORT is not a port"),
    ];
    for (port, words) in rows {
        let (test, port) = ("the_port_is_the_extensions_variable_and_an_empty_one_is_unset", port.to_owned());
        let said = tokio::task::spawn_blocking(move || {
            alone(test, &[("AWS_TOKEN", "tok"), ("PARAMETERS_SECRETS_EXTENSION_HTTP_PORT", &port)])
        });
        let said = said.await.unwrap();
        assert!(said.contains(words), "{said}");
    }
}

#[tokio::test]
async fn a_refused_connection_is_no_timeout_and_both_name_host_and_port() {
    let free = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let rows = [
        (free, ErrorKind::Unavailable, "refused the connection: is it running?"),
        (silent.local_addr().unwrap(), ErrorKind::Timeout, "did not answer within 1s"),
    ];
    let server = Server::start(|_| version(1)).await;
    for (address, kind, words) in rows {
        let url = format!("http://user:{CANARY}@{address}/{CANARY}?{CANARY}#{CANARY}");
        let connection = Connection { endpoint_url: Some(url), ..server.connection(&[]) };
        let failure = only(AgentSource::with_token(&connection, "token").fetch(&fetch(&["a"])).await).unwrap_err();
        assert_eq!((failure.kind, failure.message), (kind, format!("the agent at {address} {words}")));
    }
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
async fn what_the_real_agents_answer_is_understood() {
    use ErrorKind::{AccessDenied, ConfigInvalid, DecryptionFailed, NotFound, Throttled, Unauthenticated, Unavailable};
    let every = [TODAY, OLDEST];
    let rows: &[(&[&str], &str, ErrorKind, &str)] = &[
        (&every, "a secret that is not there", NotFound, "ResourceNotFoundException (HTTP 404)"),
        (&every, "a wrong token", Unauthenticated, "refused the token of the source's builder"),
        (&every, "no token", Unauthenticated, "refused the token"),
        (&every, "a forwarded request", ConfigInvalid, "takes no request that a proxy forwards"),
        (&every, "another path", ConfigInvalid, "is not the agent (HTTP 404)"),
        (&every, "no connection to AWS", Unavailable, "found no connection to Secrets Manager"),
        (&every, "AccessDeniedException", AccessDenied, "AccessDeniedException (HTTP 400)"),
        (&every, "DecryptionFailure", DecryptionFailed, "DecryptionFailure (HTTP 400)"),
        (&every, "ExpiredTokenException", Unauthenticated, "ExpiredTokenException (HTTP 400)"),
        (&every, "ThrottlingException", Throttled, "ThrottlingException (HTTP 400)"),
        (&every, "InternalServiceError", Unavailable, "InternalServiceError (HTTP 500)"),
        (&[TODAY], "no credentials", Unavailable, "often it has no credentials"),
        (&[TODAY], "one role too many", ConfigInvalid, "max_roles"),
        (&[TODAY], "a malformed role", ConfigInvalid, "refuses `roleArn`"),
        (&[OLDEST], "a role", ConfigInvalid, "too old for `roleArn`"),
    ];
    for &(programs, name, kind, words) in rows {
        for &program in programs {
            let failure = answered(move || recorded(program, name)).await.unwrap_err();
            assert_eq!(failure.kind, kind, "{program}: {name}");
            assert!(failure.message.contains(words), "{program}: {name}: {}", failure.message);
            assert!(!failure.message.contains("words of AWS"), "{program}: {name}: {}", failure.message);
        }
    }
    for program in every {
        let payload = answered(move || recorded(program, "a secret")).await.unwrap();
        assert!(payload.text.is_some());
        // Seconds, as text.
        assert_eq!((payload.version_id, payload.created_at.unwrap().0), (version_id(1), 1_795_478_400_250));
        assert!(answered(move || recorded(program, "a binary secret")).await.unwrap().text.is_none());
    }
}

#[tokio::test]
async fn a_refusal_without_a_code_is_temporary_unless_text_or_status_say_otherwise() {
    use ErrorKind::{ConfigInvalid, Throttled, Timeout, Unauthenticated, Unavailable};
    let rows = [
        (400, NOT_READY, Unavailable, "the agent is not ready yet"),
        (400, "", Unavailable, "answered HTTP 400"),
        (400, CANARY, Unavailable, "answered HTTP 400"),
        (400, r#"{"message":"a proxy's"}"#, Unavailable, "answered HTTP 400"),
        (400, r#"{"__type":""}"#, Unavailable, "answered HTTP 400"),
        (409, CANARY, Unavailable, "answered HTTP 409"),
        (500, CANARY, Unavailable, "answered HTTP 500"),
        (503, "<html>", Unavailable, "answered HTTP 503"),
        (504, CANARY, Timeout, "timed out"),
        (429, "Connection limit exceeded", Throttled, "too many connections"),
        (401, CANARY, Unauthenticated, "refused the token"),
        (403, CANARY, Unauthenticated, "refused the token"),
        (302, CANARY, ConfigInvalid, "is not the agent"),
        (404, CANARY, ConfigInvalid, "is not the agent"),
        (405, "Not allowed", ConfigInvalid, "is not the agent"),
    ];
    for (status, body, kind, words) in rows {
        let failure = answered(move || text(status, body)).await.unwrap_err();
        assert_eq!(failure.kind, kind, "{status} {body}");
        assert!(failure.message.contains(words), "{status} {body}: {}", failure.message);
        assert_no_leak(&format!("{failure:?}"), "a failure");
    }
}

#[tokio::test]
async fn refusals_with_a_code_are_what_it_says_and_never_quoted() {
    let rows = [
        (400, "ResourceNotFoundException", ErrorKind::NotFound),
        (400, "com.amazonaws#AccessDeniedException", ErrorKind::AccessDenied),
        (403, "ExpiredTokenException", ErrorKind::Unauthenticated),
        (500, "InternalServiceError", ErrorKind::Unavailable),
        // The agent's own, where its call to AWS ends without an answer.
        (504, "TimeoutError", ErrorKind::Timeout),
        (400, CANARY, ErrorKind::ConfigInvalid),
    ];
    for (status, code, kind) in rows {
        for name in ["__type", "code", "Code"] {
            let failure = answered(move || Reply::json(status, &json!({ name: code, "message": CANARY }))).await;
            let failure = failure.unwrap_err();
            assert_eq!(failure.kind, kind, "{status} {code}");
            assert_no_leak(&format!("{failure:?}"), "a failure");
        }
    }
}

#[tokio::test]
async fn an_agent_that_is_not_ready_is_bridged_and_found_later() {
    let asked = AtomicUsize::new(0);
    let server = Server::start(move |_| match asked.fetch_add(1, Ordering::SeqCst) {
        0 => text(400, NOT_READY),
        _ => version(1),
    });
    let server = server.await;
    let options = json!({ "environmentFallback": true });
    let url = "postgres://fallback:not-a-secret@bridge.internal/permisos";
    let secrets =
        application::builder(&server.url, "token", &options).variables([("DATABASE_URL".to_owned(), url.to_owned())]);
    let secrets = secrets.build().unwrap();
    let mut subscription = secrets.subscribe();
    secrets.ready().await.unwrap();
    assert_eq!(secrets.read(Service::Database).unwrap().origin, Origin::Environment);
    while !matches!(subscription.next_event().await.unwrap().kind, EventKind::Recovered { .. }) {}
    assert_eq!(user(&secrets), "app-1");
    secrets.close();
}

#[tokio::test]
async fn a_forced_fetch_goes_past_the_agents_cache_and_a_planned_one_does_not() {
    let server = Server::start(|_| version(1)).await;
    let source = source(&server, "token");
    only(source.fetch(&fetch(&["a"])).await).unwrap();
    only(source.fetch(&forced("a")).await).unwrap();
    let queries: Vec<_> = server.seen().into_iter().map(|it| it.query).collect();
    let planned = "secretId=a&versionStage=AWSCURRENT";
    assert_eq!(queries, [planned.to_owned(), format!("{planned}&refreshNow=true")]);
}

#[tokio::test]
async fn an_agent_that_refuses_refresh_now_is_asked_again_without_it() {
    type Row = (fn() -> Reply, &'static [bool]);
    // Only words that leave no doubt are remembered.
    let rows: [Row; 4] = [
        (|| recorded(OLDEST, "a forced one"), &[true, false, false]),
        (|| text(400, "Bad Request"), &[true, false, true, false]),
        (|| Reply::json(400, &json!({ "message": "?" })), &[true, false, true, false]),
        (|| Reply::error(400, "ValidationException", "?"), &[true, false, true, false]),
    ];
    for (refusal, expected) in rows {
        let server = Server::start(move |seen| if seen.query.contains("refreshNow") { refusal() } else { version(1) });
        let server = server.await;
        let source = source(&server, "token");
        for _ in 0..2 {
            only(source.fetch(&forced("a")).await).unwrap();
        }
        let asked: Vec<_> = server.seen().iter().map(|it| it.query.contains("refreshNow=true")).collect();
        assert_eq!(asked, expected, "{}", String::from_utf8_lossy(&refusal().body));
    }
}

#[tokio::test]
async fn a_forced_fetch_that_fails_for_another_reason_is_asked_once() {
    let rows: [fn() -> Reply; 4] = [
        || text(400, NOT_READY),
        || recorded(TODAY, "a wrong token"),
        || recorded(TODAY, "no connection to AWS"),
        || recorded(TODAY, "AccessDeniedException"),
    ];
    for refusal in rows {
        let server = Server::start(move |_| refusal()).await;
        only(source(&server, "token").fetch(&forced("a")).await).unwrap_err();
        assert_eq!(server.seen().len(), 1, "{}", String::from_utf8_lossy(&refusal().body));
    }
}

#[tokio::test]
async fn a_login_that_fails_gets_the_new_password_past_the_agents_cache() {
    let rotated = |seen: &support::server::Seen| version(if seen.query.contains("refreshNow=true") { 2 } else { 1 });
    let server = Server::start(rotated).await;
    let secrets = open(&server.url, "token", &json!({ "ttl": 300 }));
    secrets.ready().await.unwrap();
    assert_eq!(log_in(&secrets, "app-2").await, 0, "one refresh, and no wait");
    assert_eq!(server.seen().len(), 2);
    secrets.close();
}

#[tokio::test]
async fn a_role_is_the_agents_to_assume() {
    let server = Server::start(|_| version(1)).await;
    let role = "arn:aws:iam::123456789012:role/reader";
    let connection = Connection {
        endpoint_url: Some(format!("{}/?unknown=1", server.url)),
        role_arn: Some(role.to_owned()),
        ..server.connection(&[])
    };
    only(AgentSource::with_token(&connection, "token").fetch(&forced("a")).await).unwrap();
    let query = server.seen().pop().unwrap().query;
    let role = "arn%3Aaws%3Aiam%3A%3A123456789012%3Arole%2Freader";
    assert_eq!(query, format!("secretId=a&versionStage=AWSCURRENT&roleArn={role}&refreshNow=true"));
}

#[tokio::test]
async fn the_token_is_the_first_variables_that_is_set_and_not_empty() {
    if is_alone().await {
        return;
    }
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "tok\n").unwrap();
    let file = format!("file://{}", file.path().display());
    let [first, second, third] = ["AWS_TOKEN", "AWS_SESSION_TOKEN", "AWS_CONTAINER_AUTHORIZATION_TOKEN"];
    let rows: &[&[(&str, &str)]] = &[
        &[(third, "tok")],
        &[(first, ""), (second, "tok")],
        &[(first, " "), (second, ""), (third, "tok")],
        &[(first, "tok"), (second, "another"), (third, "another")],
        &[(second, "tok"), (third, "another")],
        &[(first, &file), (second, "another")],
        &[(third, &file)],
    ];
    let server = Server::start(|seen| match seen.headers["x-aws-parameters-secrets-token"].to_str().unwrap() {
        "tok" => version(1),
        _ => recorded(TODAY, "a wrong token"),
    });
    let server = server.await;
    let test = "the_token_is_the_first_variables_that_is_set_and_not_empty";
    let ask = |variables: &[(&str, &str)]| {
        let (test, url) = (test.to_owned(), server.url.clone());
        let variables: Vec<(String, String)> = variables.iter().map(|(a, b)| (a.to_string(), b.to_string())).collect();
        tokio::task::spawn_blocking(move || {
            let mut all: Vec<(&str, &str)> = variables.iter().map(|(a, b)| (a.as_str(), b.as_str())).collect();
            all.push(("PERMISOS_AGENT", &url));
            alone(&test, &all)
        })
    };
    for variables in rows {
        assert_eq!(ask(variables).await.unwrap(), "ok", "{variables:?}");
    }
    let said = ask(&[(second, "of something else")]).await.unwrap();
    assert!(said.contains("Unauthenticated") && said.contains("refused the token of AWS_SESSION_TOKEN"), "{said}");
    let said = ask(&[(first, ""), (second, ""), (third, "")]).await.unwrap();
    assert!(said.contains("/var/run/awssmatoken"), "{said}");
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
