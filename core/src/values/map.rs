//! A map from types to values.

use super::Hook;
use alloc::{sync::Arc, vec::Vec};
use core::{
    any::{Any, TypeId, type_name},
    error::Error,
    fmt,
};

/// Typed values that belong to a piece of work: who asks, which tenant, a trace id, a connection.
///
/// It has at most one value of each type. Give your values types of their own:
/// `struct RequestId(u64)`, not `u64`. A context never changes: [`with`](Self::with) returns another
/// one, so nothing that is added for one part of a program is seen by another.
///
/// With `std`, [`around`](Self::around) and [`enter`](Self::enter) put a context around a future
/// or a call; scopes that are started inside take it over, on whatever executor, and
/// [`context::current`](crate::context::current) returns it. Without `std` it is passed on by hand.
///
/// # Cost
///
/// A clone is a count. [`with`](Self::with) copies a pointer for each value there is, and
/// allocates twice. [`get`](Self::get) compares types one after the other: for the few values that
/// a context has, that is faster than a hash.
///
/// # Examples
///
/// ```
/// use anyscope::context::Context;
///
/// #[derive(Debug, PartialEq)]
/// struct RequestId(u64);
///
/// let server = Context::new().with("eu-1");
/// let request = server.with(RequestId(7));
/// assert_eq!(request.get(), Some(&RequestId(7)));
/// assert_eq!(request.get::<&str>(), Some(&"eu-1"));
/// assert_eq!(server.get::<RequestId>(), None);
/// ```
#[derive(Clone, Default)]
pub struct Context {
    // `None` if it is empty.
    pub(super) inner: Option<Arc<Inner>>,
}

/// What the clones of a context share.
#[derive(Clone, Default)]
pub(super) struct Inner {
    values: Vec<Value>,
    /// The outermost first.
    pub(super) hooks: Vec<Arc<dyn Hook>>,
    /// Whether one of the values watches the scopes that have this context.
    is_watched: bool,
}

#[derive(Clone)]
struct Value {
    id: TypeId,
    name: &'static str,
    value: Arc<dyn Any + Send + Sync>,
}

impl Context {
    /// Returns a context without values.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::context::Context;
    ///
    /// const NOTHING: Context = Context::new();
    /// assert!(NOTHING.is_empty());
    /// assert_eq!(NOTHING.with("eu-1").get(), Some(&"eu-1"));
    /// ```
    pub const fn new() -> Self {
        Context { inner: None }
    }

    /// Returns a context that has this value too, instead of one of the same type.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::context::Context;
    ///
    /// let one = Context::new().with(1);
    /// let two = one.with(2);
    /// assert_eq!((one.get(), two.get()), (Some(&1), Some(&2)));
    /// ```
    #[must_use = "a context does not change: this returns another one"]
    pub fn with<T: Any + Send + Sync>(&self, value: T) -> Self {
        let mut inner = self.inner.as_deref().cloned().unwrap_or_default();
        let id = TypeId::of::<T>();
        let value = Value { id, name: type_name::<T>(), value: Arc::new(value) };
        match inner.values.iter_mut().find(|there| there.id == id) {
            Some(there) => *there = value,
            None => inner.values.push(value),
        }
        Context { inner: Some(Arc::new(inner)) }
    }

    /// Returns a context with this [`Hook`] too: it runs around the polls of all that has the context
    /// around it, inside the hooks that are there already.
    ///
    /// # Examples
    ///
    /// See [`Hook`](super::Hook).
    #[must_use = "a context does not change: this returns another one"]
    pub fn with_hook(&self, hook: impl Hook) -> Self {
        let mut inner = self.inner.as_deref().cloned().unwrap_or_default();
        inner.hooks.push(Arc::new(hook));
        Context { inner: Some(Arc::new(inner)) }
    }

    /// As [`with`](Self::with), for a value that watches the scopes that have this context.
    #[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
    pub(crate) fn with_watcher<T: Any + Send + Sync>(&self, watcher: T) -> Self {
        let mut inner = self.with(watcher).inner.as_deref().cloned().unwrap_or_default();
        inner.is_watched = true;
        Context { inner: Some(Arc::new(inner)) }
    }

    #[cfg_attr(not(all(feature = "std", not(anyscope_loom))), allow(dead_code))]
    pub(crate) fn is_watched(&self) -> bool {
        self.inner.as_ref().is_some_and(|inner| inner.is_watched)
    }

    /// Returns the value of this type, if there is one.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::context::{self, Context};
    ///
    /// struct RequestId(u64);
    ///
    /// /// For a line of a log, wherever it is written.
    /// fn request() -> String {
    ///     context::with_current(|here| match here.get() {
    ///         Some(RequestId(id)) => format!("request {id}"),
    ///         None => "no request".into(),
    ///     })
    /// }
    ///
    /// assert_eq!(Context::new().with(RequestId(7)).enter(request), "request 7");
    /// assert_eq!(request(), "no request");
    /// ```
    pub fn get<T: Any>(&self) -> Option<&T> {
        let id = TypeId::of::<T>();
        let value = self.inner.as_ref()?.values.iter().find(|value| value.id == id)?;
        value.value.downcast_ref()
    }

    /// Returns the value of this type.
    ///
    /// # Errors
    ///
    /// [`MissingValue`], which names the type and those that are there.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::context::Context;
    ///
    /// let missing = Context::new().with(1_u8).require::<String>().unwrap_err();
    /// assert!(missing.to_string().starts_with("no value of type `alloc::string::String`"));
    /// ```
    pub fn require<T: Any>(&self) -> Result<&T, MissingValue> {
        self.get().ok_or_else(|| MissingValue { name: type_name::<T>(), has: self.clone() })
    }

    /// Returns whether there are neither values nor hooks.
    ///
    /// # Examples
    ///
    /// ```
    /// use anyscope::context::{self, Context};
    ///
    /// assert!(context::current().is_empty());
    /// assert!(!Context::new().with(7).is_empty());
    /// ```
    pub fn is_empty(&self) -> bool {
        self.inner.is_none()
    }
}

/// The types of the values: values need not be printable.
impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = self.inner.iter().flat_map(|inner| &inner.values);
        f.write_str("Context ")?;
        f.debug_list().entries(values.map(|value| Name(value.name))).finish()
    }
}

struct Name(&'static str);

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A [`Context`] has no value of the type that was required.
///
/// # Examples
///
/// ```
/// use anyscope::context::{self, MissingValue};
///
/// struct Tenant(&'static str);
///
/// fn tenant() -> Result<&'static str, MissingValue> {
///     context::with_current(|here| Ok(here.require::<Tenant>()?.0))
/// }
///
/// assert!(tenant().unwrap_err().type_name().ends_with("Tenant"));
/// ```
#[derive(Clone)]
pub struct MissingValue {
    name: &'static str,
    has: Context,
}

impl MissingValue {
    /// Returns the name of the type.
    ///
    /// # Examples
    ///
    /// See [`MissingValue`].
    pub fn type_name(&self) -> &'static str {
        self.name
    }
}

impl fmt::Display for MissingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no value of type `{}` in this context", self.name)?;
        match self.has.is_empty() {
            true => {
                f.write_str(", which is empty: put one around this code with `Context::around`")
            }
            false => write!(f, ": add it with `.with(value)`. It has {:?}", self.has),
        }
    }
}

impl fmt::Debug for MissingValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MissingValue").field("type_name", &self.name).finish_non_exhaustive()
    }
}

impl Error for MissingValue {}
