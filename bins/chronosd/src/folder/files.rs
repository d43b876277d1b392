//! Job files: JSON or YAML, one or many jobs each.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use serde_json::Value;
use thiserror::Error;

/// The largest file that is read: far above any list of jobs written by hand, and of 10,000 jobs.
const FILE_LEN_MAX: u64 = 16 * 1024 * 1024;

/// How deep folders are searched; a link that leads back ends here.
const DEPTH_MAX: usize = 8;

/// A file, by its path under the folder, with the documents in it.
#[derive(Debug)]
pub(crate) struct JobFile {
    pub(crate) path: String,
    pub(crate) jobs: Result<Vec<Value>, FileProblem>,
}

/// Why a file cannot be used.
#[derive(Debug, Error)]
pub(crate) enum FileProblem {
    #[error("cannot be read: {0}")]
    Io(#[from] io::Error),
    #[error("has {len} bytes, more than {FILE_LEN_MAX}")]
    TooLarge { len: u64 },
    #[error("is no valid JSON: {0}")]
    Json(#[from] serde_json::Error),
    #[error("is no valid YAML: {0}")]
    Yaml(String),
    #[error("holds {found}; expected jobs as objects, or lists of them")]
    NoJob { found: &'static str },
}

/// Reads all job files under a folder, by name. Hidden files and those with other endings are none.
pub(crate) fn read_folder(folder: &Path) -> io::Result<Vec<JobFile>> {
    let mut paths = Vec::new();
    find(folder, DEPTH_MAX, &mut paths)?;
    paths.sort();
    Ok(paths
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(folder)
                .unwrap_or(&path)
                .to_string_lossy()
                .into_owned();
            JobFile {
                path: name,
                jobs: read_file(&path),
            }
        })
        .collect())
}

fn find(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let path = entry.path();
        if entry.file_name().to_string_lossy().starts_with('.') {
            continue;
        }
        if path.is_dir() {
            if depth > 0 {
                find(&path, depth - 1, found)?;
            }
        } else if format_of(&path).is_some() {
            found.push(path);
        }
    }
    Ok(())
}

#[derive(Clone, Copy)]
enum Format {
    Json,
    Yaml,
}

fn format_of(path: &Path) -> Option<Format> {
    match path.extension()?.to_str()? {
        "json" => Some(Format::Json),
        "yaml" | "yml" => Some(Format::Yaml),
        _ => None,
    }
}

fn read_file(path: &Path) -> Result<Vec<Value>, FileProblem> {
    let len = fs::metadata(path)?.len();
    if len > FILE_LEN_MAX {
        return Err(FileProblem::TooLarge { len });
    }
    let text = fs::read_to_string(path)?;
    let documents = match format_of(path) {
        Some(Format::Yaml) => read_yaml(&text)?,
        Some(Format::Json) | None => vec![serde_json::from_str(&text)?],
    };
    let mut jobs = Vec::new();
    for document in documents {
        flatten(document, &mut jobs)?;
    }
    Ok(jobs)
}

// Only what is surely meant as a number or a boolean is one: a job may be called `y`, and the value of a
// variable may be `0755`.
fn read_yaml(text: &str) -> Result<Vec<Value>, FileProblem> {
    let options = serde_saphyr::options! {
        strict_booleans: true,
        leading_zero_numbers_as_strings: true,
        underscored_numbers_as_strings: true,
    };
    serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| FileProblem::Yaml(error.to_string()))
}

fn flatten(document: Value, jobs: &mut Vec<Value>) -> Result<(), FileProblem> {
    let found = match document {
        Value::Object(_) => {
            jobs.push(document);
            return Ok(());
        }
        Value::Array(items) => return items.into_iter().try_for_each(|item| flatten(item, jobs)),
        // An empty YAML document.
        Value::Null => return Ok(()),
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
    };
    Err(FileProblem::NoJob { found })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn names(file: &str, text: &str) -> Result<Vec<String>, String> {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(file), text).unwrap();
        let files = read_folder(folder.path()).unwrap();
        let Some(file) = files.into_iter().next() else {
            return Ok(Vec::new());
        };
        let jobs = file.jobs.map_err(|problem| problem.to_string())?;
        Ok(jobs
            .iter()
            .map(|job| job["name"].as_str().unwrap().to_owned())
            .collect())
    }

    #[test]
    fn reads_one_or_many_jobs_of_either_format() {
        assert_eq!(names("a.json", r#"{"name":"x"}"#), Ok(vec!["x".to_owned()]));
        assert_eq!(
            names("a.json", r#"[{"name":"x"},{"name":"y"}]"#),
            Ok(vec!["x".to_owned(), "y".to_owned()])
        );
        assert_eq!(
            names("a.yaml", "name: x\ncommand: |\n  one\n  two\n"),
            Ok(vec!["x".to_owned()])
        );
        assert_eq!(
            names("a.yml", "name: x\n---\nname: y\n"),
            Ok(vec!["x".to_owned(), "y".to_owned()])
        );
        assert_eq!(
            names("a.yml", "- name: x\n- name: y\n"),
            Ok(vec!["x".to_owned(), "y".to_owned()])
        );
        assert_eq!(names("a.yml", ""), Ok(Vec::new()));
        assert_eq!(names("notes.txt", "hello"), Ok(Vec::new()));
        assert_eq!(names(".a.json", "{"), Ok(Vec::new()));
    }

    #[test]
    fn what_only_looks_like_a_number_or_a_boolean_is_text() {
        for text in ["y", "no", "on", "007", "0755", "1_000", "1:30"] {
            assert_eq!(
                names("a.yaml", &format!("name: {text}\n")),
                Ok(vec![text.to_owned()])
            );
        }
        let values = read_yaml("[1, 0, 2.5, true]").unwrap();
        assert_eq!(values, [serde_json::json!([1, 0, 2.5, true])]);
    }

    #[test]
    fn says_what_is_wrong_with_a_file() {
        assert!(
            names("a.json", "{")
                .unwrap_err()
                .contains("is no valid JSON")
        );
        assert!(
            names("a.yaml", "a: [")
                .unwrap_err()
                .contains("is no valid YAML")
        );
        assert!(
            names("a.json", "[1]")
                .unwrap_err()
                .contains("holds a number")
        );
        assert!(
            names("a.yaml", "just words")
                .unwrap_err()
                .contains("holds a text")
        );
    }
}
