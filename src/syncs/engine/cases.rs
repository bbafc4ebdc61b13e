//! What the rules want of each meeting.

use super::Pass;
use crate::syncs::{describe::Surroundings, entry::Desired, meeting::Meeting, plan::Skip};

/// A meeting with what the rules want of it.
#[derive(Clone, Debug)]
pub struct Case {
    /// The meeting.
    pub meeting: Meeting,
    /// The rule that decided; empty for the default target.
    pub rule: String,
    /// The entry, or why there is to be none.
    pub wish: std::result::Result<Desired, Skip>,
}

impl Pass<'_> {
    /// What the rules want of the meetings that I attended and that have ended.
    pub fn cases(&self, meetings: Vec<Meeting>) -> Vec<Case> {
        meetings
            .into_iter()
            .filter(|meeting| meeting.end.is_some_and(|end| end >= self.window.start))
            .filter_map(|meeting| self.case(meeting))
            .collect()
    }

    fn case(&self, meeting: Meeting) -> Option<Case> {
        let definition = &self.sync.definition;
        let span = meeting.span(definition.attended_time)?;
        let verdict = self.rules.decide(&meeting);
        let declined = meeting.event.as_ref().is_some_and(|event| event.declined);
        let wish = match verdict.target {
            _ if definition.skip_declined && declined => Err(Skip::Declined),
            _ if definition.skip_solo && meeting.others == 0 => Err(Skip::Solo),
            _ if span.length() < definition.shortest() => Err(Skip::TooShort),
            None => Err(Skip::Rule),
            Some(target) => {
                let surroundings = Surroundings {
                    project: &target.project,
                    zone: definition.zone(),
                    limit: self.app.config.syncs.description_limit,
                };
                let description = self.template.describe(&meeting, span, surroundings);
                Ok(Desired {
                    start: span.start,
                    end: span.end,
                    description,
                    target,
                })
            }
        };
        Some(Case {
            meeting,
            rule: verdict.rule,
            wish,
        })
    }
}
