//! The AWS source against recorded answers, over real HTTP.

#![expect(clippy::unwrap_used, reason = "a test")]

mod support;

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use aws_credential_types::Credentials;
use aws_credential_types::credential_fn::provide_credentials_fn;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::result::ConnectorError;
use permisos_secrets::Source;
use permisos_secrets_aws::AwsSource;
use permisos_secrets_core::{
    Connection, ErrorKind, Failure, Fetch, FetchId, Fetched, Operation, Payload, Request, Stage,
};
use permisos_secrets_testkit::leak::{CANARY, assert_no_leak};
use secrecy::ExposeSecret;
use serde_json::{Value, json};
use support::server::{Reply, Seen, Server, fetch, request};

fn source(connection: &Connection) -> AwsSource {
    let credentials = Credentials::new("key", "secret", None, None, "test");
    AwsSource::new(connection).with_credentials(SharedCredentialsProvider::new(credentials))
}

/// The SDK's second attempt takes up to a second, and a busy machine its time: an answer is not to become a time-out.
fn patient(server: &Server) -> Connection {
    Connection { timeout: Duration::from_mins(1), ..server.connection(&["us-east-1"]) }
}

fn value(id: &str) -> Value {
    json!({ "ARN": format!("arn:aws:secretsmanager:us-east-1:123456789012:secret:{id}-AbCdEf"), "Name": id,
        "VersionId": "v1", "SecretString": format!("{{\"id\":\"{id}\"}}"), "CreatedDate": 1_790_000_000.5 })
}

fn batch(seen: &Seen) -> Reply {
    let ids = seen.body["SecretIdList"].as_array().unwrap();
    let values: Vec<Value> = ids.iter().map(|id| value(id.as_str().unwrap())).collect();
    Reply::json(200, &json!({ "SecretValues": values, "Errors": [] }))
}

fn single(seen: &Seen) -> Reply {
    Reply::json(200, &value(seen.body["SecretId"].as_str().unwrap()))
}

fn good(seen: &Seen) -> Reply {
    if seen.operation == "BatchGetSecretValue" { batch(seen) } else { single(seen) }
}

fn result<'f>(fetched: &'f Fetched, id: &str) -> &'f Result<Payload, Failure> {
    &fetched.outcomes.iter().find(|outcome| outcome.service.as_str() == id).unwrap().result
}

fn failure<'f>(fetched: &'f Fetched, id: &str) -> &'f Failure {
    result(fetched, id).as_ref().unwrap_err()
}

#[tokio::test]
async fn seven_secrets_are_one_batch() {
    let server = Server::start(good).await;
    let ids: Vec<String> = (0..7).map(|index| format!("a/b/{index}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let fetched = source(&server.connection(&["us-east-1"])).fetch(&fetch(&ids)).await;
    assert_eq!(server.seen().len(), 1);
    assert_eq!(fetched.calls.len(), 1);
    assert_eq!((fetched.calls[0].operation, fetched.calls[0].error), (Operation::BatchGetSecretValue, None));
    let payload = result(&fetched, "a/b/3").as_ref().unwrap();
    assert_eq!((payload.version_id.as_str(), payload.region.as_deref()), ("v1", Some("us-east-1")));
    assert_eq!(payload.created_at.unwrap().0, 1_790_000_000_500);
}

#[tokio::test]
async fn services_that_share_a_secret_share_its_fetch() {
    let server = Server::start(good).await;
    let shared = |service: &str| Request { service: service.into(), ..request("a/b", Stage::Current) };
    let requests = vec![shared("x/1"), request("c/d", Stage::Current), shared("x/2")];
    let fetched = source(&server.connection(&["us-east-1"])).fetch(&Fetch { id: FetchId(1), requests }).await;
    assert_eq!(server.seen()[0].body["SecretIdList"], json!(["a/b", "c/d"]));
    assert!(result(&fetched, "x/1").is_ok() && result(&fetched, "x/2").is_ok());
}

#[tokio::test]
async fn a_batch_takes_twenty_ids() {
    let server = Server::start(good).await;
    let ids: Vec<String> = (0..45).map(|index| format!("a/b/{index}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let fetched = source(&server.connection(&["us-east-1"])).fetch(&fetch(&ids)).await;
    let sizes: Vec<_> = server.seen().iter().map(|it| it.body["SecretIdList"].as_array().unwrap().len()).collect();
    assert_eq!(sizes, [20, 20, 5]);
    assert!(fetched.outcomes.iter().all(|outcome| outcome.result.is_ok()));
}

#[tokio::test]
async fn pages_are_followed_also_empty_ones_and_a_token_that_repeats_ends_it() {
    let server = Server::start(|seen| {
        let page = match seen.body["NextToken"].as_str() {
            None => json!({ "SecretValues": [value("a")], "NextToken": "one" }),
            Some("one") => json!({ "SecretValues": [], "NextToken": "two" }),
            _ => json!({ "SecretValues": [value("b")], "NextToken": "two" }),
        };
        Reply::json(200, &page)
    })
    .await;
    let fetched = source(&server.connection(&["us-east-1"])).fetch(&fetch(&["a", "b", "c"])).await;
    assert!(result(&fetched, "a").is_ok() && result(&fetched, "b").is_ok());
    assert_eq!(failure(&fetched, "c").kind, ErrorKind::NotFound);
    assert_eq!(server.seen().len(), 3);
}

#[tokio::test]
async fn tokens_without_end_are_given_up() {
    let count = std::sync::atomic::AtomicUsize::new(0);
    let server = Server::start(move |_| {
        let next = count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Reply::json(200, &json!({ "SecretValues": [], "NextToken": format!("{next}") }))
    })
    .await;
    source(&server.connection(&["us-east-1"])).fetch(&fetch(&["a", "b"])).await;
    assert!(server.seen().len() <= 21, "{} pages", server.seen().len());
}

#[tokio::test]
async fn errors_of_single_items_are_read() {
    let server = Server::start(|_| {
        let error = json!({ "SecretId": "b", "ErrorCode": "ResourceNotFoundException", "Message": CANARY });
        Reply::json(200, &json!({ "SecretValues": [value("a")], "Errors": [error] }))
    })
    .await;
    let fetched = source(&server.connection(&["us-east-1"])).fetch(&fetch(&["a", "b"])).await;
    assert!(result(&fetched, "a").is_ok());
    assert_eq!(failure(&fetched, "b").kind, ErrorKind::NotFound);
    assert_no_leak(&format!("{fetched:?}"), "a failure");
}

#[tokio::test]
async fn a_secret_of_the_same_name_in_another_account_is_another() {
    let server = Server::start(|seen| {
        let owned = |account: &str, name: &str| {
            let arn = format!("arn:aws:secretsmanager:us-east-1:{account}:secret:{name}-AbCdEf");
            json!({ "ARN": arn, "Name": name, "VersionId": "v1", "SecretString": account })
        };
        let denied = json!({ "SecretId": "arn:aws:secretsmanager:us-east-1:444444444444:secret:a/b-AbCdEf",
            "ErrorCode": "AccessDeniedException" });
        let accounts = ["111111111111", "222222222222", "333333333333"].map(|account| owned(account, "a/b"));
        assert_eq!(seen.operation, "BatchGetSecretValue");
        Reply::json(200, &json!({ "SecretValues": accounts, "Errors": [denied] }))
    })
    .await;
    let arn = |account: &str, suffix: &str| format!("arn:aws:secretsmanager:us-east-1:{account}:secret:a/b{suffix}");
    let (whole, partial) = (arn("111111111111", "-AbCdEf"), arn("222222222222", ""));
    let denied = arn("444444444444", "-AbCdEf");
    let source = source(&server.connection(&["us-east-1"]));
    let fetched = source.fetch(&fetch(&["a/b", &denied, &partial, &whole])).await;
    for (id, account) in [(&*whole, "111111111111"), (&*partial, "222222222222"), ("a/b", "333333333333")] {
        let text = result(&fetched, id).as_ref().unwrap().text.as_ref().unwrap();
        assert_eq!(text.expose_secret(), account, "{id}");
    }
    assert_eq!(failure(&fetched, &denied).kind, ErrorKind::AccessDenied);
}

#[tokio::test]
async fn what_a_batch_answers_for_another_of_the_name_is_asked_for_alone() {
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a-AbCdEf";
    let server = Server::start(|seen| match seen.body["SecretId"].as_str() {
        None => Reply::json(200, &json!({ "SecretValues": [value("a")] })),
        Some(_) => Reply::error(400, "ResourceNotFoundException", ""),
    })
    .await;
    let fetched = source(&server.connection(&["us-east-1"])).fetch(&fetch(&["a", "b", arn])).await;
    assert!(result(&fetched, arn).is_ok());
    assert_eq!((failure(&fetched, "a").kind, failure(&fetched, "b").kind), (ErrorKind::NotFound, ErrorKind::NotFound));
    let alone: Vec<_> = server.seen().iter().map(|it| it.body["SecretId"].clone()).collect();
    assert_eq!(alone, [Value::Null, json!("a")]);
}

#[tokio::test]
async fn without_the_batch_action_single_calls_do_it_and_that_is_remembered() {
    let server = Server::start(|seen| {
        if seen.operation == "BatchGetSecretValue" {
            Reply::error(400, "AccessDeniedException", "not authorized to perform: secretsmanager:BatchGetSecretValue")
        } else {
            single(seen)
        }
    })
    .await;
    let source = source(&server.connection(&["us-east-1"]));
    for _ in 0..2 {
        let fetched = source.fetch(&fetch(&["a", "b", "c"])).await;
        assert!(fetched.outcomes.iter().all(|outcome| outcome.result.is_ok()));
    }
    let seen = server.seen();
    assert_eq!(seen.iter().filter(|it| it.operation == "BatchGetSecretValue").count(), 1);
    assert_eq!(seen.iter().filter(|it| it.operation == "GetSecretValue").count(), 6);
}

#[tokio::test]
async fn batches_are_not_given_up_for_a_moment_in_which_everything_is_denied() {
    let is_denied = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(true));
    let behind = is_denied.clone();
    let server = Server::start(move |seen| {
        if behind.load(std::sync::atomic::Ordering::SeqCst) {
            Reply::error(400, "AccessDeniedException", "no")
        } else {
            good(seen)
        }
    })
    .await;
    let source = source(&server.connection(&["us-east-1"]));
    let fetched = source.fetch(&fetch(&["a", "b"])).await;
    assert_eq!(failure(&fetched, "a").kind, ErrorKind::AccessDenied);
    is_denied.store(false, std::sync::atomic::Ordering::SeqCst);
    source.fetch(&fetch(&["a", "b"])).await;
    let operations: Vec<_> = server.seen().iter().map(|it| it.operation.clone()).collect();
    assert_eq!(operations, ["BatchGetSecretValue", "GetSecretValue", "GetSecretValue", "BatchGetSecretValue"]);
}

#[tokio::test]
async fn a_region_that_is_lost_is_asked_once_in_a_fetch() {
    let server =
        Server::start(|seen| if seen.region == "us-east-1" { Reply::error(503, "", "") } else { good(seen) }).await;
    let ids: Vec<String> = (0..45).map(|index| format!("a/b/{index}")).collect();
    let ids: Vec<&str> = ids.iter().map(String::as_str).collect();
    let fetched = source(&server.connection(&["us-east-1", "us-west-2"])).fetch(&fetch(&ids)).await;
    assert!(fetched.outcomes.iter().all(|outcome| outcome.result.is_ok()));
    let failed = fetched.calls.iter().filter(|call| call.error.is_some()).count();
    assert_eq!((failed, fetched.calls.len()), (1, 4));
}

#[tokio::test]
async fn a_single_secret_is_asked_for_with_its_stage() {
    let server = Server::start(good).await;
    let source = source(&server.connection(&["us-east-1"]));
    source.fetch(&fetch(&["a"])).await;
    source.fetch(&Fetch { id: FetchId(2), requests: vec![request("a", Stage::Previous)] }).await;
    let stages: Vec<_> = server.seen().iter().map(|it| it.body["VersionStage"].clone()).collect();
    assert_eq!(stages, ["AWSCURRENT", "AWSPREVIOUS"]);
}

#[tokio::test]
async fn unavailability_moves_to_the_next_region_and_a_4xx_does_not() {
    let server = Server::start(|seen| match (seen.region.as_str(), seen.body["SecretId"].as_str()) {
        ("us-east-1", Some("slow")) => Reply { delay: Duration::from_secs(3), ..good(seen) },
        ("us-east-1", Some("denied")) => Reply::error(400, "AccessDeniedException", "no"),
        ("us-east-1", _) => Reply::error(500, "InternalServiceError", "no"),
        _ => good(seen),
    })
    .await;
    let source = source(&server.connection(&["us-east-1", "us-west-2"]));
    for id in ["broken", "slow"] {
        let fetched = source.fetch(&fetch(&[id])).await;
        assert_eq!(result(&fetched, id).as_ref().unwrap().region.as_deref(), Some("us-west-2"), "{id}");
    }
    let fetched = source.fetch(&fetch(&["denied"])).await;
    assert_eq!(failure(&fetched, "denied").kind, ErrorKind::AccessDenied);
    assert!(!server.seen().iter().any(|it| it.region == "us-west-2" && it.body["SecretId"] == "denied"));
}

#[tokio::test]
async fn a_replica_is_asked_by_its_own_arn() {
    let server =
        Server::start(|seen| if seen.region == "us-east-1" { Reply::error(503, "", "") } else { good(seen) }).await;
    let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:a/b-AbCdEf";
    source(&server.connection(&["us-east-1", "eu-west-1"])).fetch(&fetch(&[arn])).await;
    let last = server.seen().pop().unwrap();
    assert_eq!(last.body["SecretId"], arn.replace("us-east-1", "eu-west-1"));
}

#[tokio::test]
async fn a_replica_without_the_secret_leaves_the_primary_unavailable() {
    let server = Server::start(|seen| match (seen.region.as_str(), seen.body["SecretId"].as_str()) {
        ("us-east-1", _) => Reply::error(503, "", ""),
        ("us-west-2", Some(_)) => Reply::error(400, "ResourceNotFoundException", ""),
        ("us-west-2", None) => Reply::json(200, &json!({ "SecretValues": [value("a")] })),
        _ => single(seen),
    })
    .await;
    let regions = Connection { regions: vec!["us-east-1".into(), "us-west-2".into()], ..patient(&server) };
    let fetched = source(&regions).fetch(&fetch(&["a", "monitoring"])).await;
    assert!(result(&fetched, "a").is_ok());
    for fetched in [fetched, source(&regions).fetch(&fetch(&["monitoring"])).await] {
        let failure = failure(&fetched, "monitoring");
        assert_eq!(failure.kind, ErrorKind::Unavailable);
        assert!(failure.message.contains("in us-east-1 answered"), "{}", failure.message);
        assert!(failure.message.contains("; ") && failure.message.contains("in us-west-2 answered"));
    }
    let third = Connection { regions: ["us-east-1", "us-west-2", "eu-west-1"].map(Into::into).into(), ..regions };
    let fetched = source(&third).fetch(&fetch(&["monitoring"])).await;
    assert_eq!(result(&fetched, "monitoring").as_ref().unwrap().region.as_deref(), Some("eu-west-1"));
}

#[tokio::test]
async fn a_refused_connection_is_unavailable() {
    let server = Server::start(good).await;
    let mut connection = patient(&server);
    connection.endpoint_url = Some("http://127.0.0.1:1".into());
    let fetched = source(&connection).fetch(&fetch(&["a"])).await;
    assert_eq!(failure(&fetched, "a").kind, ErrorKind::Unavailable);
    assert_eq!(fetched.calls[0].error, Some(ErrorKind::Unavailable));
}

#[tokio::test]
async fn credentials_out_of_reach_are_unavailable_and_none_at_all_are_not() {
    type Fault = fn() -> CredentialsError;
    let refused: Fault = || CredentialsError::provider_error(ConnectorError::io(CANARY.into()));
    let late: Fault = || CredentialsError::provider_error(ConnectorError::timeout(CANARY.into()));
    let none: Fault = || CredentialsError::not_loaded(ConnectorError::io(CANARY.into()));
    for (fault, kind) in
        [(refused, ErrorKind::Unavailable), (late, ErrorKind::Timeout), (none, ErrorKind::Unauthenticated)]
    {
        let server = Server::start(good).await;
        let credentials = provide_credentials_fn(move || async move { Err(fault()) });
        let source = AwsSource::new(&patient(&server)).with_credentials(SharedCredentialsProvider::new(credentials));
        let fetched = source.fetch(&fetch(&["a"])).await;
        assert_eq!(failure(&fetched, "a").kind, kind);
        assert_no_leak(&format!("{fetched:?}"), "a failure");
    }
}

#[tokio::test]
async fn every_row_of_the_error_table() {
    let rows = [
        (400, "AccessDeniedException", ErrorKind::AccessDenied),
        (400, "DecryptionFailure", ErrorKind::DecryptionFailed),
        (400, "ResourceNotFoundException", ErrorKind::NotFound),
        (400, "InvalidRequestException", ErrorKind::NotFound),
        (400, "ThrottlingException", ErrorKind::Throttled),
        (400, "TooManyRequestsException", ErrorKind::Throttled),
        (400, "RequestLimitExceeded", ErrorKind::Throttled),
        (429, "", ErrorKind::Throttled),
        (400, "ExpiredTokenException", ErrorKind::Unauthenticated),
        (400, "UnrecognizedClientException", ErrorKind::Unauthenticated),
        (400, "InvalidSignatureException", ErrorKind::Unauthenticated),
        (403, "NotAuthorized", ErrorKind::AccessDenied),
        (400, "InvalidParameterException", ErrorKind::ConfigInvalid),
        (400, "NotFoundException", ErrorKind::DecryptionFailed),
        (500, "KeyUnavailableException", ErrorKind::Unavailable),
        (400, "MalformedHttpRequestException", ErrorKind::Unavailable),
        (503, "DependencyTimeoutException", ErrorKind::Timeout),
        (400, "ValidationException", ErrorKind::ConfigInvalid),
        (500, "InternalServiceError", ErrorKind::Unavailable),
        (503, "", ErrorKind::Unavailable),
    ];
    for (status, code, kind) in rows {
        for is_header in [false, true] {
            let server = Server::start(move |_| {
                let mut reply = Reply::error(status, if is_header { "" } else { code }, CANARY);
                if is_header {
                    reply.headers.push(("x-amzn-errortype", format!("{code}:http://internal.amazon.com/{CANARY}")));
                }
                reply
            })
            .await;
            let fetched = source(&patient(&server)).fetch(&fetch(&["a"])).await;
            assert_eq!(failure(&fetched, "a").kind, kind, "{code} {status}");
            assert_no_leak(&format!("{fetched:?}"), "a failure");
        }
    }
}

/// Messages as AWS writes them, each alone and as the item of a batch.
#[tokio::test]
async fn a_message_decides_where_a_code_stands_for_several_things() {
    for (code, message, kind, hint) in [
        (
            "InvalidRequestException",
            "You can't perform this operation on the secret because it was marked for deletion.",
            ErrorKind::NotFound,
            "it is scheduled for deletion",
        ),
        (
            "InvalidRequestException",
            "You can't access a secret from a different AWS account if you encrypt the secret with the default KMS \
             service key.",
            ErrorKind::DecryptionFailed,
            "customer managed key",
        ),
        (
            "ResourceNotFoundException",
            "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
            ErrorKind::NotFound,
            "has no value",
        ),
        ("AccessDeniedException", "Access to KMS is not allowed", ErrorKind::AccessDenied, "KMS key that is refused"),
        (
            "AccessDeniedException",
            "User: x is not authorized to perform: secretsmanager:GetSecretValue on resource: y because no VPC endpoint \
             policy allows the secretsmanager:GetSecretValue action",
            ErrorKind::AccessDenied,
            "VPC endpoint",
        ),
        (
            "InvalidSignatureException",
            "Credential should be scoped to a valid region, not 'us-east-1'.",
            ErrorKind::Unauthenticated,
            "another region than `region`",
        ),
    ] {
        let server = Server::start(move |seen| match seen.operation.as_str() {
            "BatchGetSecretValue" => {
                let error = |id: &Value| json!({ "SecretId": id, "ErrorCode": code, "Message": message });
                let ids = seen.body["SecretIdList"].as_array().unwrap();
                Reply::json(200, &json!({ "Errors": ids.iter().map(error).collect::<Vec<_>>() }))
            }
            _ => Reply::error(400, code, message),
        })
        .await;
        for asked in [&["a"][..], &["a", "b"]] {
            let fetched = source(&patient(&server)).fetch(&fetch(asked)).await;
            let failure = failure(&fetched, "a");
            assert_eq!(failure.kind, kind, "{message}");
            assert!(failure.message.contains(hint) && !failure.message.contains(message), "{}", failure.message);
        }
    }
}

/// What passes by itself is asked for again at once, whatever its status; what does not is not.
#[tokio::test]
async fn each_code_that_passes_by_itself_is_tried_twice() {
    for (code, tries) in [
        ("KeyUnavailableException", 2),
        ("KMSInternalException", 2),
        ("InternalServiceError", 2),
        ("ThrottlingException", 2),
        ("DependencyTimeoutException", 2),
        ("AccessDeniedException", 1),
        ("DecryptionFailure", 1),
        ("ResourceNotFoundException", 1),
        ("ExpiredTokenException", 1),
    ] {
        let server = Server::start(move |_| Reply::error(400, code, CANARY)).await;
        source(&patient(&server)).fetch(&fetch(&["a"])).await;
        assert_eq!(server.seen().len(), tries, "{code}");
    }
}

const EXPIRED: &str =
    "Signature expired: 20260101T000000Z is now earlier than 20260101T000500Z (20260101T001000Z - 5 min.)";
/// Answers about the time at which a call was signed.
const OF_THE_CLOCK: [(u16, &str, &str); 6] = [
    (400, "InvalidSignatureException", EXPIRED),
    (400, "InvalidSignatureException", "Signature not yet current: 20260101T001000Z is still later than …"),
    (403, "SignatureDoesNotMatch", EXPIRED),
    (403, "RequestTimeTooSkewed", CANARY),
    (400, "RequestExpired", CANARY),
    (400, "RequestInTheFuture", CANARY),
];

#[tokio::test]
async fn a_call_that_is_refused_for_its_time_is_signed_again_once() {
    for (status, code, message) in OF_THE_CLOCK {
        let is_first = AtomicBool::new(true);
        let server = Server::start(move |seen| {
            if is_first.swap(false, Ordering::Relaxed) { Reply::error(status, code, message) } else { good(seen) }
        })
        .await;
        let fetched = source(&patient(&server)).fetch(&fetch(&["a"])).await;
        assert!(result(&fetched, "a").is_ok(), "{code}: {fetched:?}");
        let signatures: Vec<_> = server.seen().into_iter().map(|seen| seen.headers["authorization"].clone()).collect();
        assert_eq!(signatures.len(), 2, "{code}");
    }
}

#[tokio::test]
async fn a_clock_that_stays_wrong_is_named_and_tried_again() {
    for (status, code, message) in OF_THE_CLOCK {
        let server = Server::start(move |_| {
            let mut reply = Reply::error(status, code, message);
            reply.headers.push(("date", "Thu, 01 Jan 2026 00:10:00 GMT".to_owned()));
            reply
        })
        .await;
        let fetched = source(&patient(&server)).fetch(&fetch(&["a"])).await;
        let Failure { kind, message, .. } = failure(&fetched, "a");
        assert_eq!(
            (*kind, server.seen().len()),
            (ErrorKind::Unavailable, 2),
            "{code}: it passes once the clock is right"
        );
        assert!(
            message.contains("this machine's clock is") && message.contains("min ahead of the server's"),
            "{message}"
        );
        assert!(!message.contains("20260101T"), "the server is not quoted: {message}");
        assert_no_leak(&format!("{fetched:?}"), "a failure");
    }
}

#[tokio::test]
async fn a_signature_that_is_wrong_is_no_matter_of_the_clock() {
    let server =
        Server::start(|_| Reply::error(403, "SignatureDoesNotMatch", "The request signature we calculated …")).await;
    let fetched = source(&patient(&server)).fetch(&fetch(&["a"])).await;
    assert_eq!((failure(&fetched, "a").kind, server.seen().len()), (ErrorKind::Unauthenticated, 1));
}

#[tokio::test]
async fn no_answer_in_time_is_a_timeout() {
    let server = Server::start(|seen| Reply { delay: Duration::from_secs(5), ..good(seen) }).await;
    let fetched = source(&server.connection(&["us-east-1"])).fetch(&fetch(&["a"])).await;
    assert_eq!(failure(&fetched, "a").kind, ErrorKind::Timeout);
}

#[tokio::test]
async fn retry_after_is_passed_on() {
    let server = Server::start(|_| {
        let mut reply = Reply::error(400, "ThrottlingException", "slow down");
        reply.headers.push(("retry-after", "7".into()));
        reply
    })
    .await;
    let fetched = source(&patient(&server)).fetch(&fetch(&["a"])).await;
    assert_eq!(failure(&fetched, "a").retry_after, Some(Duration::from_secs(7)));
}

#[tokio::test]
async fn a_hostile_server_gets_nothing_said() {
    let bodies: [Vec<u8>; 5] = [
        format!("{{\"__type\": \"{CANARY}\", \"message\": \"{CANARY}\"}}").into_bytes(),
        format!("{{\"SecretString\": \"{CANARY}").into_bytes(),
        CANARY.as_bytes().to_vec(),
        vec![0xff; 100],
        format!("{{\"SecretString\": [\"{CANARY}\"]}}").into_bytes(),
    ];
    for body in bodies {
        for status in [200, 400, 500] {
            let body = body.clone();
            let server = Server::start(move |_| Reply {
                headers: vec![("x-amzn-requestid", format!("{CANARY} {}", CANARY.repeat(9)).chars().rev().collect())],
                body: body.clone(),
                ..Reply::json(status, &json!(null))
            })
            .await;
            let fetched = source(&patient(&server)).fetch(&fetch(&["a"])).await;
            assert!(result(&fetched, "a").is_err(), "{status}");
            assert_no_leak(&format!("{fetched:?}"), "a failure");
        }
    }
}
