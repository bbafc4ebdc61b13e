//! Tenants and widgets as clients see them.

use crate::{
    api::v1,
    base::{TenantId, Violation},
    tenants::{
        State, Tenant,
        widget::{Position, Widget, name_of},
    },
};

impl From<Tenant> for v1::Tenant {
    fn from(tenant: Tenant) -> Self {
        Self {
            name: tenant.name(),
            state: match tenant.state {
                State::Active => v1::TenantState::Active,
                State::Paused => v1::TenantState::Paused,
                State::Disabled => v1::TenantState::Disabled,
            }
            .into(),
            etag: tenant.etag(),
            display_name: tenant.display_name,
            allowed_domains: tenant.allowed_domains.0,
            create_time: Some(tenant.created_at.into()),
            update_time: Some(tenant.updated_at.into()),
        }
    }
}

/// A state that was sent; a number that is none is a violation.
pub(super) fn state_of(number: i32, wrong: &mut Vec<Violation>) -> Option<State> {
    match v1::TenantState::try_from(number) {
        Ok(v1::TenantState::Unspecified) => None,
        Ok(v1::TenantState::Active) => Some(State::Active),
        Ok(v1::TenantState::Paused) => Some(State::Paused),
        Ok(v1::TenantState::Disabled) => Some(State::Disabled),
        Err(_) => {
            let expected = format!("expected ACTIVE, PAUSED or DISABLED, got {number}");
            wrong.push(Violation::new("tenant.state", expected));
            None
        }
    }
}

/// The widget of `tenant`.
pub(super) fn widget(tenant: &TenantId, widget: Widget) -> v1::Widget {
    v1::Widget {
        name: name_of(tenant),
        primary_color: widget.primary_color,
        position: match widget.position {
            Position::BottomRight => v1::WidgetPosition::BottomRight,
            Position::BottomLeft => v1::WidgetPosition::BottomLeft,
        }
        .into(),
        welcome_message: widget.welcome_message,
        widget_name: widget.widget_name,
        update_time: widget.updated_at.map(Into::into),
    }
}

/// A position that was sent; a number that is none is a violation.
pub(super) fn position_of(number: i32, wrong: &mut Vec<Violation>) -> Option<Position> {
    match v1::WidgetPosition::try_from(number) {
        Ok(v1::WidgetPosition::Unspecified) => None,
        Ok(v1::WidgetPosition::BottomRight) => Some(Position::BottomRight),
        Ok(v1::WidgetPosition::BottomLeft) => Some(Position::BottomLeft),
        Err(_) => {
            let expected = format!("expected BOTTOM_RIGHT or BOTTOM_LEFT, got {number}");
            wrong.push(Violation::new("widget.position", expected));
            None
        }
    }
}
