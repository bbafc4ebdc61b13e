//! Google's side of the world: people, spaces, conferences with participants and sessions, and the consents that were given.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::World;
use super::calendar::Calendar;

/// How long a conference record stays readable after the conference ended.
const RECORD_LIFETIME: TimeDelta = TimeDelta::days(30);
/// The order of characters does not matter, only that tokens look like Google's.
const TOKEN_LETTERS: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Everything at Google, with the switches for how it behaves.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Google {
    /// Whom lists of records are shown to.
    pub visibility: Visibility,
    /// Life of an access token in seconds; Google's own is 3599.
    pub access_token_seconds: i64,
    /// Each refresh gives a new refresh token, and the used one dies at once.
    pub rotate_refresh_tokens: bool,
    /// A refresh token that was used up and comes again ends its whole grant, as stricter providers have it.
    pub reuse_ends_grants: bool,
    /// The first is "me".
    pub people: Vec<Person>,
    pub spaces: Vec<Space>,
    pub conferences: Vec<Conference>,
    pub calendars: Vec<Calendar>,
    pub(crate) consents: Vec<Consent>,
    pub(crate) grants: Vec<Grant>,
    /// Counts changes of calendars; sync tokens refer to it.
    pub(crate) revision: u64,
    /// Sync tokens of before this revision are answered with 410.
    pub(crate) oldest_sync_revision: u64,
}

/// Which conference records a list shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Visibility {
    /// Meetings that the user organised or attended.
    #[default]
    Attended,
    /// Without a filter on the space only meetings that the user organised; attended ones are found by code or space.
    OrganizedOnly,
    /// Meetings that the user only attended are not shown by any list.
    OrganizedStrict,
}

/// A Google account.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Person {
    /// 21 digits; `users/{id}` in Meet, `sub` in tokens.
    pub id: String,
    pub email: String,
    pub name: String,
}

/// A meeting space: what a link leads to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Space {
    /// What stands after `spaces/`.
    pub id: String,
    /// Such as `abc-mnop-xyz`.
    pub code: String,
    /// Id of the person who organises its meetings.
    pub owner: String,
}

/// One call in a space.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Conference {
    /// What stands after `conferenceRecords/`.
    pub id: String,
    /// Id of the space.
    pub space: String,
    pub start: DateTime<Utc>,
    /// `None` while the call goes on.
    pub end: Option<DateTime<Utc>>,
    pub participants: Vec<Participant>,
    /// Gone before its time, as if 30 days had passed.
    #[serde(default)]
    pub expired: bool,
}

/// Somebody who was in a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Participant {
    pub id: String,
    pub who: Who,
    pub sessions: Vec<Session>,
}

/// How a participant is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Who {
    /// Id of a person.
    SignedIn(String),
    /// The name that a guest typed.
    Anonymous(String),
    /// A redacted number.
    Phone(String),
}

/// One stay of one device in a call.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Session {
    pub id: String,
    pub start: DateTime<Utc>,
    /// `None` while still in the call.
    pub end: Option<DateTime<Utc>>,
}

/// A code that was handed to a redirect address and not exchanged yet.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Consent {
    pub code: String,
    pub person: String,
    pub scopes: Vec<String>,
    pub redirect_uri: String,
    pub challenge: Option<Challenge>,
    pub offline: bool,
    pub asked_at: DateTime<Utc>,
}

/// What the authorization request said about PKCE.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Challenge {
    pub value: String,
    /// `S256` when set, `plain` when not.
    pub hashed: bool,
}

/// What a person allowed the client to do.
#[derive(Debug, Clone, Serialize)]
pub struct Grant {
    pub person: String,
    pub scopes: Vec<String>,
    /// The refresh token that works; `None` for online access or after revocation.
    pub refresh_token: Option<String>,
    /// Refresh tokens that were used up.
    pub(crate) spent: Vec<String>,
    /// Access tokens with the end of their life.
    pub access_tokens: Vec<(String, DateTime<Utc>)>,
}

impl Grant {
    /// The newest access token, expired or not. Empty when none was given out.
    pub fn access_token(&self) -> &str {
        self.access_tokens.last().map_or("", |(token, _)| token)
    }
}

impl Conference {
    /// What the API calls it.
    pub fn name(&self) -> String {
        format!("conferenceRecords/{}", self.id)
    }

    /// When the record disappears.
    pub fn expires(&self) -> DateTime<Utc> {
        self.end.unwrap_or(self.start) + RECORD_LIFETIME
    }

    pub(crate) fn is_gone(&self, now: DateTime<Utc>) -> bool {
        self.expired || (self.end.is_some() && self.expires() <= now)
    }

    pub(crate) fn attended_by(&self, person: &str) -> bool {
        self.participants
            .iter()
            .any(|participant| matches!(&participant.who, Who::SignedIn(id) if id == person))
    }
}

impl Participant {
    /// First join.
    pub fn earliest(&self) -> Option<DateTime<Utc>> {
        self.sessions.iter().map(|session| session.start).min()
    }

    /// Last leave; `None` while still in the call.
    pub fn latest(&self) -> Option<DateTime<Utc>> {
        if self.sessions.iter().any(|session| session.end.is_none()) {
            return None;
        }
        self.sessions.iter().filter_map(|session| session.end).max()
    }
}

impl World {
    /// The first person: the user whose attendance is read.
    pub fn me(&self) -> Person {
        self.google
            .people
            .first()
            .cloned()
            .expect("every world is founded with one person")
    }

    /// Adds a Google account; returns its id (21 digits).
    pub fn add_person(&mut self, name: &str, email: &str) -> String {
        let number = self.google.people.len() + 1;
        let id = format!("1090{number:017}");
        self.google.people.push(Person {
            id: id.clone(),
            email: email.to_owned(),
            name: name.to_owned(),
        });
        self.google.calendars.push(Calendar::of(email));
        id
    }

    /// Adds a space; returns its id.
    pub fn add_space(&mut self, owner: &str) -> String {
        let id = self.random_text(TOKEN_LETTERS, 12);
        let mut part = |length| self.random_text("abcdefghijkmnopqrstuvwxyz", length);
        let code = format!("{}-{}-{}", part(3), part(4), part(3));
        self.google.spaces.push(Space {
            id: id.clone(),
            code,
            owner: owner.to_owned(),
        });
        id
    }

    /// The space with this id.
    pub fn space(&self, id: &str) -> Option<&Space> {
        self.google.spaces.iter().find(|space| space.id == id)
    }

    /// The conference of a record name (or its bare id).
    pub fn conference(&mut self, record: &str) -> Option<&mut Conference> {
        let id = record.strip_prefix("conferenceRecords/").unwrap_or(record);
        self.google
            .conferences
            .iter_mut()
            .find(|conference| conference.id == id)
    }

    /// Ends a running meeting: open sessions are closed and the record gets its end. False when there is no such record.
    pub fn end_meeting(&mut self, record: &str, at: DateTime<Utc>) -> bool {
        let Some(conference) = self.conference(record) else {
            return false;
        };
        conference.end = Some(at);
        for participant in &mut conference.participants {
            for session in participant
                .sessions
                .iter_mut()
                .filter(|session| session.end.is_none())
            {
                session.end = Some(at);
            }
        }
        true
    }

    /// Makes a record disappear, as 30 days after its end. False when there is no such record.
    pub fn expire_record(&mut self, record: &str) -> bool {
        self.conference(record)
            .map(|conference| conference.expired = true)
            .is_some()
    }

    /// Gives the client access without a browser, with a refresh token, as if the person had consented.
    pub fn grant(&mut self, person: &str, scopes: &[&str]) -> Grant {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        let index = self.add_grant(person, scopes, true);
        self.issue_access_token(index);
        self.google.grants[index].clone()
    }

    /// All grants, oldest first.
    pub fn grants(&self) -> &[Grant] {
        &self.google.grants
    }

    /// The user takes the client's access away: every token of the person is dead.
    pub fn revoke_grants(&mut self, person: &str) {
        self.google.grants.retain(|grant| grant.person != person);
    }

    /// All access tokens stop working now; refresh tokens stay.
    pub fn expire_access_tokens(&mut self) {
        self.google
            .grants
            .iter_mut()
            .for_each(|grant| grant.access_tokens.clear());
    }

    pub(crate) fn add_grant(&mut self, person: &str, scopes: Vec<String>, offline: bool) -> usize {
        let refresh_token = offline.then(|| self.new_refresh_token());
        let grant = Grant {
            person: person.to_owned(),
            scopes,
            refresh_token,
            spent: Vec::new(),
            access_tokens: Vec::new(),
        };
        self.google.grants.push(grant);
        self.google.grants.len() - 1
    }

    pub(crate) fn new_refresh_token(&mut self) -> String {
        let serial = self.next_serial();
        format!(
            "1//0composed{}{serial:06}",
            self.random_text(TOKEN_LETTERS, 40)
        )
    }

    pub(crate) fn new_code(&mut self) -> String {
        let serial = self.next_serial();
        format!(
            "4/0Acomposed{}{serial:06}",
            self.random_text(TOKEN_LETTERS, 40)
        )
    }

    /// Gives out an access token for a grant.
    pub(crate) fn issue_access_token(&mut self, grant: usize) -> String {
        let serial = self.next_serial();
        let token = format!(
            "ya29.composed{}{serial:06}",
            self.random_text(TOKEN_LETTERS, 60)
        );
        let now = self.now();
        let until = now + TimeDelta::seconds(self.google.access_token_seconds);
        let tokens = &mut self.google.grants[grant].access_tokens;
        tokens.retain(|(_, end)| *end > now);
        tokens.push((token.clone(), until));
        token
    }

    /// The grant that an access token belongs to, while the token lives.
    pub(crate) fn grant_of_access_token(&self, token: &str) -> Option<&Grant> {
        let now = self.now();
        let alive = |grant: &&Grant| {
            grant
                .access_tokens
                .iter()
                .any(|(known, end)| known == token && *end > now)
        };
        self.google.grants.iter().find(alive)
    }

    pub(crate) fn person(&self, id: &str) -> Option<&Person> {
        self.google.people.iter().find(|person| person.id == id)
    }
}
