//! `POST /resumes/upload`: the checks of the contract in its order, then the file, then the row, then the parser.

use axum::Json;
use axum::extract::{DefaultBodyLimit, FromRequest as _, Multipart, Request, State};
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse as _, Response};
use bytes::Bytes;
use protocol::cluster::Action;
use protocol::ids::ResumeId;
use store::db;
use store::resumes::{NewResume, RESUMES_MAX};
use tracing::{info, warn};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::ResumeUploadResponse;
use crate::app::AppState;
use crate::auth::caller::Caller;
use crate::error::{ApiError, ErrorResponse};
use crate::input::extract::DISCARD_MAX;

/// Largest file, by the contract.
const FILE_MAX: usize = 10 << 20;
/// Parts looked at before giving up on finding a file.
const PARTS_MAX: usize = 20;
/// Longest file name kept, by the column.
const NAME_MAX: usize = 255;

const PDF: &str = "application/pdf";
const DOCX: &str = "application/vnd.openxmlformats-officedocument.wordprocessingml.document";

pub fn routes() -> OpenApiRouter<AppState> {
    // Room to read and drop what is too much, so that the client gets to see the refusal.
    OpenApiRouter::new().routes(routes!(upload)).layer(DefaultBodyLimit::max(FILE_MAX + DISCARD_MAX))
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "describes the form")]
struct UploadForm {
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

struct Upload {
    name: String,
    kind: Kind,
    bytes: Bytes,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Pdf,
    Docx,
}

impl Kind {
    const fn mime(self) -> &'static str {
        match self {
            Self::Pdf => PDF,
            Self::Docx => DOCX,
        }
    }

    const fn extension(self) -> &'static str {
        match self {
            Self::Pdf => ".pdf",
            Self::Docx => ".docx",
        }
    }

    const fn magic(self) -> &'static [u8] {
        match self {
            Self::Pdf => b"%PDF",
            Self::Docx => b"PK\x03\x04",
        }
    }
}

/// Takes a PDF or DOCX file of at most 10 MiB, in the first file part, whatever its name.
#[utoipa::path(post, path = "/api/v1/resumes/upload", tag = "resumes",
    request_body(content = inline(UploadForm), content_type = "multipart/form-data"),
    responses((status = 202, body = ResumeUploadResponse), (status = 400, body = ErrorResponse),
        (status = 409, body = ErrorResponse), (status = 413, body = ErrorResponse), (status = 415, body = ErrorResponse)))]
async fn upload(State(app): State<AppState>, caller: Caller, request: Request) -> Result<Response, ApiError> {
    caller.count(&app, "resume-upload", app.options.limits.resume_upload).await?;
    let file = receive(request).await?;
    let id = ResumeId::new();
    let key = format!("resumes/{}/{id}-{}", caller.user, safe_name(&file.name));

    let mut tx = app.store.begin().await?;
    if !store::resumes::has_room(&mut tx, caller.user).await? {
        return Err(ApiError::conflict(format!(
            "You can keep at most {RESUMES_MAX} resumes. Delete one, then add this one."
        )));
    }
    app.files.put(&key, file.bytes.clone()).await?;
    let new = NewResume {
        id,
        user: caller.user,
        filename: &file.name,
        file_key: &key,
        file_size_bytes: file.bytes.len() as i32,
        mime_type: file.kind.mime(),
    };
    let stored = match store::resumes::insert(&mut tx, new).await {
        Ok(()) => db::commit(tx, "adding a resume").await,
        Err(error) => Err(error),
    };
    if let Err(error) = stored {
        // Only when it certainly was not stored: a row without its file would be worse than a file without a row.
        if !error.is_outage()
            && let Err(error) = app.files.delete(&key).await
        {
            warn!(resume.id = %id, %error, "the file of a refused resume could not be removed");
        }
        return Err(error.into());
    }
    info!(resume.id = %id, user.id = %caller.user, bytes = file.bytes.len(), "a resume was uploaded");
    app.tell(caller.user, Action::ParseResume { resume: id });
    Ok((StatusCode::ACCEPTED, Json(ResumeUploadResponse { id: id.0, status: "parsing" })).into_response())
}

async fn receive(request: Request) -> Result<Upload, ApiError> {
    let declared = request.headers().get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or("");
    if !declared.to_ascii_lowercase().starts_with("multipart/form-data") {
        return Err(ApiError::unsupported_media("Send the file as multipart/form-data"));
    }
    let broken = |_| ApiError::bad_request("The upload is not valid multipart/form-data");
    let mut parts = Multipart::from_request(request, &()).await.map_err(broken)?;
    for _ in 0..PARTS_MAX {
        let Some(mut part) = parts.next_field().await.map_err(|error| refusal(&error))? else { break };
        let Some(name) = part.file_name().map(str::to_owned) else {
            // Not a file; skipped without being kept.
            while part.chunk().await.map_err(|error| refusal(&error))?.is_some() {}
            continue;
        };
        let declared = part.content_type().unwrap_or("").to_owned();
        let mut bytes = Vec::new();
        let mut seen = 0_usize;
        while let Some(chunk) = part.chunk().await.map_err(|error| refusal(&error))? {
            seen += chunk.len();
            if seen <= FILE_MAX {
                bytes.extend_from_slice(&chunk);
            } else {
                bytes = Vec::new();
            }
        }
        if seen > FILE_MAX {
            return Err(ApiError::too_large(FILE_MAX));
        }
        let kind = check(&name, &declared, &bytes)?;
        return Ok(Upload { name: name.chars().take(NAME_MAX).collect(), kind, bytes: bytes.into() });
    }
    Err(ApiError::bad_request("No file provided"))
}

fn refusal(error: &axum::extract::multipart::MultipartError) -> ApiError {
    if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
        return ApiError::too_large(FILE_MAX);
    }
    ApiError::bad_request("The upload is not valid multipart/form-data")
}

/// The contract's checks, in its order.
fn check(name: &str, declared: &str, bytes: &[u8]) -> Result<Kind, ApiError> {
    let essence = declared.split(';').next().unwrap_or("").trim().to_ascii_lowercase();
    let kind = match essence.as_str() {
        PDF => Kind::Pdf,
        DOCX => Kind::Docx,
        _ => {
            return Err(ApiError::bad_request(
                "Only PDF and DOCX files are taken. Save your resume as one of them and try again.",
            ));
        }
    };
    if name.contains('\0') || !name.to_ascii_lowercase().ends_with(kind.extension()) {
        return Err(ApiError::bad_request(
            "The file's name must end in .pdf or .docx, as its type says. Rename it and try again.",
        ));
    }
    if bytes.is_empty() {
        return Err(ApiError::bad_request("The file is empty. Choose the file with your resume in it."));
    }
    if !bytes.starts_with(kind.magic()) {
        return Err(ApiError::bad_request(
            "The file is not what its name says: it is neither a PDF nor a DOCX inside. Save your resume as one of them and try again.",
        ));
    }
    Ok(kind)
}

/// The name as part of a storage key: letters, digits, `. _ -`.
fn safe_name(name: &str) -> String {
    let safe = |c: char| if c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-') { c } else { '_' };
    name.chars().take(NAME_MAX).map(safe).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_name_and_content_must_agree() {
        assert_eq!(check("cv.PDF", PDF, b"%PDF-1.7").unwrap(), Kind::Pdf);
        assert_eq!(check("cv.docx", DOCX, b"PK\x03\x04..").unwrap(), Kind::Docx);
        for (name, declared, bytes) in [
            ("cv.pdf", "text/plain", b"%PDF-1.7".as_slice()),
            ("cv.txt", PDF, b"%PDF-1.7"),
            ("cv.docx", PDF, b"%PDF-1.7"),
            ("cv.pdf", PDF, b""),
            ("cv.pdf", PDF, b"MZ\x90"),
            ("cv.docx", DOCX, b"%PDF-1.7"),
        ] {
            assert!(check(name, declared, bytes).is_err(), "{name} {declared}");
        }
    }

    #[test]
    fn a_name_cannot_leave_its_folder() {
        assert_eq!(safe_name("../../etc/pass wd.pdf"), ".._.._etc_pass_wd.pdf");
    }
}
