//! Errors as gRPC statuses. A client decides by the code, a person by the message.

use tonic::{Code, Status};

use crate::{boxes, credentials, machine};

impl From<boxes::Error> for Status {
    fn from(error: boxes::Error) -> Self {
        use boxes::Error as E;
        let code = match &error {
            E::NoSuchBox(_)
            | E::NoSuchDisk(_)
            | E::NoSuchProxy { .. }
            | E::NoSuchDomain(_)
            | E::NoSuchPort { .. } => Code::NotFound,
            E::NameTaken(_) | E::ProxyTaken { .. } | E::DomainTaken(_) | E::DiskNameTaken(_) => {
                Code::AlreadyExists
            }
            E::Invalid(_) => Code::InvalidArgument,
            E::WrongStatus { .. } | E::DiskAttached { .. } | E::DiskNotAttached { .. } => {
                Code::FailedPrecondition
            }
            E::NoPortLeft(_) => Code::ResourceExhausted,
            E::Closing => Code::Unavailable,
            E::Machine { source, .. } => code_of(source),
            E::Fault | E::Store(_) | E::Io { .. } => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}

impl From<machine::Error> for Status {
    fn from(error: machine::Error) -> Self {
        Self::new(code_of(&error), error.to_string())
    }
}

fn code_of(error: &machine::Error) -> Code {
    use machine::Error as E;
    match error {
        E::NotFound { .. } => Code::NotFound,
        E::AlreadyExists { .. } => Code::AlreadyExists,
        E::NotADirectory { .. } | E::Invalid { .. } => Code::InvalidArgument,
        // Not PERMISSION_DENIED: to the published clients that is about the caller's credentials.
        E::Denied { .. } | E::Host { .. } | E::NotListening { .. } | E::Busy { .. } => {
            Code::FailedPrecondition
        }
        // Not UNAVAILABLE: clients would repeat what may have been done already.
        E::Gone => Code::Aborted,
        E::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => Code::ResourceExhausted,
        _ => Code::Internal,
    }
}

impl From<credentials::Error> for Status {
    fn from(error: credentials::Error) -> Self {
        use credentials::Error as E;
        let code = match &error {
            E::UnknownKey | E::NoToken | E::KeyAsToken | E::Forged | E::Expired | E::Revoked => {
                Code::Unauthenticated
            }
            E::NoSuchKey(_) | E::NoSuchToken(_) => Code::NotFound,
            E::TooLong(_) => Code::InvalidArgument,
            E::Store(_) | E::Make(_) | E::Json(_) => Code::Internal,
        };
        Self::new(code, error.to_string())
    }
}
