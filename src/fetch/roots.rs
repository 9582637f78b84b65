//! Which certificate authorities a feed trusts: the system's, and those of its `ca_file`.
//!
//! Files are read at the start and on each reload, never on a core. What they hold is compared with what they held before:
//! where it is the same, the very same roots stay, so that the cores keep the TLS configurations and sessions that they
//! have for them.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};

use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;

/// The certificates that a feed trusts. A clone is the same roots.
#[derive(Clone, Debug)]
pub struct Roots(Arc<Shared>);

/// Held by who may still connect with them: feeds, fetches in flight, kept connections. A TLS configuration shares the store
/// inside of it, and does not keep the roots in use.
#[derive(Debug)]
struct Shared {
    store: Arc<RootCertStore>,
}

impl PartialEq for Roots {
    fn eq(&self, other: &Roots) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || self.0.store.roots == other.0.store.roots
    }
}

impl Roots {
    fn new(store: RootCertStore) -> Roots {
        Roots(Arc::new(Shared { store: Arc::new(store) }))
    }

    /// The system's roots, with what went wrong while they were read. Reads files: call it at start, not on a core.
    pub fn of_system() -> (Roots, Vec<String>) {
        let found = rustls_native_certs::load_native_certs();
        let mut store = RootCertStore::empty();
        store.add_parsable_certificates(found.certs);
        (Roots::new(store), found.errors.iter().map(ToString::to_string).collect())
    }

    /// These and those of `ca_file` (PEM). Reads the file.
    ///
    /// # Errors
    ///
    /// A sentence: the file cannot be read, is no PEM, or holds no certificate.
    fn with_file(&self, ca_file: &Path) -> Result<Roots, String> {
        let shown = ca_file.display();
        let mut store = RootCertStore::clone(&self.0.store);
        let mut added = 0;
        let certificates =
            CertificateDer::pem_file_iter(ca_file).map_err(|error| format!("cannot read ca_file {shown}: {error}"))?;
        for certificate in certificates {
            let certificate = certificate.map_err(|error| format!("ca_file {shown} is not valid PEM: {error}"))?;
            store.add(certificate).map_err(|error| format!("ca_file {shown} holds a bad certificate: {error}"))?;
            added += 1;
        }
        match added {
            0 => Err(format!("ca_file {shown} holds no certificate; it must be in PEM format")),
            _ => Ok(Roots::new(store)),
        }
    }

    pub(crate) fn store(&self) -> &Arc<RootCertStore> {
        &self.0.store
    }

    /// How many there are.
    pub(crate) fn count(&self) -> usize {
        self.0.store.len()
    }

    pub fn is_empty(&self) -> bool {
        self.0.store.is_empty()
    }

    /// Knows these roots again without keeping them in use.
    pub(crate) fn downgrade(&self) -> WeakRoots {
        WeakRoots(Arc::downgrade(&self.0))
    }
}

/// Roots that are in use, or were.
pub(crate) struct WeakRoots(Weak<Shared>);

impl WeakRoots {
    /// Whether these are the very same roots, not only equal ones.
    pub(crate) fn is(&self, roots: &Roots) -> bool {
        self.0.as_ptr() == Arc::as_ptr(&roots.0)
    }

    /// Whether anybody may still connect with them.
    pub(crate) fn is_in_use(&self) -> bool {
        self.0.strong_count() > 0
    }
}

/// All roots of a configuration, each set of them once.
pub(crate) struct Trust {
    system: Roots,
    /// By `ca_file`, or what is wrong with it.
    with_files: HashMap<PathBuf, Result<Roots, String>>,
}

impl Trust {
    pub(crate) fn new(system: Roots) -> Trust {
        Trust { system, with_files: HashMap::new() }
    }

    pub(crate) fn system(&self) -> &Roots {
        &self.system
    }

    /// The system's are others from now on. Those with files follow when they are read.
    pub(crate) fn renew_system(&mut self, system: Roots) {
        self.system = system;
    }

    /// Reads the files that a configuration names, however often it does, and forgets all others.
    pub(crate) fn read<'a>(&mut self, ca_files: impl Iterator<Item = &'a PathBuf>) {
        let mut former = std::mem::take(&mut self.with_files);
        for file in ca_files {
            if self.with_files.contains_key(file) {
                continue;
            }
            let roots = match (self.system.with_file(file), former.remove(file)) {
                (Ok(read), Some(Ok(known))) if read == known => Ok(known),
                (read, _) => read,
            };
            self.with_files.insert(file.clone(), roots);
        }
    }

    /// The roots of a feed with this `ca_file`, or with none.
    ///
    /// # Errors
    ///
    /// What is wrong with the file, in a sentence.
    pub(crate) fn roots(&self, ca_file: Option<&PathBuf>) -> Result<Roots, String> {
        let Some(file) = ca_file else { return Ok(self.system.clone()) };
        match self.with_files.get(file) {
            Some(known) => known.clone(),
            None => Err(format!("ca_file {} was not read; please report this", file.display())),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::tls::ClientConfigs;

    /// A file with the certificate of an authority that nobody knows.
    fn ca_file(home: &Path, name: &str) -> PathBuf {
        let key = rcgen::KeyPair::generate().unwrap();
        let certificate = rcgen::CertificateParams::new(vec!["ca.test".to_owned()]).unwrap().self_signed(&key).unwrap();
        let file = home.join(name);
        std::fs::write(&file, certificate.pem()).unwrap();
        file
    }

    fn trust() -> Trust {
        Trust::new(Roots::new(RootCertStore::empty()))
    }

    /// Reads these, and gives their roots.
    fn read(trust: &mut Trust, files: [&PathBuf; 2]) -> [Roots; 2] {
        trust.read(files.into_iter());
        files.map(|file| trust.roots(Some(file)).unwrap())
    }

    #[test]
    fn a_file_that_is_the_same_gives_the_very_same_roots_again() {
        let home = tempfile::tempdir().unwrap();
        let [stays, changes] = ["stays.pem", "changes.pem"].map(|name| ca_file(home.path(), name));
        let mut trust = trust();
        trust.read([&stays, &stays].into_iter());
        let before = read(&mut trust, [&stays, &changes]);

        ca_file(home.path(), "changes.pem");
        let after = read(&mut trust, [&stays, &changes]);

        assert!(before[0].downgrade().is(&after[0]));
        assert_ne!(before[1], after[1]);
        trust.read(std::iter::empty());
        assert!(trust.roots(Some(&stays)).is_err());
    }

    #[test]
    fn with_another_system_a_file_gives_other_roots() {
        let home = tempfile::tempdir().unwrap();
        let [file, other] = ["ca.pem", "other.pem"].map(|name| ca_file(home.path(), name));
        let mut trust = trust();
        let [before, system] = read(&mut trust, [&file, &other]);

        trust.renew_system(system.clone());
        trust.read([&file].into_iter());

        assert_ne!(trust.roots(Some(&file)).unwrap(), before);
        assert_eq!(trust.roots(None).unwrap(), system);
    }

    #[test]
    fn each_core_drops_its_configuration_with_the_last_feed() {
        let home = tempfile::tempdir().unwrap();
        let [former, present] = ["former.pem", "present.pem"].map(|name| ca_file(home.path(), name));
        let mut trust = trust();
        let [former, present] = read(&mut trust, [&former, &present]);
        let mut cores = [ClientConfigs::default(), ClientConfigs::default()];
        for core in &mut cores {
            core.of(&former);
            core.of(&former);
            assert_eq!(core.len(), 1);
        }
        trust.read(std::iter::empty());
        let store = Arc::downgrade(former.store());
        drop(former);

        for core in &mut cores {
            core.of(&present);
            assert_eq!(core.len(), 1);
        }
        assert_eq!(store.strong_count(), 0);
    }
}
