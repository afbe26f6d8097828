//! Cutting to fit: messages and passed-along states have limits in bytes or lines, and lose what their readers
//! miss least. Pure.

/// Takes one step after the other until `fits` holds; answers how many steps it took. It may not fit even
/// after the last one.
pub fn give_up<T: ?Sized>(
    value: &mut T,
    steps: &[impl Fn(&mut T)],
    fits: impl Fn(&T) -> bool,
) -> usize {
    for (taken, step) in steps.iter().enumerate() {
        if fits(value) {
            return taken;
        }
        step(value);
    }
    steps.len()
}

/// The largest number up to `all` for which `fits` holds: if a number fits, so do all that are smaller, and 0
/// always does.
pub fn most(all: usize, fits: impl Fn(usize) -> bool) -> usize {
    if fits(all) {
        return all;
    }
    let (mut fitting, mut too_many) = (0, all);
    while too_many - fitting > 1 {
        let middle = fitting.midpoint(too_many);
        if fits(middle) {
            fitting = middle;
        } else {
            too_many = middle;
        }
    }
    fitting
}

/// The first `limit` items, and how many are left out.
pub fn first<T>(items: &[T], limit: usize) -> (&[T], usize) {
    let shown = items.get(..limit).unwrap_or(items);
    (shown, items.len() - shown.len())
}

#[cfg(test)]
mod tests {
    use super::{first, give_up, most};

    #[test]
    fn steps_are_taken_only_as_far_as_needed() {
        let steps: [fn(&mut Vec<u8>); 3] = [|v| v.truncate(8), |v| v.truncate(4), Vec::clear];
        for (limit, taken, left) in [(10, 0, 10), (9, 1, 8), (8, 1, 8), (5, 2, 4), (3, 3, 0)] {
            let mut value = vec![0; 10];
            assert_eq!(give_up(&mut value, &steps, |v| v.len() <= limit), taken);
            assert_eq!(value.len(), left);
        }
    }

    #[test]
    fn the_largest_number_that_fits_is_found() {
        for limit in 0..20 {
            assert_eq!(most(10, |n| n <= limit), limit.min(10));
        }
    }

    #[test]
    fn lists_say_how_many_they_leave_out() {
        assert_eq!(first(&[1, 2, 3], 2), (&[1, 2][..], 1));
        assert_eq!(first(&[1, 2, 3], 5), (&[1, 2, 3][..], 0));
    }
}
