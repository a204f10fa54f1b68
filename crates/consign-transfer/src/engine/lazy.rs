//! A part that most jobs and files are without: it takes room only where there is something of it.

use std::{
    fmt,
    ops::{Deref, DerefMut},
};

/// A `T` that is made when it is first changed. Until then it reads as an empty one.
#[derive(Clone, Default)]
pub(super) struct Lazy<T>(Option<Box<T>>);

/// What has an empty form that everybody can look at.
pub(super) trait Empty: Default + 'static {
    /// The empty one.
    fn empty() -> &'static Self;
}

impl<T: Empty> Deref for Lazy<T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.0.as_deref().unwrap_or_else(|| T::empty())
    }
}

impl<T: Empty> DerefMut for Lazy<T> {
    fn deref_mut(&mut self) -> &mut T {
        self.0.get_or_insert_default()
    }
}

impl<T: Empty + PartialEq> From<T> for Lazy<T> {
    fn from(value: T) -> Self {
        Self((value != *T::empty()).then(|| Box::new(value)))
    }
}

impl<T: Empty + fmt::Debug> fmt::Debug for Lazy<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::VecDeque;

    use super::*;
    use crate::engine::{NoticeKind, notice::Notice};

    #[test]
    fn it_takes_room_only_where_there_is_something_of_it() {
        let notice = Notice { id: 1, kind: NoticeKind::JobError };
        let mut notices = Lazy::<VecDeque<Notice>>::default();
        assert!(notices.is_empty() && notices.0.is_none());
        notices.push_back(notice);
        assert_eq!(notices.front(), Some(&notice));
        assert!(Lazy::from(VecDeque::<Notice>::new()).0.is_none());
    }
}
