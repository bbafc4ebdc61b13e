//! Two processes at the same time on one database.

use super::{Scene, figures};
use crate::{
    cli::{Ended, LONG},
    kit::{Database, each_engine, rounds},
};

each_engine!(
    two_processes_at_once_write_each_entry_once,
    two_first_runs_at_once_write_each_entry_once,
    two_syncs_on_one_account_at_once_write_each_entry_once,
);

/// Starts two programs together and waits for both.
async fn both(first: crate::kit::Builder, second: crate::kit::Builder) -> [Ended; 2] {
    let (mut first, mut second) = (first.start(), second.start());
    let codes = [first.wait_exit(LONG).await, second.wait_exit(LONG).await];
    let texts = [first.output(), second.output()];
    let mut pairs = codes.into_iter().zip(texts);
    std::array::from_fn(|_| {
        let (status, text) = pairs.next().expect("there are two");
        let code = status.code().unwrap_or(-1);
        Ended { code, text }
    })
}

/// A defined sync, run by two command lines; the project is there or not.
async fn two_processes_at_once_write_each_entry_once(database: Database) {
    let engine = database.engine();
    for round in 0..rounds(2, 20) {
        let scene = Scene::standard(engine).await.with_sync().await;
        if round % 2 == 0 {
            scene.sim.world().add_project("Google Meet");
        }
        let run = || scene.command(&["--json", "sync", "run", "work"]);
        let ends = both(run(), run()).await;
        let mut created = Vec::new();
        for ended in &ends {
            assert_eq!(ended.code, 0, "{}", ended.text);
            let count = ended.json()["result"]["created"].clone();
            let count = count
                .as_str()
                .map_or(0, |text| text.parse::<u64>().unwrap());
            created.push(count);
        }
        assert_eq!(created.iter().sum::<u64>(), 240, "{created:?}");
        scene.assert_all_once("two at once");
        println!("{engine:?}: two at once created {created:?}: 240 entries, 0 doubled");
    }
}

/// Nothing is there yet: no credentials, no sync, no project, no key.
async fn two_first_runs_at_once_write_each_entry_once(database: Database) {
    let engine = database.engine();
    for _ in 0..rounds(1, 20) {
        let scene = Scene::standard(engine).await;
        let ends = both(scene.once(), scene.once()).await;
        let mut synced = 0;
        for ended in &ends {
            assert_eq!(ended.code, 0, "{}", ended.text);
            let [found, new, _, failed, _] = figures(ended);
            assert_eq!((found, failed), (240, 0), "{}", ended.text);
            synced += new;
        }
        assert_eq!(synced, 240);
        scene.assert_all_once("two first runs");
        println!("{engine:?}: two first runs at once: 240 entries, 0 doubled, 1 project");
    }
}

/// Runs of one sync wait for each other; those of two syncs do not, and both want to write the same entries.
async fn two_syncs_on_one_account_at_once_write_each_entry_once(database: Database) {
    let engine = database.engine();
    for _ in 0..rounds(1, 20) {
        let scene = Scene::standard(engine).await.with_sync().await;
        let run = scene.command(&["--json", "sync", "run", "work"]);
        let ends = both(scene.once(), run).await;
        for ended in &ends {
            assert_eq!(ended.code, 0, "{}", ended.text);
        }
        let [found, synced, skipped, failed, total] = figures(&ends[0]);
        assert_eq!((found, failed, total), (240, 0, 240), "{}", ends[0].text);
        assert_eq!(synced + skipped, 240);
        scene.assert_all_once("two syncs");
        println!("{engine:?}: two syncs at once, the first wrote {synced}: 240 entries, 0 doubled");
    }
}
