//! The page, as it is asked for.

use std::sync::Arc;

use bytes::Bytes;
use exposition::{Coding, negotiate_coding};
use hyper::StatusCode;
use hyper::header::{
    ACCEPT, ACCEPT_ENCODING, AGE, CONTENT_ENCODING, HeaderMap, HeaderName, HeaderValue, VARY,
};
use push_groups::{Page, Piece, StoreError};

use crate::accept::page_format;
use crate::answer::{Answer, refused, typed};
use crate::own::Condition;
use crate::packed::pack;
use crate::surface::{Asked, Surface};

/// The page of all groups, with the gateway's own metrics unless those have a place of their own.
pub(crate) async fn page(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    answer(surface, asked, |surface, format| {
        let inline = surface.options.routes.own.is_none();
        let printed = surface.gateway.page_with(format, |shown| {
            let condition = Condition {
                groups: shown.groups,
                hidden: shown.hidden,
                stale: shown.stale,
                ..surface.condition()
            };
            if inline { surface.own.families(&condition) } else { Vec::new() }
        })?;
        Ok((printed.pieces, printed.stale.map(|age| age.as_secs())))
    })
    .await
}

/// The gateway's own metrics alone; also while a store does not answer.
pub(crate) async fn own(surface: &Arc<Surface>, asked: &Asked) -> Answer {
    answer(surface, asked, |surface, format| {
        let mut own = Vec::new();
        let printed = surface.gateway.page_with(format, |shown| {
            let condition = Condition {
                groups: shown.groups,
                hidden: shown.hidden,
                stale: shown.stale,
                ..surface.condition()
            };
            own = surface.own.families(&condition);
            Vec::new()
        });
        if printed.is_err() {
            let stale = Some(surface.started.elapsed().unwrap_or_default());
            own = surface.own.families(&Condition { stale, ..surface.condition() });
        }
        Ok((Page::new(format).print(&own), None))
    })
    .await
}

/// Pieces of a page, and how many seconds old it is where a store does not answer.
type Printed = Result<(Vec<Piece>, Option<u64>), StoreError>;

async fn answer(
    surface: &Arc<Surface>,
    asked: &Asked,
    print: impl FnOnce(&Surface, push_groups::PageFormat) -> Printed + Send + 'static,
) -> Answer {
    let headers = &asked.parts.headers;
    let (format, content_type) =
        page_format(all(headers, &ACCEPT).as_deref(), surface.options.prefer_openmetrics);
    let coding = negotiate_coding(all(headers, &ACCEPT_ENCODING).as_deref());
    let surface = surface.clone();
    let printed = tokio::task::spawn_blocking(move || {
        let (pieces, age) = print(&surface, format)?;
        let bytes = match coding {
            Coding::Gzip => pack(&pieces),
            _ => pieces.into_iter().map(|piece| piece.bytes).collect(),
        };
        Ok::<(Vec<Bytes>, Option<u64>), StoreError>((bytes, age))
    });
    let (bytes, age) = match printed.await {
        Ok(Ok(printed)) => printed,
        Ok(Err(error)) => {
            let why = format!("An error has occurred while serving metrics:\n\n{error}");
            return refused(StatusCode::SERVICE_UNAVAILABLE, &why);
        }
        Err(_) => {
            let why = "An error has occurred while serving metrics:\n\nprinting them panicked";
            return refused(StatusCode::INTERNAL_SERVER_ERROR, why);
        }
    };
    let mut answer = typed(StatusCode::OK, HeaderValue::from_static(content_type), bytes);
    let headers = answer.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if coding == Coding::Gzip {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    if let Some(age) = age {
        headers.insert(AGE, HeaderValue::from(age));
    }
    answer
}

/// A header that may stand there several times, as one.
fn all(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    let values: Vec<&str> = values.collect();
    (!values.is_empty()).then(|| values.join(","))
}
