//! The credentials of the variables, kept as tokens.

use crate::{
    app::App,
    base::{Error, ResourceId, Result, Secret, TenantId, TokenName, sha256},
    config::MeetClockify,
    tokens::{self, Create, Given, Provider, Token, Update},
};

/// Where the two credentials of the variables are kept.
#[derive(Clone, Debug)]
pub struct Shelf {
    app: App,
    google: TokenName,
    clockify: TokenName,
    /// Who keeps them there, for people: a part of what the tokens are called.
    keeper: &'static str,
    /// Whether they are nobody else's, whatever they are called.
    is_own: bool,
}

impl Shelf {
    /// The tokens `once-google` and `once-clockify`, which meet nobody else's.
    pub fn of_one_off(app: &App, tenant: TenantId) -> Result<Self> {
        Ok(Self {
            app: app.clone(),
            google: token(&tenant, "once-google")?,
            clockify: token(&tenant, "once-clockify")?,
            keeper: "sync once",
            is_own: true,
        })
    }

    /// The tokens `google` and `clockify` of the default tenant, which people may have made before.
    pub fn of_server(app: &App) -> Result<Self> {
        let tenant = ResourceId::default_tenant();
        Ok(Self {
            app: app.clone(),
            google: token(&tenant, "google")?,
            clockify: token(&tenant, "clockify")?,
            keeper: "serve",
            is_own: false,
        })
    }

    /// The Google token.
    pub fn google(&self) -> &TokenName {
        &self.google
    }

    /// The Clockify token.
    pub fn clockify(&self) -> &TokenName {
        &self.clockify
    }

    /// Keeps the Clockify key.
    pub async fn keep_clockify(&self, said: &MeetClockify) -> Result<()> {
        let key = &said.clockify_api_token;
        let from = Source {
            name: "CLOCKIFY_API_TOKEN",
            provider: Provider::Clockify,
            secret: key.expose(),
            given: Given::ApiKey(key.clone()),
        };
        let known = find(&self.app, &self.clockify).await?;
        self.keep(&self.clockify, from, known).await
    }

    /// Keeps the grant of the token file. A file that was taken before is not taken again: the provider may have given a
    /// newer refresh token since, and the file still holds the old one. Without a file, what is there must do:
    /// `TOKEN_MISSING` when nothing is.
    pub async fn keep_google(&self, file: Option<&Secret>) -> Result<()> {
        let known = find(&self.app, &self.google).await?;
        let Some(file) = file else {
            return match known {
                Some(_) => Ok(()),
                None => Err(self.no_google_token()),
            };
        };
        let refresh_token = refresh_token(file.expose());
        // A file without one is judged, and refused with the reason, like a new one.
        let known = known.filter(|_| refresh_token.is_some());
        let from = Source {
            name: "token.json",
            provider: Provider::Google,
            secret: refresh_token.as_deref().unwrap_or_default(),
            given: Given::TokenJson(file.clone()),
        };
        self.keep(&self.google, from, known).await
    }

    /// What to do where there is no Google token.
    pub fn no_google_token(&self) -> Error {
        let id = &self.google.id;
        let id = match id.as_str() {
            "google" => String::new(),
            id => format!(" --id {id}"),
        };
        Error::precondition(
            "TOKEN_MISSING",
            format!(
                "there is no Google token yet: give the file with --token, or consent with `syncline token login google{id}`"
            ),
        )
    }

    /// Makes sure that the grant is of the account that was named, where one was. Grants of the original's consent page do
    /// not tell their mail address; refusing them would stop what ran before, so it is said that nothing was compared:
    /// that is what is returned.
    pub async fn check_owner(&self, said: &MeetClockify) -> Result<Option<String>> {
        let Some(wanted) = &said.google_user_email else {
            return Ok(None);
        };
        let mut token = tokens::get(&self.app, &self.google).await?;
        // Known, but without a mail address: the provider was asked, and does not say.
        if token.account_id.is_none() {
            token = tokens::check(&self.app, &self.google).await?.token;
        }
        let Some(label) = &token.account_label else {
            let id = &self.google.id;
            let why = match token.account_id {
                None => "it could not be found out whose Google token it is".to_owned(),
                Some(_) => format!(
                    "the Google token may not tell its mail address (scope email). To have it compared, consent again with \
                     `syncline token login google --id {id}`"
                ),
            };
            return Ok(Some(format!("GOOGLE_USER_EMAIL was not compared: {why}")));
        };
        match label.eq_ignore_ascii_case(wanted.expose()) {
            true => Ok(None),
            false => Err(Error::precondition(
                "ACCOUNT_MISMATCH",
                "the Google token belongs to another account than GOOGLE_USER_EMAIL: consent with that one, or change the variable",
            )),
        }
    }

    /// Keeps a credential, unless what is known was made from this very one, or by somebody else.
    async fn keep(
        &self,
        name: &TokenName,
        from: Source<'_>,
        mut known: Option<Token>,
    ) -> Result<()> {
        let whose = format!("{} of {}, sha256 ", from.name, self.keeper);
        let called = format!("{whose}{}", fingerprint(from.secret));
        if known.is_none() {
            let create = Create {
                parent: format!("tenants/{}", name.tenant),
                token_id: name.id.to_string(),
                provider: Some(from.provider),
                display_name: called.clone(),
                given: Some(from.given.clone()),
                ..Create::default()
            };
            match tokens::create(&self.app, create).await {
                Ok(_) => return Ok(()),
                // Another process was quicker. Its token may have been refreshed since, so it must not get the file's
                // again.
                Err(Error::Exists { .. }) => known = find(&self.app, name).await?,
                Err(error) => return Err(error),
            }
        }
        let may_replace =
            |known: &Token| self.is_own || known.display_name.starts_with(whose.as_str());
        if !known.is_some_and(|known| may_replace(&known) && known.display_name != called) {
            return Ok(());
        }
        let update = Update {
            name: name.to_string(),
            mask: vec!["display_name".to_owned(), "credential".to_owned()],
            display_name: called,
            given: Some(from.given),
            ..Update::default()
        };
        tokens::update(&self.app, update).await?;
        Ok(())
    }
}

/// A credential, and where it comes from.
struct Source<'a> {
    name: &'static str,
    provider: Provider,
    secret: &'a str,
    given: Given,
}

fn token(tenant: &TenantId, id: &str) -> Result<TokenName> {
    Ok(TokenName::new(tenant.clone(), ResourceId::parse("id", id)?))
}

async fn find(app: &App, name: &TokenName) -> Result<Option<Token>> {
    match tokens::get(app, name).await {
        Ok(token) => Ok(Some(token)),
        Err(Error::NotFound { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The refresh token of a token file, if it has one.
pub fn refresh_token(text: &str) -> Option<String> {
    let file: serde_json::Value = serde_json::from_str(text).ok()?;
    file["refresh_token"]
        .as_str()
        .filter(|token| !token.is_empty())
        .map(str::to_owned)
}

/// Tells secrets apart without holding them.
pub(super) fn fingerprint(secret: &str) -> String {
    const BYTES: usize = 8;
    let hex = sha256(secret)
        .into_iter()
        .take(BYTES)
        .map(|byte| format!("{byte:02x}"));
    hex.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fingerprint_tells_secrets_apart_and_does_not_hold_them() {
        let fingerprint = |secret| super::fingerprint(secret);
        assert_eq!(fingerprint("composed"), fingerprint("composed"));
        assert_ne!(fingerprint("composed"), fingerprint("composed2"));
        assert!(!fingerprint("composed").contains("composed"));
    }

    #[test]
    fn a_file_without_a_refresh_token_has_none() {
        let of = |text: &str| refresh_token(text);
        assert_eq!(
            of(r#"{"refresh_token": "1//0x"}"#).as_deref(),
            Some("1//0x")
        );
        for without in ["", "{}", r#"{"refresh_token": ""}"#, "[1]"] {
            assert_eq!(of(without), None, "{without}");
        }
    }
}
