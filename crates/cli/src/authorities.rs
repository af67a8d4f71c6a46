//! Certificate authorities in files, for the program that `exec` starts: libpq reads them from a file, Node too.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};

use permisos_secrets::Secrets;
use permisos_secrets_core::ServiceId;
use permisos_secrets_core::schema::Authorities;
use tempfile::{NamedTempFile, TempPath};

use crate::context::Context;
use crate::output::{WARN, paint};

/// Node's name for a file of authorities to trust besides those that it knows.
const NODE: &str = "NODE_EXTRA_CA_CERTS";

/// Where systems have the public authorities.
const PUBLIC: [&str; 5] = [
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
    "/opt/homebrew/etc/ca-certificates/cert.pem",
];

/// Files of authorities by service. Those made for it are readable by this user alone, and gone when this is dropped.
#[derive(Default)]
pub(crate) struct AuthorityFiles {
    by_service: BTreeMap<ServiceId, PathBuf>,
    all: Option<PathBuf>,
    made: Vec<TempPath>,
}

impl AuthorityFiles {
    /// Whether a program gets a file that has to outlive its start.
    pub(crate) fn are_needed(context: &Context<'_>, secrets: &Secrets) -> bool {
        of(context, secrets, |_, authorities| matches!(authorities, Authorities::Own(_))).contains(&true)
    }

    /// Writes the authorities of the services that can be read.
    pub(crate) fn write(context: &Context<'_>, secrets: &Secrets) -> Self {
        let mut files = Self::default();
        let mut bundle = std::env::var_os(NODE).and_then(|path| std::fs::read_to_string(path).ok()).unwrap_or_default();
        let found = of(context, secrets, |service, authorities| match authorities {
            Authorities::Own(pem) => (service, Some(pem.to_owned())),
            Authorities::Public => (service, None),
        });
        for (service, own) in found {
            let path = match &own {
                Some(pem) => {
                    bundle.push_str(if bundle.is_empty() || bundle.ends_with('\n') { "" } else { "\n" });
                    bundle.push_str(pem);
                    files.make(context, pem)
                }
                None => public(),
            };
            files.by_service.extend(path.map(|path| (service, path)));
        }
        if !files.made.is_empty() {
            files.all = files.make(context, &bundle);
        }
        files
    }

    /// The file with the authorities of a service.
    pub(crate) fn of(&self, service: &ServiceId) -> Option<&str> {
        self.by_service.get(service)?.to_str()
    }

    /// The variable that makes Node trust all of them.
    pub(crate) fn variable(&self) -> Option<(OsString, OsString)> {
        self.all.as_ref().map(|path| (NODE.into(), path.clone().into()))
    }

    fn make(&mut self, context: &Context<'_>, pem: &str) -> Option<PathBuf> {
        // Mode 0600.
        let made = NamedTempFile::with_prefix("permisos-secrets-").and_then(|mut file| {
            file.write_all(pem.as_bytes())?;
            Ok(file.into_temp_path())
        });
        match made {
            Ok(file) => {
                let path = file.to_path_buf();
                self.made.push(file);
                Some(path)
            }
            Err(error) => {
                context.output.note(format_args!(
                    "{} certificate authorities cannot be written to a file in {} ({}): programs that read them from one, \
                     such as psql, will not trust the server",
                    paint(WARN, "note"),
                    std::env::temp_dir().display(),
                    error.kind()
                ));
                None
            }
        }
    }
}

fn of<T>(context: &Context<'_>, secrets: &Secrets, take: impl Fn(ServiceId, Authorities<'_>) -> T) -> Vec<T> {
    let mut taken = vec![];
    for service in context.options.service_ids() {
        if let Ok(read) = secrets.read(&service) {
            taken.extend(read.config.authorities().map(|authorities| take(service, authorities)));
        }
    }
    taken
}

fn public() -> Option<PathBuf> {
    let given = std::env::var_os("SSL_CERT_FILE").map(PathBuf::from);
    given.into_iter().chain(PUBLIC.map(PathBuf::from)).find(|path| Path::is_file(path))
}
