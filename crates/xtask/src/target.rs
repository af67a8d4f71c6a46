//! Whose the shared target folder is. Cargo takes a crate for unchanged if its files are older than what was built of it,
//! which says nothing between two clones: the files of one may be older than what was built of the other. So the folder
//! belongs to one clone at a time.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::Context;

/// Takes the target folder for the clone at `root`, until the answer is dropped. If it was not this clone's last, all
/// of `tracked` is made new, so that cargo builds what is this clone's own anew; dependencies stay built.
pub(crate) fn claim(
    target: &Path,
    root: &Path,
    tracked: impl Fn() -> anyhow::Result<Vec<PathBuf>>,
) -> anyhow::Result<File> {
    fs::create_dir_all(target)?;
    let owner = target.join("clone");
    let lock = File::options().create(true).truncate(false).write(true).open(target.join("clone.lock"))?;
    loop {
        // Several commands of one clone: cargo tells them apart.
        lock.lock_shared()?;
        let last = fs::read_to_string(&owner).unwrap_or_default();
        if Path::new(&last) == root {
            return Ok(lock);
        }
        lock.unlock()?;
        if lock.try_lock().is_err() {
            println!("Waiting: {last} builds in {}; XDG_CACHE_HOME chooses another cache", target.display());
            lock.lock()?;
        }
        let now = SystemTime::now();
        for file in tracked()? {
            let touched = File::options().append(true).open(&file).and_then(|file| file.set_modified(now));
            touched.with_context(|| format!("cannot touch {}", file.display()))?;
        }
        fs::write(&owner, root.as_os_str().as_encoded_bytes())?;
        lock.unlock()?;
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_clone_after_another_is_built_anew_and_then_not_again() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let (target, source) = (folder.path().join("target"), folder.path().join("lib.rs"));
        let old = SystemTime::UNIX_EPOCH + Duration::from_hours(1);
        fs::write(&source, "")?;
        File::options().append(true).open(&source)?.set_modified(old)?;
        let is_new = |root| -> anyhow::Result<bool> {
            drop(claim(&target, Path::new(root), || Ok(vec![source.clone()]))?);
            let is_new = source.metadata()?.modified()? != old;
            File::options().append(true).open(&source)?.set_modified(old)?;
            Ok(is_new)
        };
        assert!(is_new("/one")?, "nobody knows who was there before");
        assert!(!is_new("/one")?);
        assert!(is_new("/two")?);
        assert!(!is_new("/two")?);
        assert!(is_new("/one")?);
        Ok(())
    }

    #[test]
    fn commands_of_one_clone_run_together_and_another_clone_waits() -> anyhow::Result<()> {
        let folder = tempfile::tempdir()?;
        let target = folder.path().to_owned();
        let nothing = || Ok(vec![]);
        let first = claim(&target, Path::new("/one"), nothing)?;
        let second = claim(&target, Path::new("/one"), nothing)?;
        let (sender, receiver) = channel();
        let other = thread::spawn(move || {
            let claimed = claim(&target, Path::new("/two"), nothing);
            sender.send(claimed.is_ok())
        });
        assert!(receiver.recv_timeout(Duration::from_millis(200)).is_err(), "it waits");
        drop(first);
        assert!(receiver.recv_timeout(Duration::from_millis(200)).is_err(), "it waits for all");
        drop(second);
        assert!(receiver.recv_timeout(Duration::from_mins(1))?);
        Ok(other.join().expect("no panic")?)
    }
}
