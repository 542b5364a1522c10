//! What is asked of the rows of a segment, as conditions on its columns: Polars skips by them, each row is looked at again.

use mailvane_model::word::Reason;
use mailvane_store::{Segment, Snapshot};
use polars::prelude::*;

use crate::Result;
use crate::scope::{Dimension, Scope, Within};

/// The name of the row number in a frame.
pub(crate) const ROW: &str = "row_number";

/// A lazy scan of one segment.
pub(crate) fn lazy(segment: &Segment) -> Result<LazyFrame> {
    let row_index = (!segment.dead.is_empty()).then(|| RowIndex { name: ROW.into(), offset: 0 });
    let arguments = ScanArgsParquet { row_index, glob: false, cache: false, ..ScanArgsParquet::default() };
    Ok(LazyFrame::scan_parquet(PlRefPath::new(segment.path().to_string_lossy().as_ref()), arguments)?)
}

/// A lazy scan of one segment whose rows are numbered in [`ROW`].
pub(crate) fn lazy_numbered(segment: &Segment) -> Result<LazyFrame> {
    let row_index = Some(RowIndex { name: ROW.into(), offset: 0 });
    let arguments = ScanArgsParquet { row_index, glob: false, cache: false, ..ScanArgsParquet::default() };
    Ok(LazyFrame::scan_parquet(PlRefPath::new(segment.path().to_string_lossy().as_ref()), arguments)?)
}

/// Leaves out the rows that a higher revision has superseded.
pub(crate) fn living(frame: LazyFrame, segment: &Segment) -> LazyFrame {
    if segment.dead.is_empty() {
        return frame;
    }
    let dead = Series::new("dead".into(), segment.dead.as_slice());
    frame.filter(col(ROW).cast(DataType::UInt32).is_in(lit(dead).implode(false), false).not())
}

/// Whether a column of ids holds one of some. A single id as a literal would not do: ids use all 64 bits, and Polars reads a number
/// without a type as a signed one.
pub(crate) fn id_is_one_of(name: &str, ids: &[u64]) -> Expr {
    let ids = Series::new("ids".into(), ids);
    col(name).cast(DataType::UInt64).is_in(lit(ids).implode(false), false)
}

/// Microseconds of a time column, as a number that an expression can be compared with.
pub(crate) fn micros(name: &str) -> Expr {
    col(name).cast(DataType::Int64)
}

/// Whether a string column holds a value; the empty one means absent and may be null.
pub(crate) fn text_is(name: &str, value: &str) -> Expr {
    let equal = col(name).eq(lit(value.to_owned()));
    if value.is_empty() { equal.or(col(name).is_null()) } else { equal }
}

/// What holds of every row that is a reader's, as a condition on columns; each row is looked at again. `None` where there are none.
pub(crate) fn within_expression(within: &Within, schema: &Schema) -> Option<Expr> {
    let columns = ["recipient_domain", "sender_domain"].into_iter().filter(|name| schema.contains(name));
    columns.flat_map(|name| within.0.iter().map(move |domain| text_is(name, domain))).reduce(Expr::or)
}

/// A filter as a condition on columns, where there is one that holds it as it is; the rest is checked row by row.
pub(crate) fn is_value(dimension: Dimension, value: &str, snapshot: &Snapshot, schema: &Schema) -> Option<Expr> {
    let equals = |name: &str| schema.contains(name).then(|| text_is(name, value));
    match dimension {
        Dimension::Provider => equals("provider"),
        Dimension::Domain => equals("recipient_domain"),
        Dimension::SenderDomain => equals("sender_domain"),
        Dimension::Relay => equals("relay_host"),
        Dimension::Client => equals("client_ip"),
        // Logins have a column of that name.
        Dimension::User => equals("sasl_user").or_else(|| equals("user")),
        // What an address folds to has its domain.
        Dimension::Sender => {
            value.rsplit_once('@').filter(|_| schema.contains("sender_domain")).map(|(_, domain)| text_is("sender_domain", domain))
        }
        Dimension::Reason => {
            let code = Reason::from_word(value).map_or(u32::MAX, |reason| u32::from(reason.code()));
            schema.contains("reason").then(|| col("reason").eq(lit(code)))
        }
        Dimension::Instance => {
            let keys = snapshot.streams().iter().filter(|state| crate::scope::instance(&state.stream) == value);
            Some(id_is_one_of("stream", &keys.map(|state| state.key).collect::<Vec<_>>()))
        }
    }
}

/// The traffic of a scope as conditions on columns, where rows have one.
pub(crate) fn of_traffic(scope: &Scope, schema: &Schema) -> Vec<Expr> {
    let is = |name: &str, code: u8| schema.contains(name).then(|| col(name).eq(lit(u32::from(code))));
    let population = scope.population.and_then(|population| is("population", population.code()));
    let direction = scope.direction.and_then(|direction| is("direction", direction.code()));
    population.into_iter().chain(direction).collect()
}
