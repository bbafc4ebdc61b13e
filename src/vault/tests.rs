//! Sealing, and what a key file may be.

use super::*;
use crate::base::{Error, ResourceId, Secret};
use proptest::prelude::*;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    sync::Barrier,
};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder can be made")
}

fn open(path: &Path) -> Result<Keyring, Error> {
    Keyring::from_file(KeyFile::new(path), &BTreeSet::new())
}

fn written(folder: &TempDir, text: &str) -> PathBuf {
    let path = folder.path().join("syncline.key");
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    path
}

fn reason(result: Result<Keyring, Error>) -> &'static str {
    match result {
        Err(Error::Precondition { reason, .. }) => reason,
        other => panic!("not refused: {other:?}"),
    }
}

fn place<'a>(tenant: &'a ResourceId, row: &'a str) -> Place<'a> {
    Place {
        table: "tokens",
        tenant,
        row,
        column: "grant_sealed",
    }
}

#[test]
fn what_was_sealed_opens_only_in_its_place_and_whole() {
    let folder = folder();
    let keys = open(&folder.path().join("k")).unwrap();
    let (tenant, other) = (
        ResourceId::default_tenant(),
        ResourceId::parse("", "other").unwrap(),
    );
    let sealed = keys.seal(place(&tenant, "row"), b"composed").unwrap();
    assert_eq!(
        &**keys.open(place(&tenant, "row"), &sealed).unwrap(),
        b"composed"
    );
    assert_ne!(
        sealed,
        keys.seal(place(&tenant, "row"), b"composed").unwrap()
    );
    for wrong in [
        place(&other, "row"),
        place(&tenant, "rox"),
        Place {
            column: "access_sealed",
            ..place(&tenant, "row")
        },
        Place {
            table: "other",
            ..place(&tenant, "row")
        },
    ] {
        assert_eq!(
            keys.open(wrong, &sealed),
            Err(OpenError::Damaged),
            "{wrong:?}"
        );
    }
    for at in 0..sealed.len() {
        let mut damaged = sealed.clone();
        damaged[at] ^= 1;
        assert!(
            keys.open(place(&tenant, "row"), &damaged).is_err(),
            "byte {at}"
        );
        assert!(
            keys.open(place(&tenant, "row"), &sealed[..at]).is_err(),
            "cut at {at}"
        );
    }
}

#[test]
fn an_unknown_key_is_told_from_damage() {
    let folder = folder();
    let (ours, theirs) = (
        open(&folder.path().join("a")).unwrap(),
        open(&folder.path().join("b")).unwrap(),
    );
    let tenant = ResourceId::default_tenant();
    let sealed = theirs.seal(place(&tenant, "row"), b"composed").unwrap();
    let unknown = OpenError::UnknownKey(theirs.newest());
    assert_eq!(ours.open(place(&tenant, "row"), &sealed), Err(unknown));
    assert_eq!(sealed_with(&sealed), Some(theirs.newest()));
}

#[test]
fn a_first_start_makes_a_file_for_its_owner_alone() {
    let folder = folder();
    let path = folder.path().join("deep/er/syncline.key");
    let first = open(&path).unwrap();
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
    assert_eq!(open(&path).unwrap().newest(), first.newest());
    assert_eq!(
        fs::read_dir(path.parent().unwrap()).unwrap().count(),
        1,
        "nothing is left over"
    );
}

#[test]
fn processes_that_start_together_make_one_key() {
    let folder = folder();
    let path = folder.path().join("syncline.key");
    let barrier = Barrier::new(16);
    let ids: BTreeSet<KeyId> = std::thread::scope(|scope| {
        let starts: Vec<_> = (0..16)
            .map(|_| {
                scope.spawn(|| {
                    barrier.wait();
                    open(&path).unwrap().newest()
                })
            })
            .collect();
        starts
            .into_iter()
            .map(|start| start.join().unwrap())
            .collect()
    });
    assert_eq!(ids.len(), 1);
}

#[test]
fn a_file_that_others_may_read_is_refused() {
    let folder = folder();
    let path = folder.path().join("syncline.key");
    open(&path).unwrap();
    for mode in [0o640, 0o604, 0o666, 0o620] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert_eq!(reason(open(&path)), "KEY_EXPOSED", "{mode:o}");
    }
}

#[test]
fn what_is_no_key_file_is_refused_and_not_overwritten() {
    let folder = folder();
    let whole = Key::generate().unwrap();
    for text in [
        "",
        "\n\n",
        "# only a comment\n",
        "not base64\n",
        "c2hvcnQ=\n",
        &whole.expose()[..30],
        &format!("{}\n{}", whole.expose(), &whole.expose()[..20]),
        &format!("{}{}\n", whole.expose(), whole.expose()),
        &"x".repeat(20_000),
    ] {
        let path = written(&folder, text);
        assert_eq!(reason(open(&path)), "KEY_UNREADABLE", "{}", text.len());
        assert_eq!(fs::read_to_string(&path).unwrap(), text);
    }
    assert_eq!(reason(open(folder.path())), "KEY_UNREADABLE", "a folder");
    let path = folder.path().join("binary");
    fs::write(&path, [0xff; 32]).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(reason(open(&path)), "KEY_UNREADABLE", "no text");
}

#[test]
fn the_first_of_several_keys_seals_and_all_open() {
    let [one, two] = [Key::generate().unwrap(), Key::generate().unwrap()];
    let tenant = ResourceId::default_tenant();
    let old = Keyring::from_text(&one).unwrap();
    let sealed = old.seal(place(&tenant, "row"), b"composed").unwrap();
    let both = Secret::new(format!("{}, {}", two.expose(), one.expose()));
    let both = Keyring::from_text(&both).unwrap();
    assert!(both.open(place(&tenant, "row"), &sealed).is_ok());
    assert_ne!(both.newest(), old.newest());
    assert!(
        both.check(&BTreeSet::from([old.newest(), both.newest()]))
            .is_ok()
    );
    assert_eq!(
        reason(
            old.check(&BTreeSet::from([both.newest()]))
                .map(|()| old.clone())
        ),
        "KEY_MISSING"
    );
}

#[test]
fn a_rotation_is_seen_by_who_has_the_file_open() {
    let folder = folder();
    let path = folder.path().join("syncline.key");
    let (one, two) = (open(&path).unwrap(), open(&path).unwrap());
    let tenant = ResourceId::default_tenant();
    let old = one.seal(place(&tenant, "row"), b"old").unwrap();
    assert_eq!(one.rotate().unwrap(), one.newest());
    let new = one.seal(place(&tenant, "row"), b"new").unwrap();
    assert_ne!(sealed_with(&old), sealed_with(&new));
    assert_eq!(&**two.open(place(&tenant, "row"), &new).unwrap(), b"new");
    assert_eq!(&**two.open(place(&tenant, "row"), &old).unwrap(), b"old");
    assert_eq!(
        fs::metadata(&path).unwrap().permissions().mode() & 0o777,
        0o600
    );
}

#[test]
fn rotations_at_the_same_time_lose_no_key() {
    let folder = folder();
    let path = folder.path().join("syncline.key");
    open(&path).unwrap();
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| open(&path).unwrap().rotate().unwrap());
        }
    });
    let keys = KeyFile::new(&path).read().unwrap().unwrap();
    assert_eq!(keys.len(), 9);
}

#[test]
fn nothing_prints_a_key() {
    let text = Key::generate().unwrap();
    let ring = Keyring::from_text(&text).unwrap();
    assert!(!format!("{ring:?}").contains(text.expose()));
    let error =
        Keyring::from_text(&Secret::new(format!("{},composed-wrong", text.expose()))).unwrap_err();
    assert!(!error.to_string().contains("composed") && error.to_string().contains("number 2"));
}

proptest! {
    #[test]
    fn no_bytes_make_opening_panic(bytes in prop::collection::vec(any::<u8>(), 0..100)) {
        let keys = Keyring::from_text(&Key::generate().unwrap()).unwrap();
        let tenant = ResourceId::default_tenant();
        prop_assert!(keys.open(place(&tenant, "row"), &bytes).is_err());
    }
}
