//! Flat text without a group, as PushGatewayRedis takes it.

use std::sync::Arc;

use hyper::{Method, StatusCode};
use push_groups::{GroupKey, Metric, Mode, read_flat};

use crate::answer::{Answer, empty, refused};
use crate::own::Rejected;
use crate::pushes::{Failure, push_families, said_by};
use crate::split::split_by;
use crate::surface::{Asked, Surface};
use crate::wishes::Wishes;

/// `POST` of series: each takes the place of itself, and all of them live on for a while.
///
/// They are of the group of their `job` and `instance`; of the
/// [default job](crate::SurfaceOptions::default_job) where they have none.
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
    let options = |why: String| Failure::new(StatusCode::BAD_REQUEST, why, Rejected::Options);
    let parts = &asked.parts;
    let mut wishes = Wishes::of(&parts.method, parts.uri.query(), &parts.headers).map_err(options)?;
    wishes.mode = Mode::Update;
    wishes.lives = Some(wishes.lives.unwrap_or(surface.options.ingest_lives));
    let said = said_by(surface, parts, asked.body.clone(), |_, body, limits| read_flat(body, limits))?;
    let default_job = &*surface.options.default_job;
    let key_of = |metric: &Metric| {
        let own = |wanted: &str| {
            let label = metric.labels.iter().find(|(name, value)| **name == *wanted && !value.is_empty());
            label.map(|(_, value)| &**value)
        };
        let instance = own("instance").map(|instance| ("instance", instance));
        let labels = [("job", own("job").unwrap_or(default_job))].into_iter().chain(instance);
        GroupKey::new(labels).map_err(|error| error.to_string())
    };
    for (key, families) in split_by(said.families, key_of).map_err(options)? {
        push_families(surface, key, families, &wishes).await?;
    }
    Ok(empty(StatusCode::OK))
}
