//! `audit`: who read or changed what.

use std::collections::BTreeSet;
use std::time::Duration;

use clap::Args;
use permisos_secrets_aws::{Admin, TrailEvent};
use permisos_secrets_core::{Connection, Error, SecretId, UnixTime};
use serde::Serialize;

use crate::Exit;
use crate::context::{Context, now};
use crate::dates::date;
use crate::output::{BAD, DIM, Page, Report, WARN, counted, paint, printable};

/// The caller lacked a permission.
const DENIED: &str = "denied";
/// CloudTrail keeps events for 90 days.
const LONGEST: Duration = Duration::from_hours(90 * 24);

/// Show who read or changed these secrets, from CloudTrail; suspicious events are marked.
#[derive(Args)]
#[command(
    after_help = "CloudTrail delivers events about fifteen minutes late. Marked as suspicious: denied calls, regions that \
no application uses, principals of another account, and, with --known, every principal that it does not name."
)]
pub(crate) struct Audit {
    /// How far to look back, e.g. 30m, 24h or 7d
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = duration)]
    since: Duration,
    /// The ARN of a user or role that is expected; may end in *, may be repeated
    #[arg(long, value_name = "ARN")]
    known: Vec<String>,
    /// Search this region too, although no application uses it; may be repeated
    #[arg(long, value_name = "REGION")]
    also: Vec<String>,
    /// Show the events of all secrets of the account
    #[arg(long)]
    all: bool,
    /// Show at most so many events of each region, newest first
    #[arg(long, value_name = "NUMBER", default_value_t = 1000)]
    limit: usize,
}

/// The events that CloudTrail recorded, and which of them are suspicious.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Trail {
    since: UnixTime,
    regions: Vec<String>,
    /// Whether there are older events that the limit cut off.
    is_cut: bool,
    events: Vec<Judged>,
    #[serde(skip)]
    account: String,
}

#[derive(Serialize)]
struct Judged {
    #[serde(flatten)]
    event: TrailEvent,
    suspicious: Vec<&'static str>,
}

/// What is known to be right.
struct Expected<'e> {
    account: &'e str,
    regions: &'e [String],
    principals: &'e [String],
}

impl Audit {
    pub(crate) async fn run(self, context: &Context<'_>) -> Exit {
        let trail = self.trail(context).await?;
        context.output.report(&trail);
        if self.known.is_empty() {
            context.output.note("To mark unexpected principals, name the expected ones: --known ARN, once for each.");
        }
        Ok(None)
    }

    /// The events of these secrets within this time; every principal of the account is expected.
    pub(super) async fn of_the_last(since: Duration, limit: usize, context: &Context<'_>) -> Result<Trail, Error> {
        Self { since, known: vec![], also: vec![], all: false, limit }.trail(context).await
    }

    async fn trail(&self, context: &Context<'_>) -> Result<Trail, Error> {
        let connection = &context.options.connection;
        let account = context.admin.identity().await?.account;
        let used = if connection.regions.is_empty() {
            vec![context.admin.region().await?]
        } else {
            connection.regions.clone()
        };
        let since = UnixTime::from(now().since(UnixTime::default()).saturating_sub(self.since));
        let regions: BTreeSet<&String> = used.iter().chain(&self.also).collect();
        let secrets: Vec<&SecretId> = context.options.secret_ids.values().collect();
        let (mut events, mut is_cut) = (vec![], false);
        for &region in &regions {
            context.output.progress(format_args!("reading CloudTrail in {region}"));
            let there = Connection { regions: vec![region.clone()], ..connection.clone() };
            let found = Admin::new(&there).events(since, self.limit).await?;
            is_cut |= found.len() >= self.limit;
            events.extend(found);
        }
        events.retain(|event| self.all || concerns(event, &secrets));
        events.sort_by_key(|event| std::cmp::Reverse(event.at));
        let expected = Expected { account: &account, regions: &used, principals: &self.known };
        let events = events.into_iter().map(|event| Judged { suspicious: expected.judge(&event), event }).collect();
        Ok(Trail { since, regions: regions.into_iter().cloned().collect(), is_cut, events, account })
    }
}

impl Expected<'_> {
    fn judge(&self, event: &TrailEvent) -> Vec<&'static str> {
        let TrailEvent { principal, region, error, .. } = event;
        let account = event.account.as_deref().unwrap_or_else(|| account_of(principal));
        // Secrets Manager itself, when it starts a rotation, is such a service. A session's id may have the same ending.
        let is_service = !principal.contains([':', '/']) && principal.ends_with(".amazonaws.com");
        let is_known = is_service || self.principals.iter().any(|known| matches(known, principal));
        [
            (DENIED, error.as_deref().is_some_and(|code| code.contains("AccessDenied"))),
            ("other account", !account.is_empty() && account != self.account),
            ("other region", !self.regions.contains(region)),
            ("unknown principal", !self.principals.is_empty() && !is_known),
        ]
        .into_iter()
        .filter_map(|(why, applies)| applies.then_some(why))
        .collect()
    }
}

impl Report for Trail {
    fn page(&self, page: &mut Page) {
        let Self { since, regions, is_cut, events, account } = self;
        let suspicious = events.iter().filter(|it| !it.suspicious.is_empty()).count();
        let title = format!("{} in {}", counted(events.len(), "event"), regions.join(", "));
        page.heading(format_args!("{title} {}", paint(DIM, format!("since {}", date(*since)))));
        let rows = events.iter().map(|Judged { event, suspicious }| {
            let TrailEvent { at, operation, principal, address, secret, error, region, account: _ } = event;
            let mut why = suspicious.join(", ");
            // The remark already says that it was denied.
            if let Some(error) = error.as_deref().filter(|_| !suspicious.contains(&DENIED)) {
                why = [printable(error), why].into_iter().filter(|it| !it.is_empty()).collect::<Vec<_>>().join(", ");
            }
            vec![
                date(*at),
                printable(operation),
                secret.as_deref().map(|secret| printable(&named(secret))).unwrap_or_default(),
                printable(short(principal, account)),
                format!("{} {}", printable(region), printable(address)),
                if suspicious.is_empty() { why } else { paint(BAD, why) },
            ]
        });
        if !events.is_empty() {
            page.table(&["TIME (UTC)", "OPERATION", "SECRET", "WHO", "FROM", "REMARK"], rows);
        }
        if *is_cut {
            page.line(paint(WARN, "Older events were cut off: raise --limit, or shorten --since."));
        }
        match suspicious {
            0 => page.line("Nothing suspicious."),
            number => page.line(paint(BAD, format!("{number} suspicious"))),
        }
    }
}

/// The account of an ARN; empty where it names none.
fn account_of(principal: &str) -> &str {
    principal.split(':').nth(4).unwrap_or_default()
}

/// A principal of this account in short: `assumed-role/api/i-0abc`.
fn short<'p>(principal: &'p str, account: &str) -> &'p str {
    let resource = principal.splitn(6, ':').nth(5);
    resource.filter(|_| account_of(principal) == account).unwrap_or(principal)
}

/// The name of a secret that an event names by name or ARN.
fn named(secret: &str) -> String {
    SecretId::parse(secret).map_or_else(|_| secret.to_owned(), |id| name(&id).to_owned())
}

fn name(secret: &SecretId) -> &str {
    match secret {
        SecretId::Arn(arn) => arn.name(),
        SecretId::Name(name) => name.as_str(),
    }
}

/// Whether an event is about one of these secrets; one that names none, such as a listing, may be.
fn concerns(event: &TrailEvent, secrets: &[&SecretId]) -> bool {
    let Some(named) = event.secret.as_deref() else { return true };
    let named = self::named(named);
    secrets.iter().any(|secret| name(secret) == named)
}

/// Whether an ARN, or the start of one with a star, names this principal. A role's ARN names its sessions as well; theirs
/// leave out the role's path.
fn matches(known: &str, principal: &str) -> bool {
    let session = session_of(known);
    if let Some(start) = known.strip_suffix('*') {
        let session = session.as_deref().and_then(|session| session.strip_suffix('*'));
        return principal.starts_with(start) || session.is_some_and(|start| principal.starts_with(start));
    }
    let rest = session.as_deref().and_then(|session| principal.strip_prefix(session));
    principal == known || rest.is_some_and(|rest| rest.starts_with('/'))
}

/// How the ARNs of a role's sessions start; none for a path and a star, since those ARNs do not hold the path.
fn session_of(role: &str) -> Option<String> {
    let (account, role) = role.split_once(":role/")?;
    let (path, name) = role.rsplit_once('/').unwrap_or(("", role));
    let has_name = path.is_empty() || name != "*";
    has_name.then(|| format!("{}:assumed-role/{name}", account.replacen(":iam:", ":sts:", 1)))
}

fn duration(text: &str) -> Result<Duration, &'static str> {
    const SHAPE: &str = "must be a number and m, h or d, at most 90d";
    let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(SHAPE)?;
    let number: u64 = number.parse().map_err(|_| SHAPE)?;
    let seconds = match unit {
        "d" => 86_400,
        "h" => 3600,
        "m" => 60,
        _ => return Err(SHAPE),
    };
    let duration = Duration::from_secs(number.saturating_mul(seconds));
    if duration.is_zero() || duration > LONGEST { Err(SHAPE) } else { Ok(duration) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn event(principal: &str, region: &str, error: Option<&str>) -> TrailEvent {
        TrailEvent {
            at: UnixTime(0),
            operation: "GetSecretValue".into(),
            principal: principal.into(),
            account: None,
            region: region.into(),
            address: "192.0.2.1".into(),
            secret: None,
            error: error.map(Into::into),
        }
    }

    #[test]
    fn what_is_suspicious_is_told_with_its_reason() {
        const NOTHING: [&str; 0] = [];
        let regions = ["us-east-1".to_owned()];
        let known = ["arn:aws:iam::123456789012:role/api".to_owned(), "arn:aws:iam::123456789012:user/ci-*".to_owned()];
        let expected = Expected { account: "123456789012", regions: &regions, principals: &known };
        let session = "arn:aws:sts::123456789012:assumed-role/api/i-0abc";
        let judge = |principal, region, error| expected.judge(&event(principal, region, error));
        assert_eq!(judge(session, "us-east-1", None), NOTHING);
        let absent = Some("ResourceNotFoundException");
        assert_eq!(judge("arn:aws:iam::123456789012:user/ci-7", "us-east-1", absent), NOTHING);
        assert_eq!(judge(session, "us-east-1", Some("AccessDenied")), ["denied"]);
        assert_eq!(judge(session, "eu-west-1", None), ["other region"]);
        assert_eq!(judge("arn:aws:sts::123456789012:assumed-role/apiary/i", "us-east-1", None), ["unknown principal"]);
        assert_eq!(
            judge("arn:aws:iam::999999999999:user/mallory", "us-east-1", None),
            ["other account", "unknown principal"]
        );
        assert_eq!(judge("secretsmanager.amazonaws.com", "us-east-1", None), NOTHING);
    }

    #[test]
    fn another_account_is_told_by_its_number_where_there_is_no_arn() {
        let regions = ["us-east-1".to_owned()];
        let expected = Expected { account: "123456789012", regions: &regions, principals: &[] };
        let foreign = event("999999999999/AROAEXAMPLE:a.amazonaws.com", "us-east-1", None);
        let foreign = TrailEvent { account: Some("999999999999".into()), ..foreign };
        assert_eq!(expected.judge(&foreign), ["other account"]);
        let expected = Expected { principals: &["arn:aws:iam::1:role/a".to_owned()], ..expected };
        assert_eq!(expected.judge(&foreign), ["other account", "unknown principal"]);
    }

    #[test]
    fn a_role_is_known_by_its_sessions_also_with_a_path_and_a_star() {
        let session = "arn:aws:sts::123456789012:assumed-role/permisos-api/i-1";
        let role = |role: &str| format!("arn:aws:iam::123456789012:role/{role}");
        for known in ["permisos-api", "team/permisos-api", "permisos-*", "team/a/permisos-*", "*"] {
            assert!(matches(&role(known), session), "{known}");
        }
        for unknown in ["permisos", "permisos-api-2", "api-*", "team/*", "permisos-api/i-1"] {
            assert!(!matches(&role(unknown), session), "{unknown}");
        }
    }

    #[test]
    fn what_everybody_knows_of_a_principal_is_left_out_and_a_secret_has_one_name() {
        let session = "arn:aws:sts::123456789012:assumed-role/api/i-0abc";
        assert_eq!(short(session, "123456789012"), "assumed-role/api/i-0abc");
        assert_eq!(short(session, "999999999999"), session);
        assert_eq!(short("secretsmanager.amazonaws.com", "123456789012"), "secretsmanager.amazonaws.com");
        let arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:permisos/production/stripe/api-keys-a1b2c3";
        assert_eq!(named(arn), "permisos/production/stripe/api-keys");
        assert_eq!(named("permisos/production/stripe/api-keys"), "permisos/production/stripe/api-keys");
    }

    #[test]
    fn a_look_back_is_bounded() {
        assert_eq!(duration("36h").unwrap(), Duration::from_hours(36));
        for wrong in ["", "h", "0h", "91d", "1w", "-1d", "ü"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }
}
