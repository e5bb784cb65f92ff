//! The cheap calls: `GET /`, `GET /_license`, `GET /_cluster/health`, and the form of an error.

use serde_json::json;

/// The version that is claimed unless configured otherwise.
pub const DEFAULT_VERSION: &str = "8.17.0";

/// What `GET /` says about the server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Cluster {
    /// Name of the node.
    pub name: String,
    /// Name of the cluster.
    pub cluster_name: String,
    /// An id that stays the same over restarts; Logstash keeps it.
    pub cluster_uuid: String,
    /// The Elasticsearch version to claim: Beats refuse servers older than themselves.
    pub version: String,
}

/// `GET /`. `HEAD /` has the same headers and no body.
#[must_use]
pub fn info(cluster: &Cluster) -> String {
    json!({
        "name": cluster.name,
        "cluster_name": cluster.cluster_name,
        "cluster_uuid": cluster.cluster_uuid,
        "version": {
            "number": cluster.version,
            "build_flavor": "default",
            "build_type": "tar",
            "build_hash": "0000000000000000000000000000000000000000",
            "build_date": "2024-12-11T12:08:05.663969764Z",
            "build_snapshot": false,
            "lucene_version": "9.12.0",
            "minimum_wire_compatibility_version": "7.17.0",
            "minimum_index_compatibility_version": "7.0.0"
        },
        "tagline": "You Know, for Search"
    })
    .to_string()
}

/// `GET /_license`: Beats and Logstash ask for an active one before they send.
#[must_use]
pub fn license(cluster: &Cluster) -> String {
    json!({
        "license": {
            "status": "active",
            "uid": cluster.cluster_uuid,
            "type": "basic",
            "issue_date": "1970-01-01T00:00:00.000Z",
            "issue_date_in_millis": 0,
            "max_nodes": 1000,
            "issued_to": cluster.cluster_name,
            "issuer": "auditng",
            "start_date_in_millis": -1
        }
    })
    .to_string()
}

/// `GET /_cluster/health`. `healthy`: everything can be read and written; else yellow, since red makes clients stop.
#[must_use]
pub fn health(cluster: &Cluster, healthy: bool) -> String {
    json!({
        "cluster_name": cluster.cluster_name,
        "status": if healthy { "green" } else { "yellow" },
        "timed_out": false,
        "number_of_nodes": 1,
        "number_of_data_nodes": 1,
        "active_primary_shards": 1,
        "active_shards": 1,
        "relocating_shards": 0,
        "initializing_shards": 0,
        "unassigned_shards": 0,
        "delayed_unassigned_shards": 0,
        "number_of_pending_tasks": 0,
        "number_of_in_flight_fetch": 0,
        "task_max_waiting_in_queue_millis": 0,
        "active_shards_percent_as_number": 100.0
    })
    .to_string()
}

/// An error of a whole request, `kind` in Elasticsearch's words (`parsing_exception`, `security_exception`).
#[must_use]
pub fn error(status: u16, kind: &str, reason: &str) -> String {
    json!({
        "error": {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason},
        "status": status
    })
    .to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cluster() -> Cluster {
        Cluster {
            name: "n".to_owned(),
            cluster_name: "c".to_owned(),
            cluster_uuid: "u".to_owned(),
            version: DEFAULT_VERSION.to_owned(),
        }
    }

    #[test]
    fn shippers_find_what_they_look_for() {
        let at = |text: String, pointer: &str| {
            let json: serde_json::Value = serde_json::from_str(&text).unwrap();
            json.pointer(pointer).unwrap().clone()
        };
        assert_eq!(at(info(&cluster()), "/version/number"), "8.17.0");
        assert_eq!(at(info(&cluster()), "/version/build_flavor"), "default");
        assert_eq!(at(info(&cluster()), "/tagline"), "You Know, for Search");
        assert_eq!(at(license(&cluster()), "/license/status"), "active");
        assert_eq!(at(health(&cluster(), true), "/status"), "green");
        assert_eq!(at(health(&cluster(), false), "/status"), "yellow");
        assert_eq!(at(error(400, "parsing_exception", "no"), "/error/root_cause/0/reason"), "no");
    }
}
