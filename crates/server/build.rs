//! The page is embedded from `ui/dist`, which npm makes. The folder must exist so that cargo notices when it fills.

fn main() {
    let dist = std::path::Path::new("../../ui/dist");
    if let Err(error) = std::fs::create_dir_all(dist) {
        println!("cargo:warning=cannot create {}: {error}", dist.display());
        return;
    }
    println!("cargo:rerun-if-changed={}", dist.display());
}
