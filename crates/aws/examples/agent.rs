//! The real agents, between an emulated Secrets Manager and our source: `cargo xtask agent` builds and names them. What
//! they answer is compared with `tests/recorded/agent.json`, which `tests/agent.rs` plays; `BLESS=1` records it again.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test that is run by hand")]

#[path = "../tests/support/application.rs"]
mod application;
#[path = "../tests/support/server.rs"]
mod server;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use application::{fields, log_in, open, user, version_id};
use permisos_secrets::{ErrorKind, Event, EventKind, Service, Subscription};
use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::assert_no_leak;
use serde_json::{Map, Value, json};
use server::{Reply, Server};
use tempfile::TempDir;
use tokio::time::timeout;

const NAME: &str = "permisos/production/database/credentials";
const TOKEN: &str = "tok";
const ROLE: &str = "arn:aws:iam::123456789012:role/reader";
const RECORDED: &str = "tests/recorded/agent.json";
const PATIENCE: Duration = Duration::from_mins(1);

/// An agent that `cargo xtask agent` built.
#[derive(Clone)]
struct Program {
    name: &'static str,
    binary: PathBuf,
    arguments: &'static [&'static str],
    /// Lets it assume one role, if it assumes any.
    one_role: &'static str,
}

/// It runs, until it is dropped or this process ends, however it ends.
struct Agent {
    child: Child,
    #[expect(dead_code, reason = "the working folder is there until it is dropped")]
    folder: TempDir,
    port: u16,
}

impl Program {
    /// `aws-workload-credentials-provider`.
    fn today() -> Self {
        let binary = std::env::var_os("PERMISOS_AGENT").expect("run it as `cargo xtask agent`").into();
        Self {
            name: "aws_workload_credentials_provider 3.1.2",
            binary,
            arguments: &["sm", "start"],
            one_role: "max_roles = 1",
        }
    }

    /// The first `aws_secretsmanager_agent`, which does not know `refreshNow`.
    fn oldest() -> Self {
        let binary = std::env::var_os("PERMISOS_OLD_AGENT").expect("run it as `cargo xtask agent`").into();
        Self { name: "aws_secretsmanager_agent 1.0.0", binary, arguments: &[], one_role: "" }
    }

    fn start(&self, aws: &str, variables: &[(&str, &str)], config: &str) -> Agent {
        let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        self.start_at(free, aws, variables, config)
    }

    fn start_at(&self, port: u16, aws: &str, variables: &[(&str, &str)], config: &str) -> Agent {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("config.toml");
        std::fs::write(&file, format!("http_port = {port}\n{config}")).unwrap();
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL"])
            .arg(&self.binary)
            .args(self.arguments)
            .arg("--config")
            .arg(file)
            .current_dir(folder.path())
            .env_clear()
            .envs([("AWS_EC2_METADATA_DISABLED", "true"), ("AWS_REGION", "us-east-1"), ("AWS_MAX_ATTEMPTS", "1")])
            .envs([("AWS_ENDPOINT_URL", aws), ("HOME", "/nonexistent"), ("AWS_TOKEN", TOKEN)])
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .spawn()
            .expect("setpriv of util-linux is there");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
        assert!(line.contains("listening"), "{} does not start: {line}", self.name);
        Agent { child, folder, port }
    }
}

impl Agent {
    fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    fn stop(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Status and body, as they come.
    fn ask(&self, query: &str, headers: &str) -> (u16, String) {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(stream, "GET {query} HTTP/1.0\r\n{headers}\r\n").unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "testing"), ("AWS_SECRET_ACCESS_KEY", "testing")];

fn create(moto: &Emulator) {
    let secret = json!({ "Name": NAME, "SecretString": fields(1).to_string(), "ClientRequestToken": version_id(1) });
    moto.call("CreateSecret", &secret);
}

fn rotate(moto: &Emulator, n: u64) {
    let version =
        json!({ "SecretId": NAME, "SecretString": fields(n).to_string(), "ClientRequestToken": version_id(n) });
    moto.call("PutSecretValue", &version);
}

/// What differs from run to run: the time, and the six letters that end an ARN.
fn steady(body: &str) -> String {
    let Ok(mut json) = serde_json::from_str::<Value>(body) else { return body.to_owned() };
    if let Some(date) = json.get_mut("CreatedDate") {
        assert!(date.as_str().is_some_and(|date| date.parse::<f64>().is_ok()), "seconds as text: {date}");
        *date = "1795478400.25".into();
    }
    if let Some(arn) = json.get_mut("ARN") {
        *arn = format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{NAME}-AbCdEf").into();
    }
    json.to_string()
}

/// Asks one agent for everything that it can be asked for.
async fn record(program: &Program) -> Map<String, Value> {
    let mut moto = Emulator::moto();
    create(&moto);
    moto.call(
        "CreateSecret",
        &json!({ "Name": "binary", "SecretBinary": "AAEC", "ClientRequestToken": version_id(1) }),
    );
    let mut answers = Map::new();
    let mut keep = |name: &str, (status, body): (u16, String)| {
        let answer = json!({ "status": status, "body": steady(&body) });
        assert!(answers.insert(name.to_owned(), answer).is_none(), "two are called {name}");
    };
    let token = &format!("X-Aws-Parameters-Secrets-Token: {TOKEN}\r\n");
    let get = |id: &str, rest: &str| format!("/secretsmanager/get?secretId={id}&versionStage=AWSCURRENT{rest}");
    let agent = program.start(&moto.url, &KEYS, program.one_role);
    keep("a secret", agent.ask(&get(NAME, ""), token));
    keep("a binary secret", agent.ask(&get("binary", ""), token));
    keep("a forced one", agent.ask(&get(NAME, "&refreshNow=true"), token));
    keep("a secret that is not there", agent.ask(&get("nowhere", ""), token));
    keep("a wrong token", agent.ask(&get(NAME, ""), "X-Aws-Parameters-Secrets-Token: wrong\r\n"));
    keep("no token", agent.ask(&get(NAME, ""), ""));
    keep("a forwarded request", agent.ask(&get(NAME, ""), &format!("{token}X-Forwarded-For: 127.0.0.1\r\n")));
    keep("another path", agent.ask("/elsewhere", token));
    keep("a role", agent.ask(&get(NAME, &format!("&roleArn={ROLE}")), token));
    keep("one role too many", agent.ask(&get(NAME, &format!("&roleArn={ROLE}-2")), token));
    keep("a malformed role", agent.ask(&get(NAME, "&roleArn=unknown"), token));
    moto.kill();
    keep("no connection to AWS", agent.ask(&get("another", ""), token));
    for (status, code) in [
        (400, "AccessDeniedException"),
        (400, "DecryptionFailure"),
        (400, "ExpiredTokenException"),
        (400, "ThrottlingException"),
        (500, "InternalServiceError"),
    ] {
        let aws = Server::start(move |seen| match seen.operation.as_str() {
            "GetSecretValue" => Reply::error(status, code, "words of AWS"),
            _ => sts(),
        });
        let aws = aws.await;
        let agent = program.start(&aws.url, &KEYS, "");
        let (query, token) = (get(NAME, ""), token.clone());
        keep(code, tokio::task::spawn_blocking(move || agent.ask(&query, &token)).await.unwrap());
    }
    answers
}

/// `GetCallerIdentity`, by which an agent checks its credentials when it starts.
fn sts() -> Reply {
    let identity = "<GetCallerIdentityResponse><GetCallerIdentityResult><Arn>arn:aws:iam::123456789012:user/a</Arn>\
                    <UserId>a</UserId><Account>123456789012</Account></GetCallerIdentityResult>\
                    </GetCallerIdentityResponse>";
    Reply { body: identity.into(), ..Reply::json(200, &Value::Null) }
}

async fn the_recorded_answers_are_the_real_ones() {
    let mut answers = Map::new();
    answers
        .insert("how".into(), "BLESS=1 cargo xtask agent: the real programs before moto; dates and ARNs fixed".into());
    for program in [Program::today(), Program::oldest()] {
        answers.insert(program.name.to_owned(), record(&program).await.into());
    }
    // Only today's starts without credentials.
    let moto = Emulator::moto();
    let agent = Program::today().start(&moto.url, &[], "validate_credentials = false");
    let (status, body) = agent.ask(
        &format!("/secretsmanager/get?secretId={NAME}&versionStage=AWSCURRENT"),
        &format!("X-Aws-Parameters-Secrets-Token: {TOKEN}\r\n"),
    );
    answers[Program::today().name]["no credentials"] = json!({ "status": status, "body": steady(&body) });
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(RECORDED);
    let text = serde_json::to_string_pretty(&answers).unwrap() + "\n";
    if std::env::var_os("BLESS").is_some() {
        std::fs::write(&file, &text).unwrap();
    }
    let recorded: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert_eq!(Value::Object(answers), recorded, "BLESS=1 records it again");
}

async fn until(subscription: &mut Subscription, name: &str) -> Event {
    let found = timeout(PATIENCE, async {
        loop {
            let event = subscription.next_event().await.unwrap();
            assert_no_leak(&format!("{event:?}"), "an event");
            if event.kind.name() == name {
                return event;
            }
        }
    });
    found.await.unwrap_or_else(|_| panic!("no event {name}"))
}

async fn a_forced_refresh_is_seen_at_once_and_a_planned_one_is_not() {
    let moto = Emulator::moto();
    create(&moto);
    let agent = Program::today().start(&moto.url, &KEYS, "");
    let secrets = open(&agent.url(), TOKEN, &json!({}));
    let mut subscription = secrets.subscribe();
    secrets.ready().await.unwrap();
    until(&mut subscription, "loaded").await;
    rotate(&moto, 2);
    until(&mut subscription, "refreshed").await;
    until(&mut subscription, "refreshed").await;
    assert_eq!(user(&secrets), "app-1", "the agent's cache answers a planned fetch");
    // Also where it joins a planned one.
    secrets.refresh(Service::Database).await.unwrap();
    assert_eq!(user(&secrets), "app-2");
    until(&mut subscription, "rotated").await;
    secrets.close();
}

async fn a_login_that_fails_gets_the_new_password_through_the_agent() {
    let moto = Emulator::moto();
    create(&moto);
    let agent = Program::today().start(&moto.url, &KEYS, "");
    let secrets = open(&agent.url(), TOKEN, &json!({ "ttl": 300 }));
    secrets.ready().await.unwrap();
    rotate(&moto, 2);
    assert_eq!(log_in(&secrets, "app-2").await, 0, "one refresh, and no wait");
    secrets.close();
}

async fn an_old_agent_is_asked_again_without_the_parameter() {
    let moto = Emulator::moto();
    create(&moto);
    let agent = Program::oldest().start(&moto.url, &KEYS, "ttl_seconds = 1");
    let secrets = open(&agent.url(), TOKEN, &json!({ "ttl": 300 }));
    secrets.ready().await.unwrap();
    rotate(&moto, 2);
    tokio::time::sleep(Duration::from_millis(1500)).await;
    secrets.refresh(Service::Database).await.unwrap();
    assert_eq!(user(&secrets), "app-2");
    secrets.close();
}

async fn a_wrong_token_is_unauthenticated() {
    let moto = Emulator::moto();
    create(&moto);
    for program in [Program::today(), Program::oldest()] {
        let agent = program.start(&moto.url, &KEYS, "");
        let secrets = open(&agent.url(), "wrong", &json!({}));
        let error = secrets.ready().await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthenticated, "{error}");
        secrets.close();
    }
}

async fn an_agent_that_stops_is_bridged_and_one_that_starts_with_a_new_token_is_found() {
    let moto = Emulator::moto();
    create(&moto);
    let file = tempfile::NamedTempFile::new().unwrap();
    let token = format!("file://{}", file.path().display());
    let variables = [KEYS[0], KEYS[1], ("AWS_TOKEN", token.as_str())];
    std::fs::write(file.path(), "first\n").unwrap();
    let agent = Program::today().start(&moto.url, &variables, "");
    let (port, url) = (agent.port, agent.url());
    let secrets = open(&url, &token, &json!({}));
    let mut subscription = secrets.subscribe();
    secrets.ready().await.unwrap();
    agent.stop();
    let EventKind::Failed { error, message, .. } = until(&mut subscription, "failed").await.kind else {
        unreachable!("by its name")
    };
    assert_eq!(error, ErrorKind::Unavailable, "{message}");
    assert!(message.contains(&format!("127.0.0.1:{port} refused the connection")), "{message}");
    assert_eq!(user(&secrets), "app-1", "what is held is served");
    std::fs::write(file.path(), "second\n").unwrap();
    rotate(&moto, 2);
    let _agent = Program::today().start_at(port, &moto.url, &variables, "");
    until(&mut subscription, "rotated").await;
    assert_eq!(user(&secrets), "app-2");
    secrets.close();
}

#[tokio::main(flavor = "multi_thread", worker_threads = 2)]
async fn main() {
    println!("-- the recorded answers are the real ones");
    the_recorded_answers_are_the_real_ones().await;
    println!("-- a forced refresh is seen at once, and a planned one is not");
    a_forced_refresh_is_seen_at_once_and_a_planned_one_is_not().await;
    println!("-- a login that fails gets the new password through the agent");
    a_login_that_fails_gets_the_new_password_through_the_agent().await;
    println!("-- an old agent is asked again without the parameter");
    an_old_agent_is_asked_again_without_the_parameter().await;
    println!("-- a wrong token is unauthenticated");
    a_wrong_token_is_unauthenticated().await;
    println!("-- an agent that stops is bridged, and one that starts with a new token is found");
    an_agent_that_stops_is_bridged_and_one_that_starts_with_a_new_token_is_found().await;
}
