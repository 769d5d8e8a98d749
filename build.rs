//! Embeds the data folders in the binary, so that a new region set or scenario is a new file and no
//! code: every file of a folder becomes a `(path, text)` pair of a generated, sorted list.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::{env, fs, io};

/// Folder, extension, and the name of the list. Embedding another folder is one line here.
const FOLDERS: &[(&str, &str, &str)] = &[
    ("regions", "csv", "REGIONS"),
    ("scenarios", "toml", "SCENARIOS"),
    ("systems", "toml", "SYSTEMS"),
];

fn main() -> io::Result<()> {
    let root = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let mut code = String::new();
    for (folder, extension, list) in FOLDERS {
        println!("cargo::rerun-if-changed={folder}");
        let mut paths = Vec::new();
        collect(&root, Path::new(folder), extension, &mut paths)?;
        paths.sort();
        let _ = writeln!(code, "/// Every `{folder}/**/*.{extension}`: its path and its text.");
        let _ = writeln!(code, "pub(crate) const {list}: &[(&str, &str)] = &[");
        for path in paths {
            let include = "include_str!(concat!(env!(\"CARGO_MANIFEST_DIR\"), ";
            let _ = writeln!(code, "    ({path:?}, {include}{:?}))),", format!("/{path}"));
        }
        let _ = writeln!(code, "];");
    }
    fs::write(PathBuf::from(variable("OUT_DIR")?).join("embedded.rs"), code)
}

/// Paths relative to `root`, with `/` on every platform, because they become scenario names.
fn collect(root: &Path, folder: &Path, extension: &str, into: &mut Vec<String>) -> io::Result<()> {
    for entry in fs::read_dir(root.join(folder))? {
        let entry = entry?;
        let path = folder.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            collect(root, &path, extension, into)?;
        } else if path.extension().is_some_and(|e| e == extension) {
            into.push(path.to_string_lossy().replace('\\', "/"));
        }
    }
    Ok(())
}

fn variable(name: &str) -> io::Result<String> {
    env::var(name).map_err(io::Error::other)
}
