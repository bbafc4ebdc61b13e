//! Hashes passwords, and compares them with hashes: Argon2id of our own, bcrypt of the originals.
//!
//! Each takes much memory and time on purpose, so only a few are made at the same time, and everybody else waits in line.

use crate::{
    app::App,
    base::{Error, Result, Secret},
    people::{memory, rules},
};
use argon2::{
    Algorithm, Argon2, Params, PasswordHasher as _, PasswordVerifier as _, Version,
    password_hash::phc::PasswordHash,
};
use std::{
    sync::{Arc, LazyLock},
    thread,
    time::Duration,
};
use tokio::sync::Semaphore;

/// OWASP's first choice: 19 MiB, two passes, one lane.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;
/// What hashes of these parameters begin with.
const CURRENT: &str = "$argon2id$v=19$m=19456,t=2,p=1$";

/// Hashes of an import that would take more than these are not tried: one login could stop the server, and it would be told
/// from one of an unknown name, because comparing would take longer than any refusal waits.
const MOST_MEMORY_KIB: u32 = 64 * 1024;
const MOST_PASSES: u32 = 10;
/// Memory times passes.
const MOST_WORK_KIB: u32 = 3 * 64 * 1024;
const MOST_LANES: u32 = 8;
const MOST_BCRYPT_COST: u32 = 12;

/// bcrypt looks at no more bytes.
const BCRYPT_BYTES: usize = 72;

/// Hashes that are made at the same time, at most; fewer on fewer processors.
const AT_ONCE: usize = 4;
/// How long somebody stands in line.
const PATIENCE: Duration = Duration::from_secs(30);

/// Those who wait for their turn.
pub(super) struct Line(Arc<Semaphore>);

impl Default for Line {
    fn default() -> Self {
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self(Arc::new(Semaphore::new(processors.clamp(1, AT_ONCE))))
    }
}

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It is another password, or there is none.
    Wrong,
    /// It is the password.
    Right,
    /// It is the password, and its hash is to be replaced by one of today.
    Outdated,
}

/// The hash to keep of a password.
pub(super) async fn hash(app: &App, password: &Secret) -> Result<String> {
    let password = password.clone();
    in_turn(app, move || make(&password)).await?
}

/// Compares a password with what is kept. Where nothing is kept, or nothing that can be compared with, it takes as long
/// as if there were something: nobody learns from the clock who has an account.
pub(super) async fn verify(
    app: &App,
    password: &Secret,
    stored: Option<String>,
) -> Result<Verdict> {
    let password = password.clone();
    in_turn(app, move || compare(&password, stored.as_deref())).await
}

/// Whether an import may bring this hash.
pub(super) fn is_usable(stored: &str) -> bool {
    match is_bcrypt(stored) {
        true => bcrypt_cost(stored).is_some_and(|cost| (4..=MOST_BCRYPT_COST).contains(&cost)),
        false => argon2_of(stored).is_some(),
    }
}

async fn in_turn<T: Send + 'static>(
    app: &App,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    let line = Arc::clone(&memory::of(app).line().0);
    let turn = tokio::time::timeout(PATIENCE, line.acquire_owned()).await;
    let turn = turn
        .map_err(|_| Error::unavailable("LOGINS_BUSY", "too many people log in at once"))?
        .map_err(Error::internal)?;
    // The turn goes along: the work goes on although its caller may go away.
    let work = move || {
        let _turn = turn;
        work()
    };
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("the parameters are in range");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn make(password: &Secret) -> Result<String> {
    let hash = argon2().hash_password(password.expose().as_bytes());
    hash.map(|hash| hash.to_string()).map_err(Error::internal)
}

/// Of a password that nobody has.
static NOBODYS: LazyLock<String> = LazyLock::new(|| {
    let password = Secret::new(uuid::Uuid::new_v4().to_string());
    make(&password).unwrap_or_default()
});

fn compare(password: &Secret, stored: Option<&str>) -> Verdict {
    let bytes = password.expose().as_bytes();
    let possible = password.expose().chars().count() <= *rules::PASSWORD.end();
    let verdict = match stored.filter(|stored| possible && is_usable(stored)) {
        None => None,
        Some(stored) if is_bcrypt(stored) => Some(compare_bcrypt(password.expose(), stored)),
        Some(stored) => Some(match argon2().verify_password(bytes, stored) {
            Ok(()) if stored.starts_with(CURRENT) => Verdict::Right,
            Ok(()) => Verdict::Outdated,
            Err(_) => Verdict::Wrong,
        }),
    };
    verdict.unwrap_or_else(|| {
        let bytes = &bytes[..bytes.len().min(1024)];
        let _ = argon2().verify_password(bytes, NOBODYS.as_str());
        Verdict::Wrong
    })
}

/// The originals compared the first 72 bytes and took what came after them for granted. So the owner of a longer password
/// gets in as ever, but the hash stays as it is: what was typed after those bytes may be anything, and a hash of all of it
/// could lock the owner out.
fn compare_bcrypt(password: &str, stored: &str) -> Verdict {
    // C programs stop at a NUL, so two different passwords would be one.
    if password.contains('\0') {
        let _ = bcrypt::verify("", stored);
        return Verdict::Wrong;
    }
    match bcrypt::verify(password, stored) {
        Ok(true) if password.len() <= BCRYPT_BYTES => Verdict::Outdated,
        Ok(true) => Verdict::Right,
        Ok(false) | Err(_) => Verdict::Wrong,
    }
}

fn is_bcrypt(stored: &str) -> bool {
    ["$2a$", "$2b$", "$2y$"]
        .iter()
        .any(|prefix| stored.starts_with(prefix))
}

fn bcrypt_cost(stored: &str) -> Option<u32> {
    stored
        .parse::<bcrypt::HashParts>()
        .ok()
        .map(|parts| parts.get_cost())
}

/// The hash, if comparing with it is bearable.
fn argon2_of(stored: &str) -> Option<PasswordHash> {
    let hash = PasswordHash::new(stored).ok()?;
    let params = Params::try_from(&hash).ok()?;
    let bearable = stored.starts_with("$argon2")
        && params.m_cost() <= MOST_MEMORY_KIB
        && params.t_cost() <= MOST_PASSES
        && params.m_cost().saturating_mul(params.t_cost()) <= MOST_WORK_KIB
        && params.p_cost() <= MOST_LANES
        && hash.hash.is_some();
    bearable.then_some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Instant;

    fn old(password: &str) -> String {
        bcrypt::hash(password, 4).unwrap()
    }

    fn check(password: &str, stored: &str) -> Verdict {
        compare(&password.into(), Some(stored))
    }

    #[test]
    fn a_hash_of_our_own_is_current_and_each_one_is_another() {
        let (one, other) = (make(&"composed".into()), make(&"composed".into()));
        let (one, other) = (one.unwrap(), other.unwrap());
        assert!(one.starts_with(CURRENT), "{one}");
        assert_ne!(one, other);
        assert_eq!(check("composed", &one), Verdict::Right);
        assert_eq!(check("Composed", &one), Verdict::Wrong);
    }

    #[test]
    fn hashes_of_the_originals_are_right_and_outdated() {
        let hash = old("old password");
        for version in ["$2a$", "$2b$", "$2y$"] {
            let stored = format!("{version}{}", &hash[4..]);
            assert_eq!(check("old password", &stored), Verdict::Outdated);
            assert_eq!(check("old passwords", &stored), Verdict::Wrong);
        }
    }

    #[test]
    fn weaker_parameters_of_argon2_are_outdated() {
        let params = Params::new(1024, 1, 1, None).unwrap();
        let weak = Argon2::from(params).hash_password(b"composed").unwrap();
        assert_eq!(check("composed", &weak.to_string()), Verdict::Outdated);
    }

    #[test]
    fn a_password_beyond_72_bytes_gets_in_as_ever_and_its_hash_stays() {
        let head = "é".repeat(36);
        let stored = old(&format!("{head} and its tail"));
        assert_eq!(
            check(&format!("{head} and its tail"), &stored),
            Verdict::Right
        );
        assert_eq!(
            check(&format!("{head} another tail"), &stored),
            Verdict::Right
        );
        let exact = old(&head);
        assert_eq!(check(&head, &exact), Verdict::Outdated);
        assert_eq!(check(&head[..70], &exact), Verdict::Wrong);
    }

    #[test]
    fn our_own_hashes_see_every_byte() {
        let long = "x".repeat(100);
        let stored = make(&long.as_str().into()).unwrap();
        assert_eq!(check(&long, &stored), Verdict::Right);
        assert_eq!(check(&format!("{}y", &long[..99]), &stored), Verdict::Wrong);
    }

    #[test]
    fn a_nul_is_no_end() {
        let stored = old("abcdef");
        assert_eq!(check("abcdef\0ghi", &stored), Verdict::Wrong);
    }

    #[test]
    fn what_takes_longer_than_a_refusal_waits_is_not_taken_over() {
        let argon2 = |parameters: &str| {
            format!("$argon2id$v=19${parameters}$c29tZXNhbHQ${}", "A".repeat(43))
        };
        let cost = |cost: u32| old("composed").replacen("$04$", &format!("${cost:02}$"), 1);
        for fine in [
            cost(12),
            argon2("m=65536,t=3,p=4"),
            argon2("m=7168,t=5,p=1"),
        ] {
            assert!(is_usable(&fine), "{fine}");
        }
        for slow in [
            cost(13),
            argon2("m=65536,t=4,p=1"),
            argon2("m=131072,t=1,p=1"),
        ] {
            assert!(!is_usable(&slow), "{slow}");
        }
    }

    #[test]
    fn what_would_take_for_ever_is_not_tried() {
        let costly = old("composed").replacen("$04$", "$31$", 1);
        let huge = format!(
            "$argon2id$v=19$m=4194304,t=50,p=1$c29tZXNhbHQ${}",
            "A".repeat(43)
        );
        let begun = Instant::now();
        for stored in [costly.as_str(), huge.as_str()] {
            assert!(!is_usable(stored), "{stored}");
            assert_eq!(check("composed", stored), Verdict::Wrong);
        }
        assert!(begun.elapsed() < Duration::from_secs(10));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn no_hash_makes_a_comparison_panic(
            stored in r"(\$2[aby]\$0[0-9]\$|\$argon2id\$v=19\$m=[0-9]{1,3},t=1,p=1\$)?[./A-Za-z0-9+$é]{0,60}"
        ) {
            prop_assert_eq!(check("composed", &stored), Verdict::Wrong);
        }
    }
}
