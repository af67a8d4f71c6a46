//! What a profile of the AWS configuration files says about credentials. The files are read by AWS's own crate; how the
//! keys of a profile mean credentials is decided here, in the order of AWS's SDKs, so that a failure can name the profile
//! and its mechanism.

use std::env;
use std::path::PathBuf;

use aws_config::profile::{Profile, ProfileFileLoadError, ProfileSet};
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};

/// What names a profile in code.
const OPTION: &str = "option `profile`";

/// The profiles, and the one that is chosen.
pub(crate) struct Profiles {
    /// Or what is wrong with the files, which matters only where a profile is needed.
    set: Result<ProfileSet, String>,
    name: String,
    /// What names the profile; none: it is the default one.
    named_by: Option<&'static str>,
}

/// Where a profile's credentials begin.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Base {
    Keys {
        id: String,
        secret: Secret,
        token: Option<Secret>,
    },
    /// `aws login`.
    Login {
        session: String,
    },
    /// A program that prints them.
    Process {
        command: Secret,
    },
    /// IAM Identity Center. Without a session it is the older form.
    Sso {
        session: Option<String>,
        start_url: String,
        region: String,
        account: String,
        role: String,
    },
    /// `credential_source`.
    Source(Source),
    WebIdentity {
        role: String,
        token_file: String,
        session_name: Option<String>,
    },
}

/// The values of `credential_source`.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Source {
    Container,
    Environment,
    Instance,
}

/// A role to assume with the credentials of the step before.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Role {
    pub(crate) arn: String,
    pub(crate) external_id: Option<String>,
    pub(crate) session_name: Option<String>,
}

/// How a profile gets its credentials.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Recipe {
    /// The profile in which the credentials begin: the chosen one, or the last `source_profile`.
    pub(crate) profile: String,
    pub(crate) base: Base,
    /// In the order in which they are assumed.
    pub(crate) roles: Vec<Role>,
}

/// A text that nothing shows: keys, and commands, whose arguments may hold any.
#[derive(Clone, Eq, PartialEq)]
pub(crate) struct Secret(pub(crate) String);

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("[REDACTED]")
    }
}

impl Profiles {
    /// Reads the files.
    pub(crate) async fn load(option: Option<&str>) -> Self {
        let (name, named_by) = match (option, variable("AWS_PROFILE")) {
            (Some(option), _) => (option.to_owned(), Some(OPTION)),
            (None, Some(variable)) => (variable, Some("AWS_PROFILE")),
            (None, None) => ("default".to_owned(), None),
        };
        let files = EnvConfigFiles::default();
        let set = aws_config::profile::load(&Fs::real(), &Env::real(), &files, Some(name.clone().into())).await;
        Self { set: set.map_err(|error| unreadable(&error)), name, named_by }
    }

    pub(crate) fn name(&self) -> &str {
        &self.name
    }

    /// A setting of the chosen profile.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        self.set.as_ref().ok()?.get_profile(&self.name)?.get(key)
    }

    /// The region of the chosen profile, else of the one that its credentials come from.
    pub(crate) fn region(&self) -> Option<&str> {
        let set = self.set.as_ref().ok()?;
        let chosen = set.get_profile(&self.name)?;
        let source = || set.get_profile(chosen.get("source_profile")?)?.get("region");
        chosen.get("region").or_else(source)
    }

    /// Whether an option names the profile: then it is meant, and keys in variables are not.
    pub(crate) fn is_of_option(&self) -> bool {
        self.named_by == Some(OPTION)
    }

    /// Whether the chosen profile is there, if it was named at all.
    fn check<'p>(&self, set: &'p ProfileSet) -> Result<Option<&'p Profile>, String> {
        let chosen = set.get_profile(&self.name);
        match self.named_by {
            // Without any file the default profile is not there either.
            Some(by) if chosen.is_none() && self.name != "default" => {
                let known = listed(set.profiles());
                let known = if known.is_empty() { "no profile at all".to_owned() } else { known };
                Err(format!("the AWS profile `{}` ({by}) is not in {}; there is {known}", self.name, files()))
            }
            _ => Ok(chosen),
        }
    }

    /// Why the chosen profile gives none.
    pub(crate) fn without_credentials(&self) -> String {
        let is_there = self.set.as_ref().is_ok_and(|set| set.get_profile(&self.name).is_some());
        let (name, files) = (&self.name, files());
        if is_there {
            format!("the AWS profile `{name}` says nothing about credentials")
        } else {
            format!("there is no AWS profile `{name}` in {files}")
        }
    }

    /// How the chosen profile gets its credentials; `None` where it says nothing about them.
    pub(crate) fn recipe(&self) -> Result<Option<Recipe>, String> {
        let set = self.set.as_ref().map_err(Clone::clone)?;
        let Some(mut profile) = self.check(set)? else { return Ok(None) };
        let (mut seen, mut roles) = (vec![], vec![]);
        let base = loop {
            seen.push(profile.name());
            let is_source = seen.len() > 1;
            // A profile that another one builds on gives its keys, if it has any.
            if is_source && let Ok(Some(keys)) = keys(profile) {
                break Some(keys);
            }
            let Some(role) = role(profile) else { break base(set, profile, is_source)? };
            roles.push(role);
            let Some(next) = source_profile(profile)? else { break base(set, profile, true)? };
            if seen.contains(&next) {
                let circle = listed(seen.into_iter());
                return Err(format!("the AWS profiles {circle} build on each other by source_profile in a circle"));
            }
            let absent = || {
                let name = profile.name();
                format!("the AWS profile `{name}` names the source_profile `{next}`, which is not in {}", files())
            };
            profile = set.get_profile(next).ok_or_else(absent)?;
        };
        roles.reverse();
        Ok(base.map(|base| Recipe { profile: profile.name().to_owned(), base, roles }))
    }
}

/// What a profile gives without a role. One that another profile builds on has to give something.
fn base(set: &ProfileSet, profile: &Profile, is_required: bool) -> Result<Option<Base>, String> {
    let name = profile.name();
    if let Some(source) = profile.get("credential_source") {
        return match source.to_ascii_lowercase().as_str() {
            "ec2instancemetadata" => Ok(Some(Base::Source(Source::Instance))),
            "ecscontainer" => Ok(Some(Base::Source(Source::Container))),
            "environment" => Ok(Some(Base::Source(Source::Environment))),
            _ => Err(format!(
                "the AWS profile `{name}` has a credential_source that is not Environment, EcsContainer or \
                 Ec2InstanceMetadata"
            )),
        };
    }
    if let Some(token_file) = profile.get("web_identity_token_file") {
        let role = profile.get("role_arn").ok_or_else(|| {
            format!("the AWS profile `{name}` has a web_identity_token_file, but no role_arn to assume with it")
        })?;
        let session_name = profile.get("role_session_name").map(str::to_owned);
        return Ok(Some(Base::WebIdentity { role: role.to_owned(), token_file: token_file.to_owned(), session_name }));
    }
    if let Some(sso) = sso(set, profile)? {
        return Ok(Some(sso));
    }
    if let Some(session) = profile.get("login_session") {
        return Ok(Some(Base::Login { session: session.to_owned() }));
    }
    if let Some(command) = profile.get("credential_process") {
        return Ok(Some(Base::Process { command: Secret(command.to_owned()) }));
    }
    match keys(profile)? {
        None if is_required => Err(format!(
            "the AWS profile `{name}` is to give credentials for a role, but has none: no keys, credential_process, \
             sso_session, login_session or credential_source"
        )),
        keys => Ok(keys),
    }
}

/// IAM Identity Center, by a section of its own or in the older form.
fn sso(set: &ProfileSet, profile: &Profile) -> Result<Option<Base>, String> {
    let name = profile.name();
    let names = ["sso_session", "sso_start_url", "sso_region", "sso_account_id", "sso_role_name"];
    let [session, start_url, region, account, role] = names.map(|key| profile.get(key));
    if [session, start_url, region, account, role].iter().all(Option::is_none) {
        return Ok(None);
    }
    let section = match session {
        Some(session) => Some(set.sso_session(session).ok_or_else(|| {
            format!("the AWS profile `{name}` names the sso_session `{session}`, which has no section in {}", files())
        })?),
        None => None,
    };
    let of_section = |key| section.and_then(|section| section.get(key));
    let given = [start_url.or(of_section("sso_start_url")), region.or(of_section("sso_region")), account, role];
    if let [Some(start_url), Some(region), Some(account), Some(role)] = given.map(|value| value.map(str::to_owned)) {
        let session = session.map(str::to_owned);
        return Ok(Some(Base::Sso { session, start_url, region, account, role }));
    }
    let missing = names[1..].iter().zip(given).filter(|(_, value)| value.is_none()).map(|(key, _)| *key);
    let hint = "complete it by `aws configure sso`";
    Err(format!("the AWS profile `{name}` is for IAM Identity Center, but lacks {}: {hint}", listed(missing)))
}

/// The profile that a role's credentials come from; `None` where it is the same one.
fn source_profile(profile: &Profile) -> Result<Option<&str>, String> {
    let name = profile.name();
    match (profile.get("source_profile"), profile.get("credential_source")) {
        (Some(_), Some(_)) => {
            Err(format!("the AWS profile `{name}` has both source_profile and credential_source: keep one"))
        }
        (None, None) => {
            Err(format!("the AWS profile `{name}` has a role_arn, but neither source_profile nor credential_source"))
        }
        (source, _) => Ok(source.filter(|source| *source != name)),
    }
}

/// The role that a profile assumes. With a web identity it is no step of its own.
fn role(profile: &Profile) -> Option<Role> {
    let arn = profile.get("role_arn").filter(|_| profile.get("web_identity_token_file").is_none())?;
    let text = |key| profile.get(key).map(str::to_owned);
    Some(Role { arn: arn.to_owned(), external_id: text("external_id"), session_name: text("role_session_name") })
}

fn keys(profile: &Profile) -> Result<Option<Base>, String> {
    let names = ["aws_access_key_id", "aws_secret_access_key", "aws_session_token"];
    match names.map(|key| profile.get(key)) {
        [Some(id), Some(secret), token] => Ok(Some(Base::Keys {
            id: id.to_owned(),
            secret: Secret(secret.to_owned()),
            token: token.map(|token| Secret(token.to_owned())),
        })),
        [None, None, None] => Ok(None),
        [id, ..] => {
            let missing = if id.is_none() { names[0] } else { names[1] };
            Err(format!("the AWS profile `{}` has a part of a key, but no {missing}", profile.name()))
        }
    }
}

/// A variable of the process; empty is unset.
pub(crate) fn variable(name: &str) -> Option<String> {
    env::var(name).ok().filter(|value| !value.is_empty())
}

/// Where profiles are looked for, as a person would write it.
fn files() -> String {
    let file = |name, default: &str| variable(name).unwrap_or_else(|| default.to_owned());
    let config = file("AWS_CONFIG_FILE", "~/.aws/config");
    format!("{config} or {}", file("AWS_SHARED_CREDENTIALS_FILE", "~/.aws/credentials"))
}

/// The user's home, where tools cache their sessions.
pub(crate) fn home() -> Option<PathBuf> {
    env::home_dir()
}

fn listed<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    names.sort();
    names.join(", ")
}

/// What is wrong with the files. Where a line is malformed AWS's crate says which one, and quotes nothing of it.
fn unreadable(error: &ProfileFileLoadError) -> String {
    let because = std::error::Error::source(error).map(|cause| format!(": {cause}")).unwrap_or_default();
    let because = because.replace('\n', " ");
    format!("the AWS configuration {} cannot be used{because}", files())
}
