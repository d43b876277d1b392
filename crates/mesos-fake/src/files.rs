//! The HTTP of an agent: the files of sandboxes.

use std::{
    convert::Infallible,
    fs::File,
    io::{self, Read as _, Seek as _, SeekFrom},
    os::unix::fs::MetadataExt as _,
    path::{Component, Path, PathBuf},
};

use http::{Request, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use mesos_v1::{
    json::{self, Kind, Unknown},
    proto::{
        FileInfo, TimeInfo,
        agent::{Call, Response, call, response},
    },
};
use prost::Message as _;
use serde_json::json;

use crate::{
    front::{Answer, not_found, plain, typed},
    world::Shared,
};

/// One answer holds at most sixteen pages.
const READ_LEN_MAX: u64 = 16 * 4_096;

/// Answers one request to an agent.
pub(crate) async fn answer(
    shared: Shared,
    agent: String,
    request: Request<Incoming>,
) -> Result<Answer, Infallible> {
    let root = shared.with(|world| world.processes.agent_dir(&agent));
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    Ok(match path.as_str() {
        "/files/browse" => browse(&root, &query),
        "/files/read" => read(&root, &query),
        "/files/download" => download(&root, &query),
        "/api/v1" => api(&root, request).await,
        "/health" => plain(StatusCode::OK, ""),
        _ => not_found(),
    })
}

fn parameter(query: &str, name: &str) -> Option<String> {
    query.split('&').find_map(|pair| {
        let (key, value) = pair.split_once('=')?;
        let value = value.replace('+', " ");
        (key == name).then(|| {
            percent_encoding::percent_decode_str(&value)
                .decode_utf8_lossy()
                .into_owned()
        })
    })
}

// The virtual form begins with `/frameworks`, the real one is a path of this machine; none leads out of the agent.
fn resolve(root: &Path, path: &str) -> Option<PathBuf> {
    let path = Path::new(path);
    let whole = if path.starts_with(root) {
        path.to_owned()
    } else {
        root.join(path.strip_prefix("/").unwrap_or(path))
    };
    let climbs = whole
        .components()
        .any(|component| matches!(component, Component::ParentDir));
    (!climbs).then_some(whole)
}

fn found(root: &Path, query: &str) -> Result<PathBuf, Box<Answer>> {
    let bad = |text| Box::new(plain(StatusCode::BAD_REQUEST, text));
    let path = parameter(query, "path").ok_or_else(|| bad("Expecting 'path=value' in query.\n"))?;
    let whole = resolve(root, &path).ok_or_else(|| bad("Path is not allowed"))?;
    if whole.exists() {
        Ok(whole)
    } else {
        Err(Box::new(not_found()))
    }
}

fn browse(root: &Path, query: &str) -> Answer {
    let folder = match found(root, query) {
        Ok(folder) => folder,
        Err(refused) => return *refused,
    };
    let Ok(files) = list(&folder, &parameter(query, "path").unwrap_or_default()) else {
        return not_found();
    };
    let files: Vec<_> = files
        .iter()
        .map(|file| {
            json!({
                "path": file.path,
                "nlink": file.nlink(),
                "size": file.size(),
                "mtime": file.mtime.map_or(0, |time| time.nanoseconds / 1_000_000_000),
                "mode": mode_text(file.mode()),
                "uid": file.uid(),
                "gid": file.gid(),
            })
        })
        .collect();
    typed("application/json", json!(files).to_string())
}

fn list(folder: &Path, shown: &str) -> io::Result<Vec<FileInfo>> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let metadata = entry.metadata()?;
        let name = entry.file_name().to_string_lossy().into_owned();
        files.push(FileInfo {
            path: format!("{}/{name}", shown.trim_end_matches('/')),
            nlink: i32::try_from(metadata.nlink()).ok(),
            size: Some(metadata.size()),
            mtime: Some(TimeInfo {
                nanoseconds: metadata.mtime() * 1_000_000_000 + metadata.mtime_nsec(),
            }),
            mode: Some(metadata.mode()),
            uid: Some(metadata.uid().to_string()),
            gid: Some(metadata.gid().to_string()),
        });
    }
    files.sort_by(|one, other| one.path.cmp(&other.path));
    Ok(files)
}

fn mode_text(mode: u32) -> String {
    let kind = if mode & 0o170_000 == 0o040_000 {
        'd'
    } else {
        '-'
    };
    let bits = (0..9).rev().map(|bit| {
        let letter = ['x', 'w', 'r'][bit % 3];
        if mode & (1 << bit) == 0 { '-' } else { letter }
    });
    std::iter::once(kind).chain(bits).collect()
}

fn read(root: &Path, query: &str) -> Answer {
    let file = match found(root, query) {
        Ok(file) => file,
        Err(refused) => return *refused,
    };
    let bad = |text: &str| plain(StatusCode::BAD_REQUEST, text);
    let offset = match parameter(query, "offset").map(|text| text.parse::<i64>()) {
        None => -1,
        Some(Ok(offset)) if offset >= -1 => offset,
        Some(Ok(_)) => return bad("Negative offset provided\n"),
        Some(Err(_)) => return bad("Failed to parse offset\n"),
    };
    let length = match parameter(query, "length").map(|text| text.parse::<i64>()) {
        None => READ_LEN_MAX,
        Some(Ok(length)) => u64::try_from(length).unwrap_or(READ_LEN_MAX),
        Some(Err(_)) => return bad("Failed to parse length\n"),
    };
    let Ok(size) = std::fs::metadata(&file).map(|metadata| metadata.len()) else {
        return not_found();
    };
    // Without a place to read from, it is only told how long the file is.
    let Ok(offset) = u64::try_from(offset) else {
        return typed(
            "application/json",
            json!({ "data": "", "offset": size }).to_string(),
        );
    };
    let Ok(data) = part(&file, offset, length) else {
        return plain(StatusCode::INTERNAL_SERVER_ERROR, "Failed to read");
    };
    let data = String::from_utf8_lossy(&data);
    typed(
        "application/json",
        json!({ "data": data, "offset": offset }).to_string(),
    )
}

fn part(file: &Path, offset: u64, length: u64) -> io::Result<Vec<u8>> {
    let mut file = File::open(file)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut data = Vec::new();
    file.take(length.min(READ_LEN_MAX)).read_to_end(&mut data)?;
    Ok(data)
}

fn download(root: &Path, query: &str) -> Answer {
    match found(root, query).map(std::fs::read) {
        Ok(Ok(data)) => typed("application/octet-stream", data),
        Ok(Err(_)) => not_found(),
        Err(refused) => *refused,
    }
}

async fn api(root: &Path, request: Request<Incoming>) -> Answer {
    let (head, body) = request.into_parts();
    let Ok(body) = body.collect().await else {
        return plain(StatusCode::BAD_REQUEST, "");
    };
    let in_json = head
        .headers
        .get(header::CONTENT_TYPE)
        .is_some_and(|kind| kind == "application/json");
    let body = body.to_bytes();
    let wire = if in_json {
        json::to_wire(Kind::AgentCall, &body, Unknown::Ignore).ok()
    } else {
        Some(body.to_vec())
    };
    let Some(call) = wire.and_then(|wire| Call::decode(wire.as_slice()).ok()) else {
        return plain(
            StatusCode::BAD_REQUEST,
            "Failed to parse body into Call protobuf",
        );
    };
    let response = match call.r#type() {
        call::Type::ReadFile => read_file(root, &call),
        call::Type::ListFiles => list_files(root, &call),
        call::Type::Unknown
        | call::Type::GetHealth
        | call::Type::GetVersion
        | call::Type::GetState
        | call::Type::GetContainers
        | call::Type::GetExecutors
        | call::Type::GetTasks => return plain(StatusCode::NOT_IMPLEMENTED, ""),
    };
    let Some(response) = response else {
        return not_found();
    };
    let wire = response.encode_to_vec();
    if in_json {
        let text = json::from_wire(Kind::AgentResponse, &wire).unwrap_or_default();
        return typed("application/json", text);
    }
    typed("application/x-protobuf", wire)
}

fn read_file(root: &Path, call: &Call) -> Option<Response> {
    let wanted = call.read_file.as_ref()?;
    let file = resolve(root, &wanted.path)?;
    let size = std::fs::metadata(&file).ok()?.len();
    let length = wanted.length.unwrap_or(READ_LEN_MAX);
    Some(Response {
        r#type: Some(response::Type::ReadFile.into()),
        read_file: Some(response::ReadFile {
            size,
            data: part(&file, wanted.offset, length).ok()?,
        }),
        ..Response::default()
    })
}

fn list_files(root: &Path, call: &Call) -> Option<Response> {
    let wanted = call.list_files.as_ref()?;
    let folder = resolve(root, &wanted.path)?;
    Some(Response {
        r#type: Some(response::Type::ListFiles.into()),
        list_files: Some(response::ListFiles {
            file_infos: list(&folder, &wanted.path).ok()?,
        }),
        ..Response::default()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_stay_with_the_agent() {
        let root = Path::new("/var/mesos/slaves/S0");
        let check = |path: &str, want: Option<&str>| {
            assert_eq!(
                resolve(root, path).as_deref(),
                want.map(Path::new),
                "{path}"
            );
        };
        check(
            "/frameworks/F/x",
            Some("/var/mesos/slaves/S0/frameworks/F/x"),
        );
        check(
            "frameworks/F/x",
            Some("/var/mesos/slaves/S0/frameworks/F/x"),
        );
        check(
            "/var/mesos/slaves/S0/frameworks/F",
            Some("/var/mesos/slaves/S0/frameworks/F"),
        );
        check(
            "/var/mesos/slaves/S1/x",
            Some("/var/mesos/slaves/S0/var/mesos/slaves/S1/x"),
        );
        check("/frameworks/../../S1/x", None);
        check("/var/mesos/slaves/S0/../S1", None);
    }

    #[test]
    fn queries_are_decoded() {
        let query = "offset=-1&path=%2Fa+b%20c";
        assert_eq!(parameter(query, "path").as_deref(), Some("/a b c"));
        assert_eq!(parameter(query, "offset").as_deref(), Some("-1"));
        assert_eq!(parameter(query, "length"), None);
    }

    #[test]
    fn modes_are_written_as_ls_does() {
        assert_eq!(mode_text(0o100_644), "-rw-r--r--");
        assert_eq!(mode_text(0o040_755), "drwxr-xr-x");
    }
}
