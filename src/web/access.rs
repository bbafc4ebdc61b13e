//! Asks everybody who comes in who they are, and whether that is enough for the page.

use crate::{
    base::{Error, Needs},
    web::{Site, login, problem::Problem},
};
use axum::{
    extract::{MatchedPath, Request, State},
    middleware::Next,
    response::Response,
};
use http::Extensions;

/// What a group of pages asks of its visitors.
#[derive(Clone, Debug)]
pub struct Admission {
    /// What all pages share.
    pub site: Site,
    /// What these ask.
    pub needs: Needs,
}

/// Lets good callers through; their [`crate::base::Caller`] goes along as an extension, and what the page does is within
/// their reach.
pub async fn guard(
    State(admission): State<Admission>,
    mut request: Request,
    next: Next,
) -> Result<Response, Problem> {
    let cookie = admission.site.cookies.session(request.headers());
    let (headers, extensions) = (request.headers(), request.extensions());
    let page = page(extensions);
    let admitted = admission
        .site
        .guard
        .admit(headers, cookie, extensions, admission.needs, page);
    let (caller, reach) = match admitted.await {
        Ok(admitted) => admitted,
        // Limited is a browser whose session ended long ago: it is asked to log in like any other.
        Err(Error::Unauthenticated { .. } | Error::Limited { .. })
            if admission.site.asks_people(&request) =>
        {
            return Ok(login::first(request.uri()));
        }
        Err(error) => return Err(error.into()),
    };
    request.extensions_mut().insert(caller);
    Ok(reach.contain(next.run(request)).await)
}

/// Refuses requests from where nothing is taken, before pages that ask nobody who they are.
pub async fn from_where(
    State(site): State<Site>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    site.guard.admit_address(request.extensions()).await?;
    Ok(next.run(request).await)
}

/// Which of our pages is asked for; there are few, whatever is made up.
pub fn page(extensions: &Extensions) -> &str {
    let matched = extensions.get::<MatchedPath>();
    matched.map_or("/-", |path| path.as_str())
}
