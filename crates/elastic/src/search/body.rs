//! The whole body of a search.

use schema::search::{MAX_WINDOW, Search};

use super::json::Json;
use super::reader::{At, Context, Object, Read};
use super::{aggregation, query, sort};

/// Which parts of the document a hit shows.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub enum Source {
    /// The whole document.
    #[default]
    All,
    /// Nothing of it.
    None,
    /// Only some fields; names may have `*`.
    Some {
        /// These, or all if empty ...
        includes: Vec<String>,
        /// ... but not these.
        excludes: Vec<String>,
    },
}

/// A search body that was read.
#[derive(Clone, PartialEq, Debug)]
pub struct Body {
    /// What to search.
    pub search: Search,
    /// Which parts of the documents to show.
    pub source: Source,
    /// What was accepted without effect.
    pub notes: Vec<String>,
}

pub(super) fn body(at: &At<'_>, context: &Context<'_>) -> Read<(Search, Source)> {
    let mut object = at.object("search")?;
    let mut search = Search { size: 10, ..Search::default() };
    if let Some(at) = object.take("query") {
        search.query = query::query(&at, context, 1)?;
    }
    match (object.take("aggs"), object.take("aggregations")) {
        (Some(_), Some(at)) => return Err(at.parsing("[aggs] and [aggregations] are the same, give one of them")),
        (Some(at), None) | (None, Some(at)) => search.aggregations = aggregation::aggregations(&at, context, 1)?,
        (None, None) => {}
    }
    if let Some(at) = object.take("sort") {
        search.sort = sort::sort(&at, context)?;
    }
    window(&mut object, &mut search)?;
    if let Some(at) = object.take("search_after") {
        search.search_after = Some(sort::search_after(&at, &search.sort)?);
    }
    if let Some(at) = object.take("track_total_hits") {
        search.track_total = match at.json {
            Json::Bool(true) => u64::MAX,
            Json::Bool(false) => 0,
            _ => u64::try_from(at.whole(0..=i64::MAX)?).unwrap_or(0),
        };
    }
    let source = object.take("_source").map(|at| source(&at)).transpose()?.unwrap_or_default();
    object.end()?;
    Ok((search, source))
}

fn window(object: &mut Object<'_>, search: &mut Search) -> Read<()> {
    let bounds = 0..=i64::try_from(MAX_WINDOW).unwrap_or(i64::MAX);
    if let Some(at) = object.take("size") {
        search.size = at.size(bounds.clone())?;
    }
    if let Some(at) = object.take("from") {
        search.skip = at.size(bounds)?;
        if search.skip + search.size > MAX_WINDOW {
            let reason = format!("[from] + [size] is more than {MAX_WINDOW}: page with [search_after]");
            return Err(at.illegal(reason));
        }
    }
    Ok(())
}

fn source(at: &At<'_>) -> Read<Source> {
    let names = |at: &At<'_>| at.one_or_many()?.iter().map(|at| Ok(at.text()?.to_owned())).collect::<Read<Vec<_>>>();
    match at.json {
        Json::Bool(true) => Ok(Source::All),
        Json::Bool(false) => Ok(Source::None),
        Json::Object(_) => {
            let mut object = at.object("_source")?;
            let mut list = |name: &str| object.take(name).map(|at| names(&at)).transpose();
            let (includes, excludes) = (list("includes")?.unwrap_or_default(), list("excludes")?.unwrap_or_default());
            object.end()?;
            Ok(Source::Some { includes, excludes })
        }
        _ => Ok(Source::Some { includes: names(at)?, excludes: Vec::new() }),
    }
}
