//! The Rust API against real servers that die, hang, deny and hold what cannot be used, while ten thousand readers read.
//! `tests/scenes` plays the same through the npm package.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::collections::BTreeMap;

use permisos_secrets::{ErrorKind, EventKind};
use permisos_secrets_testkit::emulator::Emulator;
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::scene::{BINARY, KEY, NAME, Scene, builder, fields, version_id};

/// The largest value that Secrets Manager stores.
const LARGEST: usize = 65_536;

fn create(emulator: &Emulator, n: u64) {
    let secret = json!({ "Name": NAME, "SecretString": fields(n).to_string(), "ClientRequestToken": version_id(n) });
    emulator.call("CreateSecret", &secret);
}

fn put(emulator: &Emulator, n: u64, value: &Value) {
    let mut version = json!({ "SecretId": NAME, "ClientRequestToken": version_id(n) });
    version.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
    emulator.call("PutSecretValue", &version);
}

/// How often moto was asked for a single secret.
fn gets(emulator: &Emulator) -> Option<u64> {
    emulator.requests().get("GetSecretValue").copied()
}

fn retry_in(kind: &EventKind) -> u128 {
    let EventKind::Failed { retry_in, .. } = kind else { panic!("{kind:?}") };
    retry_in.as_millis()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_killed_and_started_again() {
    let mut moto = Emulator::moto();
    create(&moto, 1);
    let mut scene = Scene::open(&moto.url, &json!({})).await;
    moto.kill();
    let first = retry_in(&scene.until("failed").await);
    scene.assert_stale(ErrorKind::Unavailable);
    // Now connections are refused, and the waits grow.
    let second = retry_in(&scene.until("failed").await);
    assert!((1000..=2000).contains(&first) && (2000..=4000).contains(&second), "{first} ms, {second} ms");
    let moto = Emulator::moto_at(&moto.url);
    create(&moto, 2);
    scene.recovered().await;
    assert_eq!(scene.secrets.database().unwrap().username, "app-2");
    scene.end(2, || None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_stopped_so_that_connections_hang() {
    let moto = Emulator::moto();
    create(&moto, 1);
    let mut scene = Scene::open(&moto.url, &json!({ "timeout": 5 })).await;
    moto.pause();
    let before = scene.reads();
    scene.until("failed").await;
    scene.assert_stale(ErrorKind::Timeout);
    assert!(scene.reads() > before, "no reader waits for a server");
    moto.resume();
    scene.recovered().await;
    scene.end(1, || gets(&moto)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_secret_that_is_deleted_and_restored() {
    let moto = Emulator::moto();
    create(&moto, 1);
    let mut scene = Scene::open(&moto.url, &json!({})).await;
    moto.call("DeleteSecret", &json!({ "SecretId": NAME }));
    scene.until("failed").await;
    scene.assert_stale(ErrorKind::NotFound);
    moto.call("RestoreSecret", &json!({ "SecretId": NAME }));
    scene.recovered().await;
    scene.end(1, || gets(&moto)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn bad_versions_replace_nothing_and_the_next_good_one_does() {
    let moto = Emulator::moto();
    create(&moto, 1);
    let mut scene = Scene::open(&moto.url, &json!({})).await;
    // One after another, so that versions only grow: bad ones are even.
    for (n, bad, path, rule) in [
        (2, json!({ "SecretString": format!("{{\"password\": \"{CANARY}\", ") }), "", "json"),
        (4, json!({ "SecretBinary": BINARY }), "", "text"),
        (
            6,
            json!({ "SecretString": "{\"host\":\"h\",\"database\":\"d\",\"username\":\"u\"}" }),
            "/password",
            "required",
        ),
    ] {
        put(&moto, n, &bad);
        let EventKind::Invalid { version_id: reported, violations } = scene.until("invalid").await else {
            unreachable!()
        };
        assert_eq!(reported, Some(version_id(n)));
        let violations = serde_json::to_value(&violations).unwrap();
        assert_eq!(violations[0]["path"], path);
        assert_eq!(violations[0]["rule"], rule);
        let held = &scene.secrets.health().services[0];
        assert_eq!((held.last_error, held.version_id.clone()), (Some(ErrorKind::Invalid), Some(version_id(n - 1))));
        put(&moto, n + 1, &json!({ "SecretString": fields(n + 1).to_string() }));
        scene.until("rotated").await;
        assert_eq!(scene.secrets.database().unwrap().username, format!("app-{}", n + 1));
    }
    scene.end(7, || gets(&moto)).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn permission_that_is_removed_and_granted_again() {
    let ministack = Emulator::ministack();
    create(&ministack, 1);
    let may = |effect: &str| json!([{ "Effect": effect, "Action": "secretsmanager:GetSecretValue", "Resource": "*" }]);
    let (id, secret) = ministack.user("reader", &may("Allow"));
    let mut scene = Scene::open_as((&id, &secret), &ministack.url, &json!({})).await;
    ministack.allow("reader", &may("Deny"));
    let EventKind::Failed { message, .. } = scene.until("failed").await else { unreachable!() };
    assert!(message.contains("grant the role secretsmanager:GetSecretValue on "), "{message}");
    assert!(message.contains(NAME) && !message.contains(&id), "the resource is named, the key is not");
    scene.assert_stale(ErrorKind::AccessDenied);
    ministack.allow("reader", &may("Allow"));
    scene.recovered().await;
    scene.end(1, || None).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hundred_secrets_are_ten_calls_also_of_the_largest_size() {
    let moto = Emulator::moto();
    let ids: Vec<String> = (0..200).map(|index| format!("many/number-{index}")).collect();
    for id in &ids[1..] {
        let value = json!({ "token": format!("{CANARY}{id}") }).to_string();
        moto.call("CreateSecret", &json!({ "Name": format!("permisos/production/{id}"), "SecretString": value }));
    }
    let token = CANARY.repeat(LARGEST / CANARY.len() + 1)[..LARGEST - "{\"token\":\"\"}".len()].to_owned();
    let value = json!({ "token": token }).to_string();
    assert_eq!(value.len(), LARGEST);
    moto.call("CreateSecret", &json!({ "Name": format!("permisos/production/{}", ids[0]), "SecretString": value }));
    let definitions: Vec<Value> =
        ids.iter().map(|id| json!({ "id": id, "fields": { "token": { "minLength": 8 } } })).collect();
    let options = json!({ "services": [], "secrets": definitions, "ttl": 3600 });
    let secrets = builder(KEY, &moto.url, &options).build().unwrap();
    secrets.ready().await.unwrap();
    assert!(secrets.custom(&ids[0]).unwrap().text("token").unwrap().expose_secret() == token, "it is read whole");
    for id in &ids[1..] {
        let config = secrets.custom(id).unwrap();
        assert!(config.text("token").unwrap().expose_secret() == format!("{CANARY}{id}"), "{id}");
    }
    let asked: BTreeMap<_, _> = moto.requests().into_iter().filter(|(name, _)| name.contains("Get")).collect();
    assert_eq!(asked, BTreeMap::from([("BatchGetSecretValue".to_owned(), 10)]));
    assert_no_leak(&format!("{:?}", secrets.health()), "health");
}
