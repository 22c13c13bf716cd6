//! What follows a job from its caller to its worker.

use anyscope_core::{Instant, context};
use std::fmt;

/// Names with values that follow a job to its worker, and from there to the jobs that it calls: the context of a trace, a tenant.
///
/// A caller puts them into the [`Context`](context::Context) around its calls; a handler has them in its context, so calls that it makes
/// have them as well.
///
/// # Examples
///
/// ```
/// use anyscope::context::Context;
/// use anyscope_remote::Headers;
///
/// let headers = Headers::new().with("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
/// let request = Context::new().with(headers).around(async {
///     // calls made here have them
///     assert!(Headers::current().get("traceparent").is_some());
/// });
/// smol::block_on(request);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(String, String)>);

impl Headers {
    /// Creates none.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::Headers;
    ///
    /// assert_eq!(Headers::new().iter().count(), 0);
    /// ```
    pub fn new() -> Self {
        Headers::default()
    }

    /// Returns those in the context around this code.
    ///
    /// # Examples
    ///
    /// See [`Headers`].
    pub fn current() -> Self {
        context::with_current(|context| context.get::<Headers>().cloned().unwrap_or_default())
    }

    /// Returns these with one more. One of the same name is replaced.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::Headers;
    ///
    /// let headers = Headers::new().with("tenant", "acme").with("tenant", "umbrella");
    /// assert_eq!(headers.get("tenant"), Some("umbrella"));
    /// ```
    pub fn with(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        let name = name.into();
        self.0.retain(|(known, _)| *known != name);
        self.0.push((name, value.into()));
        self
    }

    /// Returns the value with this name.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::Headers;
    ///
    /// let headers = Headers::new().with("tenant", "acme");
    /// assert_eq!((headers.get("tenant"), headers.get("traceparent")), (Some("acme"), None));
    /// ```
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// Returns all of them.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope_remote::Headers;
    ///
    /// let headers = Headers::new().with("tenant", "acme");
    /// assert!(headers.iter().eq([("tenant", "acme")]));
    /// ```
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

/// The names alone, as values may be secrets.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter().map(|(name, _)| name)).finish()
    }
}

/// Until when the running job has time, in its context: for the calls that it makes.
pub(crate) struct Until(pub(crate) Instant);

/// Until when the code around this has time, as far as jobs know.
pub(crate) fn until() -> Option<Instant> {
    context::with_current(|context| context.get::<Until>().map(|until| until.0))
}
