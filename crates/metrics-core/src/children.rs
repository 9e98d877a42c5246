//! The children that a store has handed out.

use std::fmt;
use std::sync::Arc;

use crate::table::Table;
use crate::{Child, DeclareError, Desc, StoreError};

#[cfg(test)]
mod tests;

/// The children that a store has handed out, so that asking twice gives the same one: all that a store in
/// memory needs besides the numbers.
///
/// Found without a lock, added under exclusion that a fork cannot leave locked. A forked process has them too.
///
/// ```
/// use std::sync::Arc;
/// use metrics_core::{Child, Children, Desc, Store, StoreError};
///
/// /// Keeps nothing.
/// #[derive(Default)]
/// struct Forgetful {
///     children: Children,
/// }
///
/// impl Store for Forgetful {
///     fn child(&self, desc: &Arc<Desc>, labels: &[&str]) -> Result<&'static dyn Child, StoreError> {
///         self.children.get_or_make(desc, labels, || Box::new(Nothing))
///     }
/// }
/// # use metrics_core::Part;
/// # struct Nothing;
/// # impl Child for Nothing {
/// #     fn add(&self, _: f64) {}
/// #     fn set(&self, _: f64) {}
/// #     fn observe(&self, _: usize, _: f64) {}
/// #     fn get(&self, _: Part) -> f64 { 0.0 }
/// # }
/// # let desc = Arc::new(Desc::new(&metrics_core::Declaration::new(metrics_core::Kind::Gauge, "a", ""))?);
/// # assert_eq!(Forgetful::default().child(&desc, &[])?.get(Part::Value), 0.0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Children {
    families: Table<OfFamily>,
}

/// The children of one family.
struct OfFamily {
    desc: Arc<Desc>,
    children: Table<&'static dyn Child>,
}

impl Children {
    /// None yet.
    pub fn new() -> Children {
        Children { families: Table::new() }
    }

    /// The child of `desc` with these label values; the first time, the one that `make` makes.
    ///
    /// When two threads ask for the first time at once, both make one and get the same one; the other is
    /// never dropped, nor is any child.
    ///
    /// # Errors
    /// When the family has another number of labels, when another family of the name has been asked for, or
    /// when 134 million label sets are there.
    pub fn get_or_make(
        &self,
        desc: &Arc<Desc>,
        labels: &[&str],
        make: impl FnOnce() -> Box<dyn Child>,
    ) -> Result<&'static dyn Child, StoreError> {
        let keep = |cause: DeclareError| StoreError::new(format!("keep {desc} with {labels:?}"), cause);
        if labels.len() != desc.labels().len() {
            let (family, expected) = (desc.name().to_owned(), desc.labels().len());
            return Err(keep(DeclareError::LabelCount { family, expected, given: labels.len() }));
        }
        let full =
            || StoreError::new(format!("keep {desc} with {labels:?}"), "there are too many label sets");
        let family = match self.families.get(&[desc.name()]) {
            Some(family) => family,
            None => {
                let family = OfFamily { desc: Arc::clone(desc), children: Table::new() };
                self.families.get_or_insert(&[desc.name()], family).ok_or_else(full)?
            }
        };
        if family.desc != *desc {
            let (existing, refused) = (Arc::clone(&family.desc), Box::new((**desc).clone()));
            return Err(keep(DeclareError::Conflict { existing, refused }));
        }
        if let Some(child) = family.children.get(labels) {
            return Ok(*child);
        }
        family.children.get_or_insert(labels, Box::leak(make())).copied().ok_or_else(full)
    }
}

impl Default for Children {
    fn default() -> Children {
        Children::new()
    }
}

impl fmt::Debug for Children {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let families = self.families.iter().map(|(_, family)| (&family.desc, family.children.iter().count()));
        f.debug_map().entries(families).finish()
    }
}
