//! How values become bytes.

use std::{error::Error, fmt};

/// Turns values into bytes, and back.
///
/// There is one behind the feature `json`; see [`Json`](crate::Json). A codec is a type without values: it is chosen by the
/// [`Job`](crate::Job), not at run time.
///
/// # Examples
///
/// ```
/// use anyscope_remote::{Codec, CodecError};
///
/// /// Texts as they are.
/// enum Plain {}
///
/// impl Codec<String> for Plain {
///     fn encode(value: &String) -> Result<Vec<u8>, CodecError> {
///         Ok(value.clone().into_bytes())
///     }
///
///     fn decode(bytes: &[u8]) -> Result<String, CodecError> {
///         Ok(std::str::from_utf8(bytes).map_err(CodecError::new)?.to_owned())
///     }
/// }
///
/// assert_eq!(Plain::decode(b"to be").unwrap(), "to be");
/// assert!(Plain::decode(&[0xff]).is_err());
/// ```
pub trait Codec<T> {
    /// Returns `value` as bytes.
    ///
    /// # Errors
    ///
    /// If it cannot be encoded.
    fn encode(value: &T) -> Result<Vec<u8>, CodecError>;

    /// Returns the value of these bytes.
    ///
    /// # Errors
    ///
    /// If they are not those of a value. The error is logged and sent to callers, so it should not quote the bytes.
    fn decode(bytes: &[u8]) -> Result<T, CodecError>;
}

/// Why a value does not become bytes, or bytes no value.
///
/// See [`Codec`].
#[derive(Debug)]
pub struct CodecError(Box<dyn Error + Send + Sync>);

impl CodecError {
    /// Creates an error with this cause.
    ///
    /// # Examples
    ///
    /// See [`Codec`].
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        CodecError(cause.into())
    }
}

impl fmt::Display for CodecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl Error for CodecError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.0.source()
    }
}

/// Values as JSON, by serde.
///
/// Its errors say where something is wrong, and quote nothing: payloads may have secrets.
///
/// # Examples
///
/// ```
/// use anyscope_remote::{Codec, Json};
///
/// assert_eq!(Json::encode(&vec![1, 2]).unwrap(), b"[1,2]");
/// let numbers: Vec<u32> = Json::decode(b"[1,2]").unwrap();
/// assert_eq!(numbers, [1, 2]);
/// let wrong = <Json as Codec<Vec<u32>>>::decode(b"[1,\"secret\"]").unwrap_err();
/// assert!(!wrong.to_string().contains("secret"));
/// ```
#[cfg(feature = "json")]
#[cfg_attr(docsrs, doc(cfg(feature = "json")))]
#[derive(Debug)]
pub enum Json {}

#[cfg(feature = "json")]
impl<T: serde::Serialize + serde::de::DeserializeOwned> Codec<T> for Json {
    fn encode(value: &T) -> Result<Vec<u8>, CodecError> {
        serde_json::to_vec(value).map_err(CodecError::new)
    }

    fn decode(bytes: &[u8]) -> Result<T, CodecError> {
        serde_json::from_slice(bytes).map_err(|error| {
            use serde_json::error::Category;
            let what = match error.classify() {
                Category::Syntax | Category::Io => "this is no JSON",
                Category::Eof => "the JSON ends too early",
                Category::Data => "the JSON is of something else",
            };
            CodecError::new(format!("{what} (line {}, column {})", error.line(), error.column()))
        })
    }
}
