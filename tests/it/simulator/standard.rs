use chrono::TimeDelta;
use syncline::simulator::world::Who;
use syncline::simulator::{Now, Options, Simulator, World};

use super::noon;

fn dump(seed: u64) -> String {
    let sim = Simulator::start(Options {
        seed,
        ..Options::new(Now::Fixed(noon()))
    })
    .expect("the simulator starts");
    serde_json::to_string(&*sim.world()).expect("JSON")
}

#[test]
fn same_seed_at_the_same_instant_gives_the_same_world() {
    assert_eq!(dump(7), dump(7));
    assert_ne!(dump(7), dump(8));
}

#[test]
fn standard_world_is_a_month_of_ended_meetings_that_i_attended() {
    let sim = Simulator::start(Options::new(Now::Fixed(noon()))).expect("the simulator starts");
    let world: &World = &sim.world();
    let me = Who::SignedIn(world.me().id);
    assert_eq!(world.google.conferences.len(), 240);
    let spaces: std::collections::HashSet<_> = world
        .google
        .conferences
        .iter()
        .map(|one| &one.space)
        .collect();
    assert!((20..=80).contains(&spaces.len()), "{} spaces", spaces.len());
    for conference in &world.google.conferences {
        let end = conference.end.expect("ended");
        assert!(
            end > conference.start
                && end <= noon()
                && conference.start > noon() - TimeDelta::days(29)
        );
        assert_eq!(conference.participants.len(), 5);
        let mine = conference
            .participants
            .iter()
            .find(|one| one.who == me)
            .expect("I was there");
        assert_eq!(mine.sessions.len(), 2);
        assert_eq!(
            (mine.earliest(), mine.latest()),
            (Some(conference.start), Some(end))
        );
        // An hour or less, so that no meeting touches the next.
        assert!(end - conference.start <= TimeDelta::minutes(61));
    }
    assert!(world.google.people.iter().any(|person| person.name.to_lowercase().contains("dana") && person.id != world.me().id));
}
