//! Lists the built UI (`web/dist`) as files to embed; without it, a page that says so.

use std::collections::hash_map::DefaultHasher;
use std::fmt::Write as _;
use std::hash::{Hash as _, Hasher as _};
use std::path::{Path, PathBuf};
use std::{env, fs, io};

const NOT_BUILT: &str = "<!doctype html><html lang=\"en\"><meta charset=\"utf-8\"><title>VALET</title>\
<h1>The UI was not built</h1><p>Run <code>make up</code>, or build <code>gateway/web</code> and then the gateway \
again. The API is at <a href=\"/docs\">/docs</a>.</p></html>\n";

fn main() -> io::Result<()> {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let out = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default());
    let dist = root.join("web/dist");
    // Cargo runs this anew for ever while a watched folder does not exist.
    fs::create_dir_all(&dist)?;
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rerun-if-changed=web/dist");
    // Clones that share a target directory share what is built there: another clone's folder is another UI.
    println!("cargo:rerun-if-changed={}", dist.display());
    println!("cargo:rerun-if-env-changed=CARGO_MANIFEST_DIR");

    let mut files = Vec::new();
    if dist.join("index.html").is_file() {
        collect(&dist, &dist, &mut files)?;
    } else {
        let page = out.join("not-built.html");
        fs::write(&page, NOT_BUILT)?;
        files.push(("index.html".to_owned(), page));
    }
    files.sort();

    let copies = out.join("ui");
    if copies.exists() {
        fs::remove_dir_all(&copies)?;
    }
    fs::create_dir_all(&copies)?;
    let mut list = String::from("pub static FILES: &[Embedded] = &[\n");
    for (name, path) in files {
        let mut hash = DefaultHasher::new();
        let bytes = fs::read(&path)?;
        bytes.hash(&mut hash);
        let tag = format!("\"{:016x}\"", hash.finish());
        // A copy of its own, so that nothing compiled names this clone's path.
        let copy = copies.join(name.replace('/', "-"));
        fs::write(&copy, bytes)?;
        let path = copy.to_string_lossy().into_owned();
        let _ = writeln!(list, "    Embedded {{ name: {name:?}, etag: {tag:?}, bytes: include_bytes!({path:?}) }},");
    }
    list.push_str("];\n");
    fs::write(out.join("ui_files.rs"), list)
}

fn collect(root: &Path, folder: &Path, files: &mut Vec<(String, PathBuf)>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            collect(root, &path, files)?;
        } else if let Ok(name) = path.strip_prefix(root) {
            files.push((name.to_string_lossy().replace('\\', "/"), path));
        }
    }
    Ok(())
}
