//! `syncline tenant widget`: how a tenant's widget looks.

use super::full;
use crate::{
    api::v1::{self, WidgetPosition},
    cli::{
        failure::Usage,
        output::{Output, table},
        session::Session,
        time,
    },
};
use pbjson_types::FieldMask;

/// Arguments of `widget`: shows it, or changes what is given.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The tenant's id; that of --tenant when it is not given
    id: Option<String>,
    /// As in #3b82f6
    #[arg(long, value_name = "#RRGGBB")]
    color: Option<String>,
    /// left or right, at the bottom of the page
    #[arg(long, value_name = "SIDE")]
    position: Option<String>,
    /// What it says first; empty for nothing
    #[arg(long, value_name = "TEXT")]
    welcome: Option<String>,
    /// What it is called; empty for what it was from the start
    #[arg(long, value_name = "TEXT")]
    name: Option<String>,
}

pub async fn run(args: Args, session: &Session, output: Output) -> anyhow::Result<()> {
    let name = format!("{}/widget", full(session, args.id.clone()));
    let mut service = session.tenants();
    let mask = args.mask();
    let widget = match mask.is_empty() {
        true => service.get_widget(v1::GetWidgetRequest { name }).await?,
        false => {
            let request = v1::UpdateWidgetRequest {
                widget: Some(args.widget(name)?),
                update_mask: Some(FieldMask { paths: mask }),
            };
            service.update_widget(request).await?
        }
    };
    output.result(&widget.into_inner(), shown)?;
    Ok(())
}

impl Args {
    fn mask(&self) -> Vec<String> {
        let fields = [
            ("primary_color", &self.color),
            ("position", &self.position),
            ("welcome_message", &self.welcome),
            ("widget_name", &self.name),
        ];
        let given = fields.into_iter().filter(|(_, given)| given.is_some());
        given.map(|(field, _)| field.to_owned()).collect()
    }

    fn widget(self, name: String) -> anyhow::Result<v1::Widget> {
        let position = match self.position.as_deref() {
            None | Some("") => WidgetPosition::Unspecified,
            Some("left") => WidgetPosition::BottomLeft,
            Some("right") => WidgetPosition::BottomRight,
            Some(_) => return Err(Usage("--position: expected left or right".to_owned()).into()),
        };
        Ok(v1::Widget {
            name,
            primary_color: self.color.unwrap_or_default(),
            position: position.into(),
            welcome_message: self.welcome.unwrap_or_default(),
            widget_name: self.name.unwrap_or_default(),
            ..v1::Widget::default()
        })
    }
}

fn shown(widget: &v1::Widget) -> String {
    let position = match widget.position() {
        WidgetPosition::BottomLeft => "left",
        _ => "right",
    };
    let row = |name: &str, value: &str| [name.to_owned(), value.to_owned()];
    let rows = [
        row("called", &widget.widget_name),
        row("says", &widget.welcome_message),
        row("color", &widget.primary_color),
        row("position", position),
        row("changed", &time::moment(widget.update_time.as_ref())),
    ];
    table(["", ""], rows)
}
