//! Each number defined once, as a fold from rows to mergeable cells.
