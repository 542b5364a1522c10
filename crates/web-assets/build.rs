//! Builds again when the dashboard was built again (or appeared for the first time).

fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=src/stub.html");
    // A path that is missing counts as changed at each build: watching the parent too would rebuild for every edit of the pages' sources.
    println!("cargo:rerun-if-changed=../../web/dist");
}
