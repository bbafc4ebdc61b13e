use chrono::TimeDelta;
use syncline::simulator::{Limit, Now, Options, Quotas};

use super::{Lab, noon};

fn limited(calls: usize, seconds: i64) -> Lab {
    let limit = Some(Limit { calls, seconds });
    let quotas = Quotas {
        meet: limit,
        calendar: limit,
        clockify: limit,
    };
    Lab::of(Options {
        quotas,
        ..Options::empty(Now::Fixed(noon()))
    })
}

#[tokio::test]
async fn window_slides_and_refused_calls_do_not_count() {
    let lab = limited(2, 60);
    let status = async || lab.google("/v2/conferenceRecords", &[]).await.status;
    assert_eq!(
        (status().await, status().await, status().await),
        (200, 200, 429)
    );
    lab.sim.clock().advance(TimeDelta::seconds(59));
    assert_eq!(status().await, 429);
    lab.sim.clock().advance(TimeDelta::seconds(1));
    assert_eq!(
        (status().await, status().await, status().await),
        (200, 200, 429)
    );
    assert_eq!(
        lab.sim
            .calls()
            .all()
            .iter()
            .filter(|call| call.fault.as_deref() == Some("quota"))
            .count(),
        3
    );
}

#[tokio::test]
async fn each_provider_refuses_in_its_own_words() {
    let lab = limited(0, 60);
    let meet = lab.google("/v2/conferenceRecords", &[]).await;
    assert_eq!(
        (
            meet.status,
            meet.json["error"]["details"][0]["reason"].as_str()
        ),
        (429, Some("RATE_LIMIT_EXCEEDED"))
    );
    let calendar = lab
        .google("/calendar/v3/calendars/primary/events", &[])
        .await;
    assert_eq!(
        (
            calendar.status,
            calendar.json["error"]["errors"][0]["reason"].as_str()
        ),
        (403, Some("userRateLimitExceeded"))
    );
    let clockify = lab.clockify_get("/projects").await;
    assert_eq!((clockify.status, clockify.json.as_str()), (429, Some("")));
}

#[tokio::test]
async fn thirty_an_hour_is_thirty_an_hour() {
    let lab = Lab::of(Options {
        quotas: Quotas::REAL_FREE,
        ..Options::empty(Now::Fixed(noon()))
    });
    for _ in 0..30 {
        assert_eq!(lab.clockify_get("/projects").await.status, 200);
    }
    assert_eq!(lab.clockify_get("/projects").await.status, 429);
    lab.sim.clock().advance(TimeDelta::hours(1));
    assert_eq!(lab.clockify_get("/projects").await.status, 200);
}
