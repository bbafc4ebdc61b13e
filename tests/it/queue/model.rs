//! Random operations by several workers and operators, beside a model that is too simple to be wrong: every job is in
//! exactly one place, and it is the place where the model has it.

use super::{MINUTE, Stage, job};
use crate::kit;
use rand::{RngExt as _, SeedableRng as _, rngs::StdRng, seq::IndexedRandom as _};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use syncline::queue::{
    Claim, Claimed, Finish, FinishCode, Job, JobState, Keep, Operated, Put, PutCode, Which,
};

const JOBS: usize = 60;
const WORKERS: [&str; 3] = ["w0", "w1", "w2"];
/// Long enough that nothing is due during the test.
const HOUR: Duration = Duration::from_secs(3_600);

/// Where a job is, as far as anybody can see.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Nowhere,
    /// Its hash is there, and no list has it.
    Orphan,
    Ready,
    Delayed,
    Held(&'static str),
    /// Active, and its lock is gone.
    Stalling,
    Completed,
    Failed,
}

struct Walk {
    stage: Stage,
    random: StdRng,
    places: BTreeMap<String, Place>,
    /// What each worker believes to hold.
    hands: BTreeMap<&'static str, Vec<Job>>,
    is_paused: bool,
}

impl Walk {
    async fn step(&mut self) {
        match self.random.random_range(0..100) {
            0..30 => self.put().await,
            30..55 => self.claim().await,
            55..80 => self.finish().await,
            80..83 => self.lose_locks().await,
            83..86 => self.recover().await,
            86..88 => self.extend().await,
            88..90 => self.retry().await,
            90..92 => self.promote().await,
            92..95 => self.remove().await,
            95..97 => self.lose_from_list().await,
            97..99 => self.pause_or_resume().await,
            _ => self.clean().await,
        }
    }

    fn any_id(&mut self) -> String {
        format!("j{}", self.random.random_range(0..JOBS))
    }

    fn any_ids(&mut self) -> Vec<String> {
        let count = self.random.random_range(1..8);
        let ids: BTreeSet<String> = (0..count).map(|_| self.any_id()).collect();
        ids.into_iter().collect()
    }

    fn with(&self, place: &Place) -> Vec<String> {
        let found = self.places.iter().filter(|(_, at)| *at == place);
        found.map(|(id, _)| id.clone()).collect()
    }

    fn place(&self, id: &str) -> Place {
        self.places.get(id).cloned().unwrap_or(Place::Nowhere)
    }

    fn set(&mut self, id: &str, place: Place) {
        self.places.insert(id.to_owned(), place);
    }

    async fn put(&mut self) {
        let ids = self.any_ids();
        let jobs: Vec<Put> = ids
            .iter()
            .map(|id| {
                let delay = if self.random.random_bool(0.25) {
                    HOUR
                } else {
                    Duration::ZERO
                };
                let priority = *[0, 0, 1, 2].choose(&mut self.random).unwrap();
                Put {
                    delay,
                    priority,
                    ..job(id)
                }
            })
            .collect();
        let codes = self.stage.queue.put(&jobs).await.unwrap();
        for (job, code) in jobs.iter().zip(codes) {
            let expected = match self.place(&job.id) {
                Place::Nowhere => PutCode::Added,
                Place::Orphan => PutCode::Rebuilt,
                Place::Ready | Place::Delayed => PutCode::Waiting,
                Place::Held(_) | Place::Stalling => PutCode::Active,
                Place::Completed | Place::Failed => PutCode::Restarted,
            };
            assert_eq!(code, expected, "put {}", job.id);
            if code != PutCode::Active {
                let waits = if job.delay.is_zero() {
                    Place::Ready
                } else {
                    Place::Delayed
                };
                self.set(&job.id, waits);
            }
        }
    }

    async fn claim(&mut self) {
        let worker = *WORKERS.choose(&mut self.random).unwrap();
        let most = self.random.random_range(1..12);
        let claim = Claim::new(worker);
        let claimed = self.stage.queue.claim(&claim, most).await.unwrap();
        self.took(worker, most, claimed);
    }

    fn took(&mut self, worker: &'static str, most: usize, claimed: Claimed) {
        let ready = self.with(&Place::Ready).len();
        let expected = if self.is_paused { 0 } else { most.min(ready) };
        assert_eq!(claimed.jobs.len(), expected, "of {ready} ready ones");
        assert!(claimed.ghosts.is_empty());
        for job in claimed.jobs {
            assert_eq!(self.place(&job.id), Place::Ready, "claimed {}", job.id);
            self.set(&job.id, Place::Held(worker));
            self.hands.get_mut(worker).unwrap().push(job);
        }
    }

    /// Alone, or with a claim in the same step.
    async fn finish(&mut self) {
        let worker = *WORKERS.choose(&mut self.random).unwrap();
        let hand = self.hands.get_mut(worker).unwrap();
        let count = self.random.random_range(0..=hand.len().min(8));
        let jobs: Vec<Job> = hand.drain(..count).collect();
        let mut ends = Vec::new();
        let mut places = Vec::new();
        for job in &jobs {
            let (end, place) = match self.random.random_range(0..8) {
                0 => (Finish::release(job), Place::Ready),
                1 => (Finish::delay(job, HOUR), Place::Delayed),
                2 => (Finish::retry(job, "no", Duration::ZERO), Place::Ready),
                3 => (Finish::retry(job, "no", HOUR), Place::Delayed),
                4 => (Finish::failed(job, "no", Keep::All), Place::Failed),
                5 => (
                    Finish::completed(job, 1.into(), Keep::Nothing),
                    Place::Nowhere,
                ),
                _ => (
                    Finish::completed(job, 1.into(), Keep::All),
                    Place::Completed,
                ),
            };
            ends.push(end);
            places.push(place);
        }
        let queue = &self.stage.queue;
        let most = self.random.random_range(0..12);
        let (codes, claimed) = match most < 6 {
            true => (queue.finish(worker, &ends).await.unwrap(), None),
            false => {
                let claim = Claim::new(worker);
                let (codes, claimed) = queue.exchange(&claim, &ends, most).await.unwrap();
                (codes, Some(claimed))
            }
        };
        // One that stalled and came back to the same worker is in its hand twice.
        let mut ended = BTreeSet::new();
        for ((job, place), code) in jobs.iter().zip(places).zip(codes) {
            let expected = match self.place(&job.id) {
                Place::Nowhere if ended.contains(&job.id) => code,
                _ if ended.contains(&job.id) => FinishCode::NotActive,
                Place::Held(holder) if holder == worker => FinishCode::Done,
                Place::Held(_) => FinishCode::LockOfAnother,
                Place::Nowhere => FinishCode::Missing,
                _ => FinishCode::LockLost,
            };
            assert_eq!(code, expected, "finish {} of {worker}", job.id);
            if code == FinishCode::Done {
                ended.insert(&job.id);
                self.set(&job.id, place);
            }
        }
        if let Some(claimed) = claimed {
            self.took(worker, most, claimed);
        }
    }

    /// A worker that was frozen too long: its locks run out, and it does not know.
    async fn lose_locks(&mut self) {
        let worker = *WORKERS.choose(&mut self.random).unwrap();
        for id in self.with(&Place::Held(worker)) {
            if self.random.random_bool(0.3) {
                self.stage.say(&format!("DEL bull:sync:{id}:lock")).await;
                self.set(&id, Place::Stalling);
            }
        }
    }

    /// Two looks in a row, so that the second finds all whose lock is gone.
    async fn recover(&mut self) {
        let mut found = BTreeSet::new();
        for _ in 0..2 {
            self.stage.say("DEL bull:sync:stalled-check").await;
            found.extend(
                self.stage
                    .queue
                    .recover_stalled(MINUTE, u32::MAX)
                    .await
                    .unwrap(),
            );
        }
        let stalling = self.with(&Place::Stalling);
        assert!(
            found.iter().eq(stalling.iter()),
            "{found:?} of {stalling:?}"
        );
        for id in stalling {
            self.set(&id, Place::Ready);
        }
    }

    async fn extend(&mut self) {
        let worker = *WORKERS.choose(&mut self.random).unwrap();
        let ids: Vec<String> = self.hands[worker]
            .iter()
            .map(|job| job.id.clone())
            .collect();
        let lost = self.stage.queue.extend(worker, MINUTE, &ids).await.unwrap();
        for id in &ids {
            let is_held = self.place(id) == Place::Held(worker);
            assert_eq!(lost.contains(id), !is_held, "extend {id}");
        }
    }

    async fn retry(&mut self) {
        let (state, place) = match self.random.random_bool(0.5) {
            true => (JobState::Failed, Place::Failed),
            false => (JobState::Completed, Place::Completed),
        };
        let ids = self.any_ids();
        let answers = self
            .stage
            .queue
            .retry(state, Which::Ids(ids), false)
            .await
            .unwrap();
        for (id, code) in answers {
            let expected = match self.place(&id) {
                Place::Nowhere => Operated::Missing,
                at if at == place => Operated::Done,
                _ => Operated::OtherState,
            };
            assert_eq!(code, expected, "retry {id}");
            if code == Operated::Done {
                self.set(&id, Place::Ready);
            }
        }
    }

    async fn promote(&mut self) {
        let most = self.random.random_range(1..4);
        let answers = self.stage.queue.promote(Which::Oldest(most)).await.unwrap();
        let delayed = self.with(&Place::Delayed).len();
        assert_eq!(answers.len(), delayed.min(most as usize));
        for (id, code) in answers {
            assert_eq!((self.place(&id), code), (Place::Delayed, Operated::Done));
            self.set(&id, Place::Ready);
        }
    }

    async fn remove(&mut self) {
        let ids = self.any_ids();
        for (id, code) in self.stage.queue.remove(ids).await.unwrap() {
            let expected = match self.place(&id) {
                Place::Nowhere => Operated::Missing,
                Place::Held(_) => Operated::Locked,
                _ => Operated::Done,
            };
            assert_eq!(code, expected, "remove {id}");
            if code == Operated::Done {
                self.set(&id, Place::Nowhere);
            }
        }
    }

    /// What a mix-up of other programs leaves behind.
    async fn lose_from_list(&mut self) {
        let id = self.any_id();
        if self.place(&id) == Place::Ready {
            self.stage.say(&format!("LREM bull:sync:wait 0 {id}")).await;
            self.stage
                .say(&format!("ZREM bull:sync:prioritized {id}"))
                .await;
            self.set(&id, Place::Orphan);
        }
    }

    async fn pause_or_resume(&mut self) {
        let changed = match self.is_paused {
            true => self.stage.queue.resume().await.unwrap(),
            false => self.stage.queue.pause().await.unwrap(),
        };
        assert!(changed);
        self.is_paused = !self.is_paused;
    }

    async fn clean(&mut self) {
        let removed = self
            .stage
            .queue
            .clean(JobState::Completed, Duration::ZERO, 5)
            .await
            .unwrap();
        let completed = self.with(&Place::Completed).len();
        assert_eq!(removed.len(), completed.min(5));
        for id in removed {
            assert_eq!(self.place(&id), Place::Completed);
            self.set(&id, Place::Nowhere);
        }
    }

    /// Compares everything: each key of the queue is looked at.
    async fn compare(&self) {
        let mut found: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        for key in [
            "wait",
            "prioritized",
            "delayed",
            "active",
            "completed",
            "failed",
            "paused",
            "waiting-children",
        ] {
            for id in self.stage.ids(key).await {
                found.entry(id).or_default().push(key);
            }
        }
        for number in 0..JOBS {
            let id = format!("j{number}");
            let at = found.remove(&id).unwrap_or_default();
            let place = self.place(&id);
            let fits = match place {
                Place::Nowhere | Place::Orphan => at.is_empty(),
                Place::Ready => at == ["wait"] || at == ["prioritized"],
                Place::Delayed => at == ["delayed"],
                Place::Held(_) | Place::Stalling => at == ["active"],
                Place::Completed => at == ["completed"],
                Place::Failed => at == ["failed"],
            };
            assert!(fits, "{id} is in {at:?} and should be {place:?}");
            let stage = &self.stage;
            let lock = stage.say(&format!("GET bull:sync:{id}:lock")).await;
            let holder = match place {
                Place::Held(worker) => Some(worker.to_owned()),
                _ => None,
            };
            let lock = lock.as_string();
            assert_eq!(lock, holder, "the lock of {id}, which is {place:?}");
            let found = stage.say(&format!("EXISTS bull:sync:{id}")).await;
            let is_there = Some(i64::from(place != Place::Nowhere));
            assert_eq!(found.as_i64(), is_there, "the hash of {id}");
        }
        assert!(found.is_empty(), "{found:?}");
    }
}

#[tokio::test]
async fn no_job_is_lost_or_doubled_by_any_order_of_operations() {
    let seed = rand::random();
    println!("seed {seed}");
    let mut walk = Walk {
        stage: Stage::new().await,
        random: StdRng::seed_from_u64(seed),
        places: BTreeMap::new(),
        hands: WORKERS.map(|worker| (worker, Vec::new())).into(),
        is_paused: false,
    };
    let steps = kit::rounds(6_000, 200_000);
    for step in 1..=steps {
        walk.step().await;
        if step % 500 == 0 {
            walk.compare().await;
        }
    }
    walk.compare().await;
}
