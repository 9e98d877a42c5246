//! Flat text without a group, as PushGatewayRedis takes it.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use push_groups::{GroupKey, Mode};

use crate::answer::{Answer, refused};
use crate::pushes::{Failure, push_families, said};
use crate::surface::{Asked, Surface};
use crate::wishes::Wishes;

/// `POST` of series: each takes the place of itself, and all of them live on for a while.
///
/// They are of one group, of the [default job](crate::SurfaceOptions::default_job).
pub(crate) async fn ingest(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    if asked.parts.method != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, "Method is not supported.");
    }
    let result = take(surface, asked).await.unwrap_or_else(|failed| {
        surface.own.reject(failed.counted);
        refused(failed.status, &failed.why)
    });
    surface.own.count("ingest", &asked.parts.method, result.status());
    result
}

async fn take(surface: &Arc<Surface>, asked: &Asked) -> Result<Answer, Failure> {
    let bad = |why: String| Failure::new(StatusCode::BAD_REQUEST, why, crate::own::Rejected::Options);
    let parts = &asked.parts;
    let mut wishes = Wishes::of(&parts.method, parts.uri.query(), &parts.headers).map_err(bad)?;
    wishes.mode = Mode::Update;
    wishes.lives = Some(wishes.lives.unwrap_or(surface.options.ingest_lives));
    let key =
        GroupKey::new([("job", &*surface.options.default_job)]).map_err(|error| bad(error.to_string()))?;
    let said = said(surface, parts, &key, asked.body.clone())?;
    push_families(surface, key, said.families, &wishes).await.map(|mut answer| {
        *answer.status_mut() = StatusCode::OK;
        answer
    })
}
