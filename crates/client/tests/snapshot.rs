//! The sealed snapshot on a real disk: one process writes it, the next one, started in an outage, reads it.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use age::secrecy::ExposeSecret;
use permisos_secrets::{EventKind, Origin, Secrets, Service, Status};
use permisos_secrets_core::ErrorKind;
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use serde_json::{Value, json};
use support::{Behaviour, Scripted};
use tempfile::TempDir;
use tokio::time::sleep;

/// A folder with an identity.
struct Disk(TempDir);

impl Disk {
    fn new() -> Self {
        let disk = Self(tempfile::tempdir().unwrap());
        disk.put_identity(&age::x25519::Identity::generate());
        disk
    }

    fn put_identity(&self, identity: &age::x25519::Identity) {
        let text = format!("# public key: {}\n{}\n", identity.to_public(), identity.to_string().expose_secret());
        fs::write(self.identity(), text).unwrap();
        fs::set_permissions(self.identity(), Permissions::from_mode(0o600)).unwrap();
    }

    fn identity(&self) -> PathBuf {
        self.0.path().join("identity")
    }

    fn snapshot(&self) -> PathBuf {
        self.0.path().join("snapshot")
    }

    /// A process.
    fn secrets(&self, source: &Arc<Scripted>, more: &Value) -> Secrets {
        let mut options = json!({ "environment": "production",
            "snapshot": { "path": self.snapshot(), "identityFile": self.identity() } });
        options.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        support::secrets(source, &options)
    }

    /// A process that loads everything and waits until it is sealed.
    async fn seal(&self) {
        let secrets = self.secrets(&Scripted::new(Behaviour::Answer(CANARY)), &json!({}));
        secrets.ready().await.unwrap();
        self.wait().await;
    }

    async fn wait(&self) {
        for _ in 0..3000 {
            if self.snapshot().exists() {
                return;
            }
            sleep(Duration::from_millis(10)).await;
        }
        panic!("nothing was sealed");
    }
}

fn outage() -> Arc<Scripted> {
    Scripted::new(Behaviour::Fail(ErrorKind::Unavailable))
}

/// The messages of `invalid` events about the snapshot, and the load's end.
async fn complaints(secrets: &Secrets) -> (Vec<String>, Result<(), permisos_secrets::Error>) {
    let mut subscription = secrets.subscribe();
    let loaded = secrets.ready().await;
    secrets.refresh(Service::Redis).await.ok();
    let mut messages = vec![];
    while let Ok(Some(event)) = tokio::time::timeout(Duration::from_millis(50), subscription.next_event()).await {
        if let EventKind::Invalid { violations, .. } = event.kind
            && event.service == Service::Redis
        {
            messages.extend(violations.into_iter().map(|violation| violation.message));
        }
    }
    (messages, loaded)
}

#[tokio::test]
async fn a_start_in_an_outage_reads_what_another_process_sealed() {
    let disk = Disk::new();
    disk.seal().await;
    let secrets = disk.secrets(&outage(), &json!({}));
    let (complaints, loaded) = complaints(&secrets).await;
    assert_eq!((complaints, loaded), (vec![], Ok(())));
    let health = secrets.health();
    assert_eq!(health.status, Status::Degraded);
    assert!(health.services.iter().all(|service| service.origin == Some(Origin::Snapshot)), "{health:?}");
    let database = serde_json::to_value(secrets.read(Service::Database).unwrap().origin).unwrap();
    assert_eq!(database, "snapshot");
    assert_eq!(secrets.database().unwrap().host, "db");
}

#[tokio::test]
async fn secrets_manager_takes_over_and_is_sealed_again() {
    let disk = Disk::new();
    disk.seal().await;
    let before = fs::read(disk.snapshot()).unwrap();
    let source = outage();
    let secrets = disk.secrets(&source, &json!({}));
    secrets.ready().await.unwrap();
    source.behave(Behaviour::Answer("v2"));
    for _ in 0..3000 {
        if fs::read(disk.snapshot()).unwrap() != before && secrets.health().status == Status::Healthy {
            break;
        }
        sleep(Duration::from_millis(10)).await;
    }
    let next = disk.secrets(&outage(), &json!({}));
    next.ready().await.unwrap();
    assert_eq!(next.read(Service::Redis).unwrap().version_id.as_deref(), Some("v2"));
}

#[tokio::test]
async fn the_file_is_private_whole_and_never_plain() {
    let disk = Disk::new();
    disk.seal().await;
    let mode = fs::metadata(disk.snapshot()).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let sealed = fs::read(disk.snapshot()).unwrap();
    assert!(sealed.starts_with(b"age-encryption.org/v1\n"), "any age tool opens it");
    let text = String::from_utf8_lossy(&sealed);
    assert_no_leak(&text, "the snapshot");
    for plain in ["permisos", "password", "database", "production"] {
        assert!(!text.contains(plain), "{plain}");
    }
    let left: Vec<_> = fs::read_dir(disk.0.path()).unwrap().map(|file| file.unwrap().file_name()).collect();
    assert_eq!(left.len(), 2, "identity and snapshot, no temporary file: {left:?}");
}

#[tokio::test]
async fn what_was_tampered_with_cut_foreign_or_open_to_others_is_told_and_ignored() {
    let disk = Disk::new();
    disk.seal().await;
    let good = fs::read(disk.snapshot()).unwrap();
    let flipped = |at: usize| {
        let mut bytes = good.clone();
        bytes[at] ^= 1;
        bytes
    };
    let end = good.len() - 1;
    let cases: Vec<(Vec<u8>, u32, &str)> = vec![
        (flipped(end), 0o600, "tampered with"),
        (flipped(end / 2), 0o600, "tampered with"),
        (flipped(60), 0o600, "sealed snapshot"),
        (flipped(3), 0o600, "not an age file"),
        (good[..end].to_vec(), 0o600, "tampered with, or was cut short"),
        (good[..40].to_vec(), 0o600, "not an age file, or was cut short"),
        (vec![], 0o600, "not an age file, or was cut short"),
        (good.clone(), 0o640, "chmod 600"),
        (good.clone(), 0o602, "chmod 600"),
    ];
    for (bytes, mode, expected) in cases {
        fs::write(disk.snapshot(), bytes).unwrap();
        fs::set_permissions(disk.snapshot(), Permissions::from_mode(mode)).unwrap();
        let (messages, loaded) = complaints(&disk.secrets(&outage(), &json!({}))).await;
        assert!(messages.len() == 1 && messages[0].contains(expected), "{expected}: {messages:?}");
        assert_eq!(loaded.unwrap_err().kind(), ErrorKind::Unavailable);
    }
    let healthy = disk.secrets(&Scripted::new(Behaviour::Answer("v1")), &json!({}));
    let (messages, loaded) = complaints(&healthy).await;
    assert_eq!((messages.len(), loaded), (1, Ok(())), "the start does not fail while AWS answers");
}

#[tokio::test]
async fn another_identity_or_environment_opens_nothing() {
    let disk = Disk::new();
    disk.seal().await;
    let (messages, loaded) = complaints(&disk.secrets(&outage(), &json!({ "environment": "staging" }))).await;
    assert!(loaded.is_err() && messages.len() == 1 && messages[0].contains("another environment"), "{messages:?}");
    disk.put_identity(&age::x25519::Identity::generate());
    let (messages, loaded) = complaints(&disk.secrets(&outage(), &json!({}))).await;
    assert!(loaded.is_err() && messages.len() == 1 && messages[0].contains("another identity"), "{messages:?}");
    for text in [format!("AGE-SECRET-KEY-1{CANARY}"), CANARY.to_owned(), String::new()] {
        fs::write(disk.identity(), text).unwrap();
        let (messages, _) = complaints(&disk.secrets(&outage(), &json!({}))).await;
        assert!(messages.len() == 1 && messages[0].contains("age-keygen"), "{messages:?}");
        assert_no_leak(&messages[0].replace("AGE-SECRET-KEY-1", ""), "a complaint");
    }
    fs::set_permissions(disk.identity(), Permissions::from_mode(0o644)).unwrap();
    let (messages, _) = complaints(&disk.secrets(&outage(), &json!({}))).await;
    assert!(messages[0].contains("chmod 600"), "{messages:?}");
    fs::remove_file(disk.identity()).unwrap();
    let (messages, _) = complaints(&disk.secrets(&outage(), &json!({}))).await;
    assert!(messages[0].contains("identity") && messages[0].contains("does not exist"), "{messages:?}");
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_written_is_told_and_fails_nothing() {
    let disk = Disk::new();
    let path = disk.0.path().join("no folder").join("snapshot");
    let more = json!({ "snapshot": { "path": path, "identityFile": disk.identity() } });
    let secrets = disk.secrets(&Scripted::new(Behaviour::Answer("v1")), &more);
    let mut subscription = secrets.subscribe();
    secrets.ready().await.unwrap();
    loop {
        if let EventKind::Invalid { violations, .. } = subscription.next_event().await.unwrap().kind {
            assert!(violations[0].message.contains("could not be written"), "{violations:?}");
            break;
        }
    }
    assert_eq!(secrets.health().status, Status::Healthy);
}
