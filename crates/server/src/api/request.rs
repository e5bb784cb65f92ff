//! From parameters to a checked [`Search`], the same way for search, export, tail and values.

use elastic::search::BadSearch;
use schema::search::date_math::{Fill, Reader, Zone};
use schema::search::{Options, Query, Search, query_string};
use schema::{Stream, Timestamp};
use serde::Deserialize;

use super::error::{ApiError, Code};

/// `from` and `to`: date math or RFC 3339 as text, epoch milliseconds as number.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum When {
    Millis(i64),
    Text(String),
}

/// Which events somebody means.
#[derive(Clone, Debug, Default)]
pub(super) struct Scope<'a> {
    pub(super) query: Option<&'a str>,
    pub(super) dsl: Option<&'a str>,
    pub(super) from: Option<When>,
    pub(super) to: Option<When>,
    pub(super) streams: Vec<Stream>,
}

/// A scope that was read.
pub(super) struct Scoped {
    pub(super) search: Search,
    pub(super) notes: Vec<String>,
    /// The query in canonical form, where it has one.
    pub(super) parsed: Option<String>,
}

impl Scope<'_> {
    pub(super) fn read(&self, options: &Options<'_>) -> Result<Scoped, ApiError> {
        let (query, notes) = self.query(options)?;
        let from_time = self.from.as_ref().map(|when| start(when, options)).transpose()?;
        let to_time = self.to.as_ref().map(|when| end(when, options)).transpose()?;
        let parsed = query_string::print(&query);
        let search = Search { streams: self.streams.clone(), query, from_time, to_time, ..Search::default() };
        Ok(Scoped { search, notes, parsed })
    }

    fn query(&self, options: &Options<'_>) -> Result<(Query, Vec<String>), ApiError> {
        match (self.query, self.dsl) {
            (Some(_), Some(_)) => Err(ApiError::bad("send query or dsl, not both")),
            (None, Some(dsl)) => {
                let parsed = elastic::search::query(dsl, options).map_err(refused)?;
                Ok((parsed.query, parsed.notes))
            }
            (text, None) => {
                let parsed = query_string::parse(text.unwrap_or(""), options)
                    .map_err(|problems| ApiError::new(Code::QuerySyntax, problems.to_string()).problems(problems.0))?;
                Ok((parsed.query, parsed.notes))
            }
        }
    }
}

/// A part of a search in Elasticsearch's form that is refused.
pub(super) fn refused(error: BadSearch) -> ApiError {
    ApiError::new(Code::SearchSyntax, error.reason).at(error.path)
}

/// How names and values are read for people, in the zone they ask for.
pub(super) fn options<'a>(now: Timestamp, zone: Option<&str>, known: &'a [String]) -> Result<Options<'a>, ApiError> {
    let time_zone = zone.map_or(Ok(Zone::utc()), Zone::named).map_err(|error| ApiError::bad(error.to_string()))?;
    Ok(Options { time_zone, known, ..Options::page(now) })
}

fn start(when: &When, options: &Options<'_>) -> Result<Timestamp, ApiError> {
    match when {
        When::Millis(ms) => Ok(Timestamp::from_millis(*ms)),
        When::Text(text) => date(options.dates(), text, Fill::Start),
    }
}

/// A number is a bound that does not belong; a text stands for all that it names, its last millisecond included, so
/// `to: "now"` includes what happens this very millisecond.
fn end(when: &When, options: &Options<'_>) -> Result<Timestamp, ApiError> {
    match when {
        When::Millis(ms) => Ok(Timestamp::from_millis(*ms)),
        When::Text(text) => {
            let last = date(options.dates(), text, Fill::End)?;
            Ok(Timestamp::from_millis(last.millis().saturating_add(1)))
        }
    }
}

fn date(reader: Reader<'_>, text: &str, fill: Fill) -> Result<Timestamp, ApiError> {
    reader.read(text, fill).map_err(|error| ApiError::bad(error.to_string()))
}

/// One point in time.
pub(super) fn time(text: &str, now: Timestamp, zone: &Zone) -> Result<Timestamp, ApiError> {
    date(Reader { now, zone }, text, Fill::Start)
}

/// `streams=audit,fim`; empty: all.
pub(super) fn streams(text: Option<&str>) -> Result<Vec<Stream>, ApiError> {
    let names = text.unwrap_or("").split(',').filter(|name| !name.is_empty());
    names
        .map(|name| name.parse().map_err(|error: schema::stream::UnknownStream| ApiError::bad(error.to_string())))
        .collect()
}

/// `from=` and `to=` of a URL, where numbers are texts too.
pub(super) fn when(text: Option<&str>) -> Option<When> {
    let text = text.filter(|text| !text.is_empty())?;
    Some(text.parse().map_or_else(|_| When::Text(text.to_owned()), When::Millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp::from_millis(1_795_507_290_000);

    #[test]
    fn ends_of_time_ranges() {
        let options = options(NOW, Some("Europe/Berlin"), &[]).unwrap();
        let bound = |text: &str| end(&when(Some(text)).unwrap(), &options).unwrap().millis();
        assert_eq!(bound("now"), NOW.millis() + 1);
        assert_eq!(bound("1795507290000"), NOW.millis());
        assert_eq!(bound("2026-11-24"), 1_795_561_200_000);
        assert!(end(&When::Text("yesterday".to_owned()), &options).is_err());
        assert!(super::options(NOW, Some("Mars/Olympus"), &[]).is_err());
    }

    #[test]
    fn stream_names() {
        assert_eq!(streams(Some("audit,fim")).unwrap(), [Stream::Audit, Stream::Fim]);
        assert_eq!(streams(None).unwrap(), []);
        assert!(streams(Some("audits")).is_err());
    }
}
