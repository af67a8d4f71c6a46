//! `policy`: least-privilege IAM from the actual names.

use clap::{Args, ValueEnum};
use permisos_secrets_aws::Decision;
use permisos_secrets_core::permissions::{Scope, Statement, operator, reader};
use permisos_secrets_core::{Error, ErrorKind, SecretId};
use serde::Serialize;
use serde_json::{Value, json};

use crate::Exit;
use crate::context::Context;
use crate::output::{BAD, GOOD, Page, Report, paint};
use crate::terraform::{self, encoded};

/// Characters of a managed policy, white space not counted
/// ([IAM](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html)).
const POLICY_LIMIT: usize = 6144;

/// Print the least-privilege IAM policy for exactly these secrets.
#[derive(Args)]
#[command(
    after_help = "Without --account, the account is that of your credentials. The policy lets Secrets Manager, and no \
other service, use the KMS keys that --kms-key names; AWS's own key needs no grant. --verify needs \
iam:SimulatePrincipalPolicy on the principal. No policy printed here grants it, because it reveals what others may do."
)]
pub(crate) struct Policy {
    /// Who gets the policy
    #[arg(long = "for", value_name = "WHO", default_value = "reader")]
    audience: Audience,
    /// What to print
    #[arg(long, default_value = "json")]
    format: Format,
    /// The account's number
    #[arg(long, value_name = "NUMBER", value_parser = account)]
    account: Option<String>,
    /// The ARN of your own KMS key that encrypts the secrets; may be repeated
    #[arg(long, value_name = "ARN", value_parser = key)]
    kms_key: Vec<String>,
    /// The ARN of a rotation function, for an operator to invoke; may be repeated
    #[arg(long, value_name = "ARN", value_parser = function)]
    function: Vec<String>,
    /// Ask IAM whether the caller, or --principal, may do all of it
    #[arg(long)]
    verify: bool,
    /// The ARN of the user or role to verify
    #[arg(long, value_name = "ARN", requires = "verify")]
    principal: Option<String>,
}

/// Who gets a policy.
#[derive(Clone, Copy, ValueEnum)]
enum Audience {
    /// An application: reads
    Reader,
    /// A person or pipeline with this tool: creates, migrates, rotates
    Operator,
}

/// The format of a policy.
#[derive(Clone, Copy, ValueEnum)]
enum Format {
    /// A CloudFormation template
    Cloudformation,
    /// The policy document
    Json,
    /// A Terraform resource, as JSON for a file *.tf.json
    Terraform,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Verified {
    principal: String,
    decisions: Vec<Decision>,
    /// Statements with a condition, which the simulation does not cover.
    not_simulated: Vec<&'static str>,
}

impl Policy {
    pub(crate) async fn run(self, context: &Context<'_>) -> Exit {
        let scope = self.scope(context).await?;
        let secrets = context.options.service_ids();
        let secrets: Vec<&SecretId> = secrets.filter_map(|it| context.options.secret_ids.get(&it)).collect();
        let statements = match self.audience {
            Audience::Operator => operator(secrets, &scope),
            Audience::Reader => reader(secrets, &scope),
        };
        if self.verify {
            return self.verify(context, &statements).await;
        }
        let environment = context.options.environment.as_str();
        let name = format!("permisos-secrets-{environment}-{}", self.audience.word());
        let document = json!({ "Version": "2012-10-17", "Statement": statements });
        let size = document.to_string().len();
        if size > POLICY_LIMIT {
            context.output.note(format_args!(
                "The policy has {size} characters, more than IAM's limit of {POLICY_LIMIT}: split the secrets over several --config files."
            ));
        }
        match self.format {
            Format::Cloudformation => context.output.document(&cloudformation(&name, environment, &document)),
            Format::Json => context.output.document(&document),
            Format::Terraform => context.output.document(&terraform(&name, environment, self.audience, &document)),
        }
        Ok(None)
    }

    /// Asks STS for account and partition only where no option gives them.
    async fn scope(&self, context: &Context<'_>) -> Result<Scope, Error> {
        let mut scope = Scope {
            account: self.account.clone(),
            kms_keys: self.kms_key.clone(),
            functions: self.function.clone(),
            regions: context.options.connection.regions.clone(),
            ..Scope::default()
        };
        if scope.account.is_none() {
            match context.admin.identity().await {
                Ok(identity) => {
                    identity.partition().clone_into(&mut scope.partition);
                    scope.account = Some(identity.account);
                }
                Err(error) if self.verify => return Err(error),
                Err(error) => {
                    let why = match error.kind() {
                        ErrorKind::Unauthenticated => "No credentials".to_owned(),
                        _ => error.to_string(),
                    };
                    context.output.note(format_args!("{why}: the account below is `*`. Pass --account to name it."));
                }
            }
        }
        if scope.regions.is_empty() {
            context.output.note("No region is set: it is `*` below. Pass --region, once for each region.");
        }
        Ok(scope)
    }

    async fn verify(&self, context: &Context<'_>, statements: &[Statement]) -> Exit {
        let principal = match &self.principal {
            Some(principal) => principal.clone(),
            None => context.admin.identity().await?.principal(),
        };
        let mut decisions = vec![];
        for Statement { action, resource, .. } in statements.iter().filter(|it| it.condition.is_none()) {
            // IAM simulates real ARNs, not patterns. The ARN without suffix belongs to no secret: it is left out.
            let is_bare = |arn: &String| resource.contains(&format!("{arn}-??????"));
            let resources = resource.iter().filter(|arn| !is_bare(arn)).map(|arn| arn.replace("??????", "AbCdEf"));
            let resources: Vec<String> = resources.collect();
            decisions.extend(context.admin.simulate(&principal, action, &resources).await?);
        }
        let not_simulated = statements.iter().filter(|it| it.condition.is_some()).map(|it| it.sid).collect();
        let is_denied = decisions.iter().any(|decision| !decision.allowed);
        context.output.report(&Verified { principal, decisions, not_simulated });
        Ok(is_denied.then_some(ErrorKind::AccessDenied))
    }
}

impl Audience {
    fn word(self) -> &'static str {
        match self {
            Self::Operator => "operator",
            Self::Reader => "reader",
        }
    }
}

impl Report for Verified {
    fn page(&self, page: &mut Page) {
        page.heading(format_args!("What {} may do, as IAM simulates it", self.principal));
        let rows = self.decisions.iter().map(|Decision { action, resource, allowed }| {
            let decision = if *allowed { paint(GOOD, "allowed") } else { paint(BAD, "denied") };
            vec![decision, action.clone(), resource.clone()]
        });
        page.table(&["DECISION", "ACTION", "RESOURCE"], rows);
        for sid in &self.not_simulated {
            page.line(format_args!("{sid} depends on a condition and was not simulated"));
        }
    }
}

fn cloudformation(name: &str, environment: &str, document: &Value) -> Value {
    json!({
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": format!("Access to the secrets of {environment}, by permisos-secrets policy"),
        "Resources": {
            "SecretsPolicy": {
                "Type": "AWS::IAM::ManagedPolicy",
                "Properties": { "ManagedPolicyName": name, "PolicyDocument": document },
            },
        },
        "Outputs": { "PolicyArn": { "Value": { "Ref": "SecretsPolicy" } } },
    })
}

fn terraform(name: &str, environment: &str, audience: Audience, document: &Value) -> Value {
    let who = match audience {
        Audience::Operator => "operator",
        Audience::Reader => "application",
    };
    let attributes = json!({
        "name": name,
        "description": format!("The secrets of {environment}, for an {who}"),
        "policy": encoded(document),
    });
    let resource = ("aws_iam_policy", format!("secrets_{}", audience.word()), attributes);
    terraform::document("Written by `permisos-secrets policy`: attach it to the role that needs it.", [resource])
}

fn account(text: &str) -> Result<String, &'static str> {
    let valid = text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
    if valid { Ok(text.to_owned()) } else { Err("must be the twelve digits of an account") }
}

fn function(text: &str) -> Result<String, &'static str> {
    let valid = text.starts_with("arn:aws") && text.contains(":lambda:") && text.contains(":function:");
    if valid {
        Ok(text.to_owned())
    } else {
        Err("must be a function's ARN like arn:aws:lambda:us-east-1:123456789012:function:…")
    }
}

fn key(text: &str) -> Result<String, &'static str> {
    let valid = text.starts_with("arn:aws") && text.contains(":kms:") && text.contains(":key/");
    // IAM does not resolve aliases in resources.
    if valid { Ok(text.to_owned()) } else { Err("must be a key's ARN like arn:aws:kms:us-east-1:123456789012:key/…") }
}
