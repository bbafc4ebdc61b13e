//! What a widget looks like.

use super::*;
use crate::kit::each_engine;
use syncline::tenants::widget::{self, Position, Update, Widget};

each_engine!(
    a_widget_that_nobody_touched_has_the_defaults,
    what_is_not_meant_stays_and_the_time_moves,
    what_is_wrong_is_named_at_once_and_changes_nothing,
);

async fn a_widget_that_nobody_touched_has_the_defaults(database: Database) {
    let house = House::open(database).await;
    let made = house.made("acme").await;
    let widget = widget::get(&house.app, &made.id).await.unwrap();
    let expected = Widget {
        primary_color: "#3b82f6".to_owned(),
        position: Position::BottomRight,
        welcome_message: "Hi! How can I help?".to_owned(),
        widget_name: "Support".to_owned(),
        updated_at: None,
    };
    assert_eq!(widget, expected);
    let error = widget::get(&house.app, &id("nobody")).await.unwrap_err();
    assert_eq!(reason(&error), "NOT_FOUND");
}

fn change(color: &str) -> Update {
    Update {
        name: "tenants/acme/widget".to_owned(),
        primary_color: color.to_owned(),
        ..Update::default()
    }
}

async fn what_is_not_meant_stays_and_the_time_moves(database: Database) {
    let house = House::open(database).await;
    house.made("acme").await;
    let (_, first) = widget::update(&house.app, change("#12ab9F")).await.unwrap();
    assert_eq!(
        (first.primary_color.as_str(), first.widget_name.as_str()),
        ("#12ab9F", "Support")
    );
    house.clock.advance(chrono::TimeDelta::minutes(1));
    let next = Update {
        position: Some(Position::BottomLeft),
        widget_name: "Ours".to_owned(),
        ..change("")
    };
    widget::update(&house.app, next).await.unwrap();
    let seen = widget::get(&house.app, &id("acme")).await.unwrap();
    assert_eq!(
        (seen.primary_color.as_str(), seen.position),
        ("#12ab9F", Position::BottomLeft)
    );
    assert_eq!(
        (seen.widget_name.as_str(), seen.welcome_message.as_str()),
        ("Ours", "Hi! How can I help?")
    );
    assert!(seen.updated_at > first.updated_at);
    let back = Update {
        mask: ["primary_color", "position", "welcome_message"]
            .map(str::to_owned)
            .to_vec(),
        ..change("")
    };
    let (_, back) = widget::update(&house.app, back).await.unwrap();
    assert_eq!(
        (back.primary_color.as_str(), back.position),
        ("#3b82f6", Position::BottomRight)
    );
    assert_eq!(
        (back.welcome_message.as_str(), back.widget_name.as_str()),
        ("", "Ours")
    );
}

async fn what_is_wrong_is_named_at_once_and_changes_nothing(database: Database) {
    let house = House::open(database).await;
    house.made("acme").await;
    for color in ["red", "#123"] {
        let wrong = Update {
            mask: ["primary_color", "frame"].map(str::to_owned).to_vec(),
            welcome_message: "x".repeat(501),
            widget_name: "x".repeat(101),
            ..change(color)
        };
        let error = widget::update(&house.app, wrong).await.unwrap_err();
        let expected = [
            "update_mask",
            "widget.primary_color",
            "widget.welcome_message",
            "widget.widget_name",
        ];
        assert_eq!(fields(&error), expected);
    }
    let seen = widget::get(&house.app, &id("acme")).await.unwrap();
    assert_eq!(seen, Widget::default());
}
