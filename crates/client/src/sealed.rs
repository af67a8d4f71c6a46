//! The sealed snapshot on disk: encrypted to an age identity, replaced atomically, never plain text.

use std::fmt;
use std::fs::{self, File, Metadata};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use age::x25519::{Identity, Recipient};
use age::{DecryptError, Decryptor, Encryptor};
use permisos_secrets_core::SnapshotFile;
use zeroize::Zeroizing;

/// More than the largest application seals: a thousand secrets of 64 KiB.
const SIZE_LIMIT: u64 = 128 * 1024 * 1024;
/// An identity file holds a line of key and a few of comments.
const IDENTITY_LIMIT: u64 = 64 * 1024;

/// Opens and writes the sealed snapshot. Its errors say what is wrong with it, going on from "the sealed snapshot", and
/// hold no value.
pub struct Vault {
    path: PathBuf,
    identity: Identity,
    recipient: Recipient,
}

impl fmt::Debug for Vault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Vault").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Vault {
    /// Reads the identity: the first `AGE-SECRET-KEY-1` line of a file as `age-keygen` writes it.
    pub fn open(file: &SnapshotFile) -> Result<Self, String> {
        let path = Path::new(&file.identity_file);
        let fail = |what: &str| Err(format!("cannot be used: the identity file {} {what}", path.display()));
        // An orchestrator mounts it for the process's group to read.
        let text = match read_private(path, 0o027, IDENTITY_LIMIT) {
            Ok(bytes) => String::from_utf8(bytes.to_vec()).map(Zeroizing::new),
            Err(what) => return fail(&what),
        };
        let text = text.unwrap_or_default();
        let key = text.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
        // Its error may quote what it read.
        let Some(identity) = key.and_then(|line| line.parse::<Identity>().ok()) else {
            return fail("holds no X25519 identity: make one with age-keygen");
        };
        Ok(Self { path: PathBuf::from(&file.path), recipient: identity.to_public(), identity })
    }

    /// The text that was sealed last; none if nothing was yet.
    pub fn read(&self) -> Result<Option<Zeroizing<String>>, String> {
        match read_private(&self.path, 0o077, SIZE_LIMIT) {
            Ok(bytes) => self.unseal(&bytes).map(Some).map_err(|what| format!("{} {what}", self.path.display())),
            Err(what) if what == MISSING => Ok(None),
            Err(what) => Err(format!("{} {what}", self.path.display())),
        }
    }

    /// Decrypts what a file holds.
    pub fn unseal(&self, sealed: &[u8]) -> Result<Zeroizing<String>, &'static str> {
        let decryptor = Decryptor::new(sealed).map_err(|_| "is not an age file, or was cut short")?;
        let mut plain = decryptor.decrypt(std::iter::once(&self.identity as _)).map_err(|error| match error {
            DecryptError::NoMatchingKeys => "was sealed to another identity",
            _ => "was tampered with",
        })?;
        // As long as the ciphertext at most: the buffer never moves, so no copy is left behind.
        let mut text = Zeroizing::new(Vec::with_capacity(sealed.len()));
        plain.read_to_end(&mut text).map_err(|_| "was tampered with, or was cut short")?;
        match std::str::from_utf8(&text) {
            Ok(_) => Ok(Zeroizing::new(String::from_utf8(std::mem::take(&mut *text)).unwrap_or_default())),
            Err(_) => Err("holds no text"),
        }
    }

    /// Seals the text in place of what was sealed before: a reader of the file finds the old or the new, whole.
    pub fn write(&self, text: &str) -> Result<(), String> {
        let fail = |error: std::io::Error| format!("{} could not be written: {error}", self.path.display());
        let folder = self.path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        // Mode 0600 from the first moment.
        let file = tempfile::Builder::new().prefix(".permisos-secrets-").tempfile_in(folder).map_err(fail)?;
        let recipient = std::iter::once(&self.recipient as _);
        let encryptor = Encryptor::with_recipients(recipient).map_err(|_| fail(ErrorKind::InvalidInput.into()))?;
        let mut sealed = encryptor.wrap_output(&file).map_err(fail)?;
        sealed.write_all(text.as_bytes()).map_err(fail)?;
        sealed.finish().map_err(fail)?;
        file.as_file().sync_all().map_err(fail)?;
        file.persist(&self.path).map_err(|error| fail(error.error))?;
        // The new name lasts only once the folder is on the disk too; not every system can open one.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        Ok(())
    }
}

const MISSING: &str = "does not exist";

/// Reads a file whose mode has none of the bits that are forbidden, as far as the system knows of modes.
fn read_private(path: &Path, forbidden: u32, limit: u64) -> Result<Zeroizing<Vec<u8>>, String> {
    let explain = |error: std::io::Error| match error.kind() {
        ErrorKind::NotFound => MISSING.to_owned(),
        _ => format!("cannot be read: {error}"),
    };
    // To open a pipe would wait.
    if !fs::metadata(path).map_err(explain)?.is_file() {
        return Err("is not a file".to_owned());
    }
    let file = File::open(path).map_err(explain)?;
    let metadata = file.metadata().map_err(explain)?;
    if mode(&metadata) & forbidden != 0 {
        return Err(format!("may be read or written by others (mode {:04o}): chmod 600 it", mode(&metadata)));
    }
    if metadata.len() > limit {
        return Err("is too long".to_owned());
    }
    let mut bytes = Zeroizing::new(Vec::with_capacity(usize::try_from(metadata.len()).unwrap_or_default() + 1));
    file.take(limit).read_to_end(&mut bytes).map_err(explain)?;
    Ok(bytes)
}

#[cfg(unix)]
fn mode(metadata: &Metadata) -> u32 {
    use std::os::unix::fs::PermissionsExt;
    metadata.permissions().mode() & 0o777
}

#[cfg(not(unix))]
fn mode(_: &Metadata) -> u32 {
    0
}
