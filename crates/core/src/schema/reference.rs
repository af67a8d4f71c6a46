//! What stands where a secret should: references that nothing resolved, ciphertext of other tools, hashes of passwords.

/// A text that refers to a value.
pub(super) struct Reference {
    /// Whose it is, in words.
    pub(super) whose: &'static str,
    /// Whether nothing else can be meant. An application may keep a file's path.
    pub(super) is_certain: bool,
}

/// What stands around a reference, and whose it is.
const AROUND: [(&str, &str, &str); 36] = [
    ("{{resolve:", "}}", "CloudFormation's {{resolve:…}}"),
    ("${{", "}}", "GitHub's or Railway's ${{…}}"),
    ("{{", "}}", "a template's {{…}}"),
    ("${", "}", "${…} of a shell, Compose, Doppler, Infisical or Serverless"),
    ("$(", ")", "$(…) of Kubernetes, a shell or Azure Pipelines"),
    ("$[", "]", "$[…] of Azure Pipelines"),
    ("#{", "}", "#{…} of Octopus or Spring"),
    ("((", "))", "((…)) of Concourse or CredHub"),
    ("<%", "%>", "a template's <%…%>"),
    ("{%", "%}", "a template's {%…%}"),
    ("[[", "]]", "a template's [[…]]"),
    ("<path:", ">", "Argo CD's <path:…>"),
    ("{vault:", "}", "Vault's {vault:…}"),
    ("{env.", "}", "Caddy's {env.…}"),
    ("{file.", "}", "Caddy's {file.…}"),
    ("{$", "}", "Caddy's {$…}"),
    ("%env(", ")%", "Symfony's %env(…)%"),
    ("%(", ")s", "Python's %(…)s"),
    ("@Microsoft.KeyVault(", ")", "Azure's @Microsoft.KeyVault(…)"),
    ("@AzureKeyVault(", ")", "Azure's @AzureKeyVault(…)"),
    ("awsSecret(", ")", "varlock's awsSecret(…)"),
    ("exec('", ")", "varlock's exec(…)"),
    ("exec(\"", ")", "varlock's exec(…)"),
    ("op('", ")", "varlock's op(…)"),
    ("op(\"", ")", "varlock's op(…)"),
    ("op(op://", ")", "varlock's op(…)"),
    ("credentials('", ")", "Jenkins's credentials(…)"),
    ("credentials(\"", ")", "Jenkins's credentials(…)"),
    ("env(", ")", "env(…)"),
    ("getenv(", ")", "getenv(…)"),
    ("System.getenv(", ")", "Java's System.getenv(…)"),
    ("os.getenv(", ")", "Python's os.getenv(…)"),
    ("os.environ", "]", "Python's os.environ"),
    ("os.environ.get(", ")", "Python's os.environ"),
    ("ENV[", "]", "Ruby's ENV"),
    ("ENV.fetch(", ")", "Ruby's ENV"),
];

/// How a reference starts, and whose it is.
const BEFORE: [(&str, &str); 41] = [
    ("ref+", "vals"),
    ("secretref+", "vals"),
    ("secretref:", "Azure Container Apps"),
    ("vault:/", "Vault"),
    ("vault:secret/", "Vault"),
    (">>vault:", "Vault"),
    ("/aws/reference/secretsmanager/", "Secrets Manager"),
    ("aws-parameterstore:", "SSM Parameter Store"),
    ("aws-secretsmanager:", "Secrets Manager"),
    ("aws:secretsmanager:", "Secrets Manager"),
    ("aws:ssm:", "SSM Parameter Store"),
    ("secretsmanager:", "Secrets Manager"),
    ("ssm:/", "SSM Parameter Store"),
    ("aws-kms:", "AWS KMS"),
    ("kms:alias/", "AWS KMS"),
    ("azure-keyvault:", "Azure Key Vault"),
    ("keyvault:", "Azure Key Vault"),
    ("//secretmanager.googleapis.com/", "Google Secret Manager"),
    ("ocid1.", "Oracle Cloud"),
    ("crn:v1:", "IBM Cloud"),
    ("akeyless:/", "Akeyless"),
    ("k8s:secret/", "Kubernetes"),
    ("secretKeyRef:", "Kubernetes"),
    ("valueFrom:", "Kubernetes"),
    ("!GetAtt ", "CloudFormation"),
    ("!ImportValue ", "CloudFormation"),
    ("!Ref ", "CloudFormation"),
    ("!Sub ", "CloudFormation"),
    ("!env ", "a variable of YAML"),
    ("!reference ", "GitLab"),
    ("!secret ", "Home Assistant"),
    ("!var ", "Conjur"),
    ("heroku config:get ", "Heroku"),
    ("Bun.env.", "JavaScript"),
    ("Deno.env.get(", "JavaScript"),
    ("import.meta.env.", "JavaScript"),
    ("process.env.", "JavaScript"),
    ("data.aws_", "Terraform"),
    ("data.azurerm_", "Terraform"),
    ("data.google_", "Terraform"),
    ("random_password.", "Terraform"),
];

/// How a reference of JSON starts behind its brace, and whose it is.
const OBJECTS: [(&str, &str); 5] = [
    ("\"Fn::", "CloudFormation"),
    ("\"Ref\"", "CloudFormation"),
    ("\"secretKeyRef\"", "Kubernetes"),
    ("\"secretRef\"", "Kubernetes"),
    ("\"valueFrom\"", "Kubernetes"),
];

/// Schemes of references, and whose they are.
const SCHEMES: [(&str, &str); 66] = [
    ("1password", "1Password"),
    ("akeyless", "Akeyless"),
    ("akv", "Azure Key Vault"),
    ("akvs", "Azure Key Vault"),
    ("aws-kms", "AWS KMS"),
    ("aws-parameter-store", "SSM Parameter Store"),
    ("aws-secret", "Secrets Manager"),
    ("aws-secrets", "Secrets Manager"),
    ("aws-secrets-manager", "Secrets Manager"),
    ("aws-secretsmanager", "Secrets Manager"),
    ("aws-sm", "Secrets Manager"),
    ("aws-ssm", "SSM Parameter Store"),
    ("awskms", "AWS KMS"),
    ("awssecret", "Secrets Manager"),
    ("awssecrets", "Secrets Manager"),
    ("awssecretsmanager", "Secrets Manager"),
    ("awssm", "Secrets Manager"),
    ("awsssm", "SSM Parameter Store"),
    ("azure-key-vault", "Azure Key Vault"),
    ("azure-keyvault", "Azure Key Vault"),
    ("azurekeyvault", "Azure Key Vault"),
    ("bao", "OpenBao"),
    ("berglas", "Berglas"),
    ("bitwarden", "Bitwarden"),
    ("bw", "Bitwarden"),
    ("bws", "Bitwarden"),
    ("chamber", "Chamber"),
    ("conjur", "Conjur"),
    ("dashlane", "Dashlane"),
    ("dl", "Dashlane"),
    ("doppler", "Doppler"),
    ("dotenv", "dotenv-vault"),
    ("env", "a variable"),
    ("envsubst", "a variable"),
    ("gcp-secret-manager", "Google Secret Manager"),
    ("gcp-secretmanager", "Google Secret Manager"),
    ("gcpsecretmanager", "Google Secret Manager"),
    ("gcpsecrets", "Google Secret Manager"),
    ("gcpsm", "Google Secret Manager"),
    ("gcsm", "Google Secret Manager"),
    ("google-secret-manager", "Google Secret Manager"),
    ("gsm", "Google Secret Manager"),
    ("hcpvaultsecrets", "HCP Vault Secrets"),
    ("infisical", "Infisical"),
    ("k8s", "Kubernetes"),
    ("keepass", "KeePass"),
    ("keeper", "Keeper"),
    ("keychain", "a keychain"),
    ("keyring", "a keyring"),
    ("keyvault", "Azure Key Vault"),
    ("lastpass", "LastPass"),
    ("onepassword", "1Password"),
    ("op", "1Password"),
    ("openbao", "OpenBao"),
    ("pass", "Proton Pass"),
    ("passbolt", "Passbolt"),
    ("phase", "Phase"),
    ("protonpass", "Proton Pass"),
    ("se", "Docker"),
    ("secret", "a secret manager"),
    ("secretsmanager", "Secrets Manager"),
    ("secretserver", "Delinea Secret Server"),
    ("sm", "Google Secret Manager"),
    ("sops", "sops"),
    ("ssm", "SSM Parameter Store"),
    ("vault", "Vault"),
];

/// Folders where platforms put secrets as files.
const FOLDERS: [&str; 8] = [
    "/etc/secrets/",
    "/mnt/secrets-store/",
    "/mnt/secrets/",
    "/run/secrets/",
    "/secrets/",
    "/var/run/secrets/",
    "/var/secrets/",
    "/vault/secrets/",
];

/// How ciphertext starts, how long it is at least, and whose it is. What is at least so long that a password may start
/// like it is base64.
const CIPHERTEXT: [(&str, usize, &str); 21] = [
    ("$ANSIBLE_VAULT;", 0, "ansible-vault (ansible-vault decrypt)"),
    ("!vault |", 0, "ansible-vault (ansible-vault decrypt)"),
    ("-----BEGIN AGE ENCRYPTED FILE-----", 0, "age (age --decrypt)"),
    ("-----BEGIN CMS-----", 0, "CMS (openssl cms -decrypt)"),
    ("-----BEGIN PGP MESSAGE-----", 0, "PGP (gpg --decrypt)"),
    ("-----BEGIN PKCS7-----", 0, "eyaml (eyaml decrypt)"),
    ("\0GITCRYPT", 0, "git-crypt (git-crypt unlock)"),
    ("AQECAH", 100, "AWS KMS (aws kms decrypt)"),
    ("AQICAH", 100, "AWS KMS (aws kms decrypt)"),
    // The length of a key of RSA, 4096 bits, wrapped.
    ("Ag", 680, "Sealed Secrets (kubeseal --recovery-unseal)"),
    ("ENC(", 8, "Jasypt"),
    ("ENC[", 8, "sops (sops decrypt) or eyaml (eyaml decrypt)"),
    ("U2FsdGVkX1", 24, "openssl enc (openssl enc -d)"),
    ("age-encryption.org/v1", 0, "age (age --decrypt)"),
    ("encrypted:", 26, "dotenvx (dotenvx get)"),
    ("eyJpdiI6", 60, "Laravel (artisan env:decrypt)"),
    ("gAAAAA", 100, "Fernet"),
    ("vault:v", 16, "Vault's transit engine (vault write transit/decrypt)"),
    ("{AES}", 16, "WebLogic"),
    ("{cipher}", 8, "Spring Cloud Config"),
    ("{xor}", 8, "WebSphere"),
];

/// By whom a text is encrypted.
pub(super) fn encrypted_by(text: &str) -> Option<&'static str> {
    let is_base64 = |rest: &str| rest.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte));
    let is_version = |rest: &str| rest.split_once(':').is_some_and(|(version, _)| version.parse::<u16>().is_ok());
    let is_ciphertext = |(start, least, _): &&(&str, usize, &str)| {
        starts_with(text, start)
            && text.len() >= *least
            && (*least < 24 || is_base64(&text[start.len()..]))
            && (*start != "vault:v" || is_version(&text[start.len()..]))
    };
    CIPHERTEXT.iter().find(is_ciphertext).map(|(_, _, whose)| *whose)
}

/// What a text refers to. Free is a text of the application's own that need not be a secret.
pub(super) fn reference(text: &str, is_free: bool) -> Option<Reference> {
    let certain = |whose| Some(Reference { whose, is_certain: true });
    let likely = |whose| Some(Reference { whose, is_certain: !is_free });
    let is_around = |(open, close, _): &&(&str, &str, &str)| {
        starts_with(text, open) && text.ends_with(close) && text.len() >= open.len() + close.len()
    };
    if let Some((_, _, whose)) = AROUND.iter().find(is_around) {
        return certain(whose);
    }
    let is_spaced = text.contains(char::is_whitespace);
    let is_before = |(start, _): &&(&str, &str)| {
        starts_with(text, start) && text.len() > start.len() && (!is_spaced || start.contains([' ', ':']))
    };
    if let Some((_, whose)) = BEFORE.iter().find(is_before) {
        return certain(whose);
    }
    if let Some(inside) = text.strip_prefix('{').map(str::trim_start)
        && let Some((_, whose)) = OBJECTS.iter().find(|(start, _)| inside.starts_with(start))
    {
        return certain(whose);
    }
    if is_spaced {
        return None;
    }
    if let Some((scheme, rest)) = text.split_once("://")
        && !rest.is_empty()
    {
        // `vault+kv://`, `onepassword+token://`.
        let scheme = scheme.split('+').next().unwrap_or_default();
        if let Some((_, whose)) = SCHEMES.iter().find(|(it, _)| it.eq_ignore_ascii_case(scheme)) {
            return certain(whose);
        }
    }
    let slashes = text.matches('/').count();
    let is_of_vault = (starts_with(text, "vault:") && slashes > 0) || (text.starts_with("secret/") && slashes > 1);
    if (is_of_vault && text.contains('#')) || text.starts_with("secret/data/") {
        return certain("Vault");
    }
    let is_lower = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"_.".contains(&byte);
    let is_of_terraform =
        |(start, has): &(&str, char)| text.strip_prefix(start).is_some_and(|rest| rest.contains(*has));
    if text.bytes().all(is_lower)
        && [("aws_", '.'), ("local.", '_'), ("module.", '.'), ("var.", '_')].iter().any(is_of_terraform)
    {
        return certain("Terraform");
    }
    if is_variable(text) {
        return certain("a variable's name");
    }
    if text.starts_with("projects/") && text.contains("/secrets/") {
        return likely("Google Secret Manager");
    }
    let is_of_azure = |domain: &&str| text.contains(&format!(".vault.{domain}/secrets/"));
    if ["azure.cn", "azure.net", "usgovcloudapi.net"].iter().any(is_of_azure) {
        return likely("Azure Key Vault");
    }
    let path = text.strip_prefix('@').unwrap_or(text);
    if starts_with(text, "file:/") || FOLDERS.iter().any(|folder| path.starts_with(folder)) {
        return likely("a file");
    }
    let arn: Vec<&str> = text.splitn(6, ':').collect();
    let is_arn = arn.len() == 6 && arn[0] == "arn" && (!is_free || ["secretsmanager", "ssm"].contains(&arn[2]));
    if is_arn { likely("an ARN") } else { None }
}

/// Whether a text is the name of a variable with what stands around it where one is meant.
fn is_variable(text: &str) -> bool {
    const AROUND: [(&str, &str); 12] = [
        ("%", "%"),
        ("__", "__"),
        ("@@", "@@"),
        ("@", "@"),
        ("{", "}"),
        ("[", "]"),
        ("$env:", ""),
        ("$Env:", ""),
        ("env:", ""),
        ("env.", ""),
        ("vars.", ""),
        ("secrets.", ""),
    ];
    let is_name = |(open, close): &(&str, &str), needs_word: bool| {
        let name = text.strip_prefix(open).and_then(|rest| rest.strip_suffix(close)).unwrap_or_default();
        let is_upper = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit() || byte == b'_';
        name.len() > 2
            && name.starts_with(|c: char| c.is_ascii_uppercase())
            && name.bytes().all(is_upper)
            && (!needs_word || name.contains('_'))
    };
    // Capitals alone behind such a character may be a password.
    let needs_word = |open: &str| ["@", "{", "["].contains(&open);
    AROUND.iter().any(|it| is_name(it, needs_word(it.0))) || is_name(&("$", ""), true)
}

/// What a password only resembles.
pub(super) fn resembles(text: &str) -> Option<&'static str> {
    const HASHES: [&str; 14] = [
        "$1$",
        "$2a$",
        "$2b$",
        "$2y$",
        "$5$",
        "$6$",
        "$argon2",
        "$pbkdf2",
        "$scrypt$",
        "$y$",
        "SCRAM-SHA-256$",
        "pbkdf2_sha256$",
        "{SSHA}",
        "{bcrypt}",
    ];
    let is_md5 =
        text.strip_prefix("md5").is_some_and(|rest| rest.len() == 32 && is_of(rest, |c| c.is_ascii_hexdigit()));
    if is_md5 || HASHES.iter().any(|start| text.len() > start.len() + 16 && text.starts_with(start)) {
        return Some("looks like the hash of a password: store the password itself");
    }
    let is_scheme = |scheme: &str| {
        scheme.len() > 1 && is_of(scheme, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "+.-_".contains(c))
    };
    let is_part = |part: &str| {
        part.len() > 1 && is_of(part, |c| c.is_ascii_lowercase() || c.is_ascii_digit() || "._-".contains(c))
    };
    let is_url = text.split_once("://").is_some_and(|(scheme, rest)| is_scheme(scheme) && !rest.is_empty());
    let from_root = text.strip_prefix(['~', '.']).unwrap_or(text).trim_start_matches('.').strip_prefix('/');
    let is_path = from_root.is_some_and(|rest| rest.contains('/') && rest.split('/').all(is_part));
    if is_url || is_path {
        return Some(
            "looks like a URL or a path, and so like a reference that nothing resolved: store the value itself",
        );
    }
    None
}

fn is_of(text: &str, is_char: impl Fn(char) -> bool) -> bool {
    !text.is_empty() && text.chars().all(is_char)
}

pub(super) fn starts_with(text: &str, start: &str) -> bool {
    text.get(..start.len()).is_some_and(|text| text.eq_ignore_ascii_case(start))
}
