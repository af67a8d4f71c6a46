//! An application's own secrets as structs, on the real driver.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::sync::Arc;

use permisos_secrets::schema::{DatabaseConfig, Extra};
use permisos_secrets::{ErrorKind, ExposeSecret, Secret, SecretString, Secrets, Service};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use serde_json::json;

/// The API of a messenger.
#[derive(Secret)]
#[secret(id = "whatsapp/api")]
struct Whatsapp {
    /// Authenticates every call.
    #[field(variable = "WHATSAPP_TOKEN", min_length = 8)]
    token: SecretString,
    /// Whose number it is.
    #[field(variable = "WHATSAPP_OWNER")]
    owner: String,
    /// Where it answers.
    #[field(variable = "WHATSAPP_URL", url)]
    callback_url: Option<String>,
    #[field(variable = "WHATSAPP_RETRIES")]
    retries: Option<i64>,
    #[field(variable = "WHATSAPP_SANDBOX")]
    sandbox: Option<bool>,
    extra: Extra,
}

/// The same secret with another field.
#[derive(Secret)]
#[secret(id = "whatsapp/api")]
struct Other {
    number: i64,
}

fn secrets(variables: &[(&str, &str)]) -> Secrets {
    let variables = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
    Secrets::builder()
        .environment("test")
        .services([Service::Database; 0])
        .secret::<Whatsapp>()
        .variables(variables)
        .build()
        .unwrap()
}

#[test]
fn an_application_derives_its_own_secret() {
    let secrets = secrets(&[
        ("WHATSAPP_TOKEN", CANARY),
        ("WHATSAPP_OWNER", CANARY),
        ("WHATSAPP_URL", "https://example.com"),
        ("WHATSAPP_RETRIES", "3"),
        ("WHATSAPP_SANDBOX", "yes"),
    ]);
    let whatsapp = secrets.get::<Whatsapp>().unwrap();
    assert_eq!((whatsapp.token.expose_secret(), whatsapp.owner.as_str()), (CANARY, CANARY));
    assert_eq!(whatsapp.callback_url.as_deref(), Some("https://example.com"));
    assert_eq!((whatsapp.retries, whatsapp.sandbox), (Some(3), Some(true)));
    assert_eq!(whatsapp.extra.names().count(), 0);
    assert!(Arc::ptr_eq(&whatsapp, &secrets.get::<Whatsapp>().unwrap()), "the same version is the same object");
    assert_no_leak(&format!("{whatsapp:?} {:?}", secrets.custom("whatsapp/api")), "a derived secret");
}

#[test]
fn the_checker_is_that_of_every_other_secret() {
    let error = secrets(&[("WHATSAPP_TOKEN", "short"), ("WHATSAPP_RETRIES", "often")]).get::<Whatsapp>().unwrap_err();
    let found: Vec<_> = error.violations().iter().map(|it| (it.path.as_str(), it.message.as_str())).collect();
    assert_eq!(
        found,
        [
            ("/token", "WHATSAPP_TOKEN must have at least 8 characters"),
            ("/owner", "WHATSAPP_OWNER is required and must not be empty"),
            ("/retries", "WHATSAPP_RETRIES must be a whole number"),
        ]
    );
}

#[test]
fn a_struct_of_other_fields_is_told_apart() {
    let secrets = secrets(&[("WHATSAPP_TOKEN", CANARY), ("WHATSAPP_OWNER", "owner")]);
    let error = secrets.get::<Other>().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConfigInvalid);
    assert!(error.message().contains("whatsapp/api is defined with other fields than"), "{error}");
    assert!(secrets.get::<Whatsapp>().is_ok());
}

#[test]
fn the_seven_are_structs_too() {
    let url = format!("postgres://app:{CANARY}@db/permisos");
    let secrets = Secrets::builder()
        .environment("test")
        .option("services", json!(["database"]))
        .variables([("DATABASE_URL".to_owned(), url)])
        .build()
        .unwrap();
    assert!(Arc::ptr_eq(&secrets.get::<DatabaseConfig>().unwrap(), &secrets.database().unwrap()));
}
