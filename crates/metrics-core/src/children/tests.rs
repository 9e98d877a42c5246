//! One child for one label set.

use std::ptr;

use super::*;
use crate::refused::Refused;
use crate::{Buckets, Declaration, Kind};

fn desc(declaration: &Declaration<'_>) -> Arc<Desc> {
    Arc::new(Desc::new(declaration).unwrap())
}

fn ask(children: &Children, desc: &Arc<Desc>, labels: &[&str]) -> Result<*const (), StoreError> {
    let child = children.get_or_make(desc, labels, || Box::<Refused>::default())?;
    Ok(ptr::from_ref(child).cast())
}

#[test]
fn asking_twice_gives_the_same_child_and_other_labels_another() {
    let children = Children::new();
    let declaration = Declaration { labels: &["a", "b"], ..Declaration::new(Kind::Gauge, "level", "") };
    let first = ask(&children, &desc(&declaration), &["x", "y"]).unwrap();
    assert_eq!(ask(&children, &desc(&declaration), &["x", "y"]).unwrap(), first);
    assert_ne!(ask(&children, &desc(&declaration), &["y", "x"]).unwrap(), first);
    let other = Declaration { name: "other", ..declaration };
    assert_ne!(ask(&children, &desc(&other), &["x", "y"]).unwrap(), first);
    assert_eq!(format!("{children:?}").matches("level").count(), 1);
}

#[test]
fn another_family_of_the_name_is_refused() {
    let children = Children::new();
    let declaration = Declaration::new(Kind::Histogram, "size", "Sizes.");
    ask(&children, &desc(&declaration), &[]).unwrap();
    let buckets = Some(Buckets::new([1.0]).unwrap());
    let error = ask(&children, &desc(&Declaration { buckets, ..declaration }), &[]).unwrap_err();
    assert_eq!(
        error.to_string(),
        "keep histogram size{} (sum) with []: \
         declare histogram size{} (sum): its name is taken by histogram size{} (sum) with other buckets"
    );
}

#[test]
fn a_label_set_with_values_missing_is_refused() {
    let declaration = Declaration { labels: &["a", "b"], ..Declaration::new(Kind::Gauge, "level", "") };
    let error = ask(&Children::new(), &desc(&declaration), &["x"]).unwrap_err();
    assert_eq!(
        error.to_string(),
        r#"keep gauge level{a,b} (all) with ["x"]: family "level" has 2 labels, 1 values were given"#
    );
}
