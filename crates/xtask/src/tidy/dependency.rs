//! Which crate may use which: the one direction of the house, read from the Cargo.toml files.

/// Our crates, and which of ours each may use.
const MAY_USE: [(&str, &[&str]); 15] = [
    ("model", &[]),
    ("metric", &["model"]),
    ("reply", &["model"]),
    ("parse", &["model"]),
    ("assemble", &["model", "reply", "parse"]),
    ("ingest", &["model"]),
    ("store", &["model", "metric"]),
    ("analytics", &["model", "metric", "store"]),
    ("probe", &["model"]),
    ("render", &["model", "metric", "reply", "analytics"]),
    ("alert", &["model", "metric", "reply", "analytics", "render"]),
    ("simulate", &["model"]),
    ("web-assets", &[]),
    (
        "server",
        &[
            "model",
            "metric",
            "reply",
            "parse",
            "assemble",
            "ingest",
            "store",
            "analytics",
            "probe",
            "render",
            "alert",
            "simulate",
            "web-assets",
        ],
    ),
    ("xtask", &["model", "reply", "simulate"]),
];

/// Other people's crates that have one home (or a few), and nowhere else.
const HOMES: [(&str, &[&str]); 16] = [
    ("tokio", &["ingest", "probe", "alert", "server"]),
    ("axum", &["server"]),
    ("clap", &["server"]),
    ("cron", &["server"]),
    ("polars", &["analytics"]),
    ("parquet", &["store"]),
    ("rusqlite", &["store"]),
    ("nom", &["parse", "reply"]),
    ("notify", &["ingest"]),
    ("flate2", &["ingest"]),
    ("hickory-resolver", &["probe"]),
    ("reqwest", &["probe", "alert"]),
    ("lettre", &["alert"]),
    ("plotters", &["render"]),
    ("minijinja", &["render"]),
    ("rust-embed", &["web-assets"]),
];

/// What a Cargo.toml of a crate of ours uses that it must not. Dependencies of tests are free.
pub(crate) fn problems(place: &str, text: &str) -> Vec<String> {
    let Some(name) = package_name(text).and_then(|name| name.strip_prefix("mailvane-")) else {
        return Vec::new();
    };
    let Some((_, allowed)) = MAY_USE.iter().find(|(known, _)| *known == name) else {
        // A workspace of its own (the fuzz targets) is no part of the house.
        return if text.contains("[workspace]") {
            Vec::new()
        } else {
            vec![format!("{place}: {name} has no place in the house yet: add it to the table in tidy")]
        };
    };
    let mut problems = Vec::new();
    for dependency in dependencies(text) {
        if let Some(ours) = dependency.strip_prefix("mailvane-") {
            if !allowed.contains(&ours) {
                problems.push(format!("{place}: {name} may not use {ours}: dependencies point one way"));
            }
        } else if let Some((_, homes)) = HOMES.iter().find(|(crate_name, _)| *crate_name == dependency)
            && !homes.contains(&name)
        {
            problems.push(format!("{place}: {dependency} belongs to {}", homes.join(", ")));
        }
    }
    problems
}

fn package_name(text: &str) -> Option<&str> {
    text.lines().find_map(|line| line.strip_prefix("name = \"")).map(|rest| rest.trim_end_matches('"'))
}

/// The names below `[dependencies]`.
fn dependencies(text: &str) -> impl Iterator<Item = &str> {
    let mut inside = false;
    text.lines().filter_map(move |line| {
        let line = line.trim();
        if line.starts_with('[') {
            inside = line == "[dependencies]";
            return None;
        }
        let name = line.split(['.', ' ', '=']).next().unwrap_or_default();
        (inside && !name.is_empty() && !name.starts_with('#')).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn toml(name: &str, dependencies: &str) -> String {
        format!(
            "[package]\nname = \"mailvane-{name}\"\n\n[dependencies]\n{dependencies}\n\n[dev-dependencies]\nmailvane-server.workspace = true\n"
        )
    }

    #[test]
    fn dependencies_point_one_way() {
        assert!(problems("p", &toml("assemble", "mailvane-parse.workspace = true\nahash.workspace = true")).is_empty());
        assert_eq!(problems("p", &toml("parse", "mailvane-assemble.workspace = true")).len(), 1);
        assert_eq!(problems("p", &toml("metric", "polars = { workspace = true }")).len(), 1);
        assert_eq!(problems("p", &toml("newcomer", "")).len(), 1);
    }
}
