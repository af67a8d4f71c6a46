//! What a message says: the option, variable or part of a URL that is at fault, and what to do.

#![expect(clippy::unwrap_used, reason = "a test")]

use permisos_secrets_core::{Engine, Error, Options, Service, Timestamp, Variables};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use serde_json::{Value, json};

fn refusal(options: &Value) -> Error {
    Options::parse(options.as_object().unwrap(), [("NODE_ENV", "test")]).unwrap_err()
}

fn of_environment(service: Service, variables: &[(&str, &str)]) -> String {
    let options = json!({ "source": "environment", "services": [service] });
    let (options, variables) = Options::parse(options.as_object().unwrap(), variables.iter().copied()).unwrap();
    Engine::new(options, variables).read(&service.into(), Timestamp(0)).unwrap_err().message().to_owned()
}

fn of_stored(service: Service, text: &str) -> String {
    let options = json!({ "source": "aws", "services": [service], "environment": "production" });
    let (options, variables) = Options::parse(options.as_object().unwrap(), [("", ""); 0]).unwrap();
    let mut engine = Engine::new(options, variables);
    let fetch = serde_json::to_value(engine.poll_fetch(Timestamp(0)).unwrap()).unwrap();
    let payload = json!({ "text": text, "versionId": "v1", "createdAt": 0 });
    let outcomes = fetch["requests"].as_array().unwrap().iter();
    let outcomes = outcomes.map(|it| json!({ "service": service, "stage": it["stage"], "payload": payload }));
    let fetched = json!({ "id": fetch["id"], "outcomes": outcomes.collect::<Vec<_>>() });
    engine.handle_fetched(Timestamp(0), serde_json::from_value(fetched).unwrap());
    engine.read(&service.into(), Timestamp(0)).unwrap_err().message().to_owned()
}

#[test]
fn what_is_stored_instead_of_json_is_named() {
    for (text, hint) in [
        ("\u{feff}{\"host\":\"canary\"}", "starts with a byte order mark"),
        ("{'host': 'canary'}", "has single quotes"),
        ("eyJob3N0IjoiY2FuYXJ5In0=", "is base64 of an object"),
        ("DB_HOST=canary\nDB_PASSWORD=canary", "is a file of variables"),
        ("postgres://app:canary@db/app", "is a connection URL"),
        ("\"{\\\"host\\\":\\\"canary\\\"}\"", "is JSON within quotes"),
        ("ENC[AES256_GCM,data:canary]", "is encrypted by sops"),
        ("PLACEHOLDER", "is a known placeholder"),
    ] {
        let message = of_stored(Service::Database, text);
        assert!(message.contains(hint) && !message.contains("canary"), "{message}");
    }
}

#[test]
fn a_missing_field_names_the_near_one_that_is_stored() {
    for (service, stored, hint) in [
        (Service::Database, "user", "`user` is stored: is `username` meant?"),
        (Service::Database, "DB_PASSWORD", "`DB_PASSWORD` is stored: is `password` meant?"),
        (Service::Database, "Host", "`Host` is stored: is `host` meant?"),
        (Service::Email, "password", "`password` is stored: is `smtpPassword` meant?"),
        (Service::Stripe, "secretKey", "`secretKey` is stored: is `privateKey` meant?"),
    ] {
        let message = of_stored(service, &json!({ stored: CANARY }).to_string());
        assert!(message.contains(hint), "{message}");
        assert_no_leak(&message, "a message");
    }
}

#[test]
fn an_unknown_option_suggests_the_near_name_at_every_level() {
    for (options, near) in [
        (json!({ "timeOut": 1 }), "timeout"),
        (json!({ "services": ["databse"] }), "database"),
        (json!({ "secretIds": { "stirpe": "x" } }), "stripe"),
        (json!({ "database": { "hots": "db" } }), "host"),
        (json!({ "snapshot": { "pth": "a" } }), "path"),
        (json!({ "secrets": [{ "id": "a/b", "feilds": {} }] }), "fields"),
        (json!({ "secrets": [{ "id": "a/b", "fields": { "x": { "tpye": "url" } } }] }), "type"),
    ] {
        let error = refusal(&options);
        assert!(error.message().contains(&format!("did you mean `{near}`?")), "{error}");
    }
}

#[test]
fn an_unknown_option_that_is_near_to_none_lists_what_is_known() {
    let error = refusal(&json!({ "database": { "zzz": 1 } }));
    assert!(error.message().contains("known are host, port, database"), "{error}");
}

#[test]
fn what_to_grant_is_in_the_partition_of_the_region() {
    for (region, arn) in [
        ("us-east-1", "arn:aws:secretsmanager:*:*:secret:permisos/production/redis/credentials-??????"),
        ("us-gov-west-1", "arn:aws-us-gov:secretsmanager:*:*:secret:permisos/production/redis/credentials-??????"),
        ("cn-north-1", "arn:aws-cn:secretsmanager:*:*:secret:permisos/production/redis/credentials-??????"),
    ] {
        let options = json!({ "environment": "production", "services": ["redis"], "region": region });
        let (options, variables) = Options::parse(options.as_object().unwrap(), [("", ""); 0]).unwrap();
        let mut engine = Engine::new(options, variables);
        let id = engine.poll_fetch(Timestamp(0)).unwrap().id;
        let outcome = json!({ "service": "redis", "failure": { "code": "SECRETS_ACCESS_DENIED" } });
        let fetched = serde_json::from_value(json!({ "id": id, "outcomes": [outcome] })).unwrap();
        engine.handle_fetched(Timestamp(1), fetched);
        let error = engine.read(&Service::Redis.into(), Timestamp(1)).unwrap_err();
        assert!(error.message().contains(&format!("secretsmanager:GetSecretValue on {arn}")), "{error}");
    }
}

#[test]
fn behind_the_agent_the_advice_is_about_the_agent() {
    for (source, code, advice) in [
        ("aws", "SECRETS_UNAUTHENTICATED", "give the process valid credentials"),
        ("agent", "SECRETS_UNAUTHENTICATED", "give this process the token that the agent was started with"),
        ("aws", "SECRETS_ACCESS_DENIED", "grant the role secretsmanager:GetSecretValue"),
        ("agent", "SECRETS_ACCESS_DENIED", "grant the agent's role secretsmanager:DescribeSecret and"),
    ] {
        let options = json!({ "source": source, "services": ["redis"], "environmentFallback": false });
        let (options, variables) = Options::parse(options.as_object().unwrap(), [("NODE_ENV", "test")]).unwrap();
        let mut engine = Engine::new(options, variables);
        let id = engine.poll_fetch(Timestamp(0)).unwrap().id;
        let outcomes = json!([{ "service": "redis", "failure": { "code": code } }]);
        let fetched = serde_json::from_value(json!({ "id": id, "outcomes": outcomes })).unwrap();
        engine.handle_fetched(Timestamp(0), fetched);
        let error = engine.read(&Service::Redis.into(), Timestamp(0)).unwrap_err();
        assert!(error.message().contains(advice), "{source}: {error}");
    }
}

#[test]
fn a_violation_names_the_part_of_the_url() {
    for (url, part) in [
        ("postgresql://u:p@db", "the database in DATABASE_URL is required"),
        ("postgresql://db/d", "the user in DATABASE_URL is required"),
        ("postgresql://u:p@a,b/d", "the host in DATABASE_URL must be"),
        ("postgresql://u:p@db:0/d", "the port in DATABASE_URL must be"),
        ("postgresql://u:%FF@db/d", "the password in DATABASE_URL is not UTF-8"),
        ("postgresql://u:p@db/d?sslmode=strict", "sslmode in DATABASE_URL must be disable, allow"),
        ("mysql://u:p@db/d", "DATABASE_URL must be a URL like postgres://"),
    ] {
        let message = of_environment(Service::Database, &[("DATABASE_URL", url)]);
        assert!(message.contains(part), "{message}");
    }
    let message = of_environment(Service::Redis, &[("REDIS_URL", "redis://cache/x")]);
    assert!(message.contains("the database's number in REDIS_URL must be a whole number"), "{message}");
}

#[test]
fn a_violation_names_the_variable_where_there_is_no_url() {
    let message = of_environment(Service::Database, &[("DB_HOST", "db"), ("DB_PORT", "0"), ("DB_USER", "u")]);
    for part in ["DB_PORT must be from 1 to 65535", "DB_NAME is required", "DB_PASSWORD is required"] {
        assert!(message.contains(part), "{message}");
    }
    assert!(!message.contains("DB_USER"), "{message}");
}

#[test]
fn no_part_of_a_connection_url_is_shown() {
    for url in [
        format!("postgresql://u:{CANARY}"),
        format!("postgresql://u:{CANARY}@db:99999/d"),
        format!("postgresql://u:{CANARY}/x@db/d"),
        format!("postgresql://u:{CANARY}#x@db/d"),
        format!("postgresql://u:{CANARY}%FF@db"),
        format!("postgresql://u:1/{CANARY}@db/d"),
        format!("postgresql://u:p@h:1?{CANARY}@db/d"),
        format!("postgresql://{CANARY}@one,two/d?sslmode={CANARY}"),
        format!("postgresql://u:p@{CANARY},two/{CANARY}"),
    ] {
        assert_no_leak(&of_environment(Service::Database, &[("DATABASE_URL", &url)]), "a message");
    }
    for url in [
        format!("redis://default:{CANARY}@cache:99999"),
        format!("redis://default:{CANARY}/x@cache"),
        format!("redis://default:?{CANARY}@cache:6379/0"),
        format!("redis://default:/{CANARY}@cache:6379/0"),
        format!("redis://default:#{CANARY}@cache:6379/0"),
        format!("redis://default:1?{CANARY}@cache:6379/0"),
        format!("redis://:{CANARY}%FF@cache"),
        format!("redis://cache/{CANARY}"),
    ] {
        assert_no_leak(&of_environment(Service::Redis, &[("REDIS_URL", &url)]), "a message");
    }
}

#[test]
fn options_that_are_no_object_are_one_violation() {
    for text in ["null", "[]", "5", "\"production\"", "{\"profile\": \"\\ud800\"}", "{"] {
        let error = Options::document(text).unwrap_err();
        assert_eq!((error.violations().len(), error.violations()[0].path.as_str()), (1, ""), "{text}");
    }
}

#[test]
fn a_snapshot_of_the_variables_keeps_only_those_of_the_catalogue() {
    let variables = [("HOME", "/"), ("REDIS_HOST", "cache"), ("NODE_ENV", "test"), ("REDIS_PORT", "")];
    assert_eq!(format!("{:?}", Variables::new(variables, &[])), r#"{"NODE_ENV", "REDIS_HOST"}"#);
}

/// Which kind of thing stands where a value should, and what to do; of the text itself nothing.
#[test]
fn what_stands_for_a_value_is_named() {
    let common = [("NODE_ENV", "production"), ("DB_HOST", "db"), ("DB_NAME", "app"), ("DB_USER", "app")];
    let of = |variables: &[(&str, &str)]| of_environment(Service::Database, &[&common[..], variables].concat());
    for (password, part) in [
        ("[REDACTED]", "DB_PASSWORD is redacted output"),
        ("op://vault/app/canary", "DB_PASSWORD is a reference that nothing resolved (1Password)"),
        ("{{resolve:secretsmanager:canary}}", "(CloudFormation's {{resolve:…}})"),
        (
            "encrypted:BDb7t3QkTRp2canary0123456789==",
            "DB_PASSWORD is encrypted by dotenvx (dotenvx get): decrypt it first",
        ),
        ("undefined", "DB_PASSWORD is a program's word for no value"),
        ("'canary'", "DB_PASSWORD has quotes around it"),
        ("keyboard cat", "DB_PASSWORD is an example of express-session's documentation"),
    ] {
        let message = of(&[("DB_PASSWORD", password)]);
        assert!(message.contains(part) && !message.contains("canary"), "{message}");
    }
    let message = of(&[("DB_PASSWORD", "p4ss-word"), ("DB_PORT", "\"5432\"")]);
    assert!(message.contains("DB_PORT must be a whole number; it has quotes around it"), "{message}");
    let message = of(&[("DATABASE_URL", "\"postgres://app:canary@db/app\"")]);
    assert!(message.contains("DATABASE_URL has quotes around it") && !message.contains("canary"), "{message}");
    let message = of(&[("DATABASE_URL", "op://vault/canary/url")]);
    assert!(
        message.contains("DATABASE_URL is a reference that nothing resolved") && !message.contains("canary"),
        "{message}"
    );
}

#[test]
fn a_missing_variable_names_the_near_one_that_is_set() {
    for (service, near, hint) in [
        (Service::Stripe, "STRIPE_SECRET_KEY", "STRIPE_SECRET_KEY is set: is STRIPE_PRIVATE_KEY meant?"),
        (Service::Email, "EMAIL_PASSWORD", "EMAIL_PASSWORD is set: is EMAIL_PASS meant?"),
        (Service::Database, "PGPASSWORD", "PGPASSWORD is set: is DB_PASSWORD meant?"),
        (Service::Database, "POSTGRES_URL", "POSTGRES_URL is set: is DATABASE_URL meant?"),
        (Service::Security, "SESION_SECRET", "SESION_SECRET is set: is SESSION_SECRET meant?"),
    ] {
        // Some hosts hand in names alone.
        for value in [CANARY, ""] {
            let message = of_environment(service, &[(near, value)]);
            assert!(message.contains(hint), "{message}");
            assert_no_leak(&message, "a message");
        }
        assert!(!of_environment(service, &[("HOME", "/")]).contains(" is set"), "{service}");
    }
    let secrets = json!([{ "id": "whatsapp/api", "fields": { "token": { "variable": "WHATSAPP_TOKEN" } } }]);
    let options = json!({ "source": "environment", "services": [], "secrets": secrets });
    let given = [("WHATSAPP_API_TOKEN", CANARY)];
    let (options, variables) = Options::parse(options.as_object().unwrap(), given).unwrap();
    let error = Engine::new(options, variables).read(&"whatsapp/api".into(), Timestamp(0)).unwrap_err();
    assert!(error.message().contains("WHATSAPP_API_TOKEN is set: is WHATSAPP_TOKEN meant?"), "{error}");
}

#[test]
fn where_the_environment_is_the_source_by_its_name_a_message_says_why_aws_was_not_asked() {
    let message = |options: Value, variables: &[(&str, &str)]| {
        let (options, variables) = Options::parse(options.as_object().unwrap(), variables.iter().copied()).unwrap();
        let mut engine = Engine::new(options, variables);
        assert!(engine.poll_fetch(Timestamp(0)).is_none());
        engine.loaded(Timestamp(0)).unwrap().unwrap_err().message().to_owned()
    };
    let why = "AWS Secrets Manager was not asked, because the environment is called qa";
    for options in [json!({ "environment": "qa" }), json!({ "environment": "qa", "services": ["redis"] })] {
        let message = message(options, &[]);
        assert_eq!(message.matches(why).count(), 1, "{message}");
        assert!(message.contains("`source` \"aws\" (--source aws)") && message.contains("USE_SECRETS_MANAGER=true"));
    }
    assert!(message(json!({}), &[("NODE_ENV", "qa")]).contains(why));
    let said = message(json!({ "environment": "production" }), &[("USE_SECRETS_MANAGER", "false")]);
    assert!(said.contains("because the variable USE_SECRETS_MANAGER says so"), "{said}");
    let meant = message(json!({ "environment": "qa", "source": "environment" }), &[]);
    assert!(!meant.contains("was not asked"), "{meant}");
}
