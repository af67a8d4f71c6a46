//! Lets one clone at a time use the shared target folder. Cargo takes a crate for unchanged if its files are older than its
//! build, and the files of one clone may be older than a build of another.

use std::fs::{self, File};
use std::io::{self, ErrorKind::NotFound, ErrorKind::PermissionDenied};
use std::path::Path;
use std::time::SystemTime;

/// Folders that hold no sources of crates.
const MADE: [&str; 4] = [".git", "dist", "node_modules", "target"];

/// Claims the target folder for the clone at `root`, until the file is dropped. If another clone used it last, this touches
/// all files of the clone, so that cargo rebuilds the clone's own crates; dependencies stay built.
pub(crate) fn claim(target: &Path, root: &Path) -> io::Result<File> {
    fs::create_dir_all(target)?;
    let owner = target.join("clone");
    let is_ours = || fs::read(&owner).is_ok_and(|last| last == root.as_os_str().as_encoded_bytes());
    let lock = File::options().create(true).truncate(false).write(true).open(target.join("clone.lock"))?;
    loop {
        lock.lock_shared()?;
        if is_ours() {
            return Ok(lock);
        }
        lock.unlock()?;
        if lock.try_lock().is_err() {
            println!("Waiting for what builds in {}; XDG_CACHE_HOME chooses another cache", target.display());
            lock.lock()?;
        }
        // Another command of this clone may have touched them meanwhile.
        if !is_ours() {
            renew(root, SystemTime::now())?;
            fs::write(&owner, root.as_os_str().as_encoded_bytes())?;
        }
        lock.unlock()?;
    }
}

fn renew(folder: &Path, now: SystemTime) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let (entry, file_type) = entry.and_then(|entry| Ok((entry.path(), entry.file_type()?)))?;
        let renewed = if file_type.is_file() {
            File::open(&entry).and_then(|file| file.set_modified(now))
        } else if file_type.is_dir() && !MADE.iter().any(|made| entry.ends_with(made)) {
            renew(&entry, now)
        } else {
            Ok(())
        };
        // Cargo reads nothing that its user cannot read.
        if !renewed.as_ref().is_err_and(|error| [NotFound, PermissionDenied].contains(&error.kind())) {
            renewed?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clone_after_another_is_built_anew_and_then_not_again() -> io::Result<()> {
        let folder = tempfile::tempdir()?;
        let target = folder.path().join("target");
        let old = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        let is_new = |clone: &str| -> io::Result<bool> {
            let root = folder.path().join(clone);
            fs::create_dir_all(root.join("src"))?;
            let source = root.join("src/lib.rs");
            File::create(&source)?.set_modified(old)?;
            drop(claim(&target, &root)?);
            Ok(source.metadata()?.modified()? != old)
        };
        assert!(is_new("one")?, "the folder has no owner yet");
        assert!(!is_new("one")?);
        assert!(is_new("two")?);
        assert!(!is_new("two")?);
        assert!(is_new("one")?);
        Ok(())
    }

    #[test]
    fn commands_of_one_clone_run_together_and_another_clone_waits() -> io::Result<()> {
        let (target, one, two) = (tempfile::tempdir()?, tempfile::tempdir()?, tempfile::tempdir()?);
        let first = claim(target.path(), one.path())?;
        let second = claim(target.path(), one.path())?;
        let (sender, receiver) = channel();
        let other = thread::spawn(move || sender.send(claim(target.path(), two.path()).is_ok()));
        assert!(receiver.recv_timeout(Duration::from_millis(200)).is_err(), "it waits");
        drop(first);
        assert!(receiver.recv_timeout(Duration::from_millis(200)).is_err(), "it waits for all");
        drop(second);
        assert_eq!(receiver.recv_timeout(Duration::from_mins(1)), Ok(true));
        assert!(other.join().is_ok());
        Ok(())
    }
}
