//! One segment file: columns to Parquet and back.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{TimestampMicrosecondType, UInt64Type};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Schema};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder, RowSelection, RowSelector};
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::schema::types::ColumnPath;

use crate::column::arrow::Arrays;
use crate::error::{Error, Result};

/// Rows of one row group: enough for a dictionary to pay, few enough to be skipped by time.
const ROW_GROUP_ROWS: usize = 256 * 1024;
/// Rows of one page: what reading one row costs at most.
const PAGE_ROWS: usize = 32 * 1024;
/// A dictionary beyond this does not pay.
const DICTIONARY_BYTES: usize = 4 << 20;

/// How a column is best written.
fn encoding(name: &str, array: &ArrayRef) -> Option<Encoding> {
    match array.data_type() {
        DataType::UInt64 if name.ends_with("offset") => Some(Encoding::DELTA_BINARY_PACKED),
        DataType::UInt64 if name == "id" || name == "message" || name == "last_message" => Some(Encoding::PLAIN),
        DataType::UInt32 if name == "attempt_row" => Some(Encoding::DELTA_BINARY_PACKED),
        DataType::Timestamp(_, _) if !whole_seconds(array) => Some(Encoding::DELTA_BINARY_PACKED),
        DataType::Utf8 if name == "queue_id" => Some(Encoding::DELTA_BYTE_ARRAY),
        DataType::Utf8 if name == "message_id" || name == "reply_text" => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        DataType::Binary => Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
        _ => None,
    }
}

/// Times of a log without fractions repeat, so a dictionary is best; others climb.
fn whole_seconds(array: &ArrayRef) -> bool {
    array.as_primitive::<TimestampMicrosecondType>().iter().flatten().all(|micros| micros % 1_000_000 == 0)
}

/// Few different values: page statistics and chunk statistics would say nothing.
fn statistics(builder: WriterPropertiesBuilder, name: &str, path: ColumnPath) -> WriterPropertiesBuilder {
    match name {
        "time" => builder.set_column_statistics_enabled(path, EnabledStatistics::Page),
        "arrived" | "stream" => builder.set_column_statistics_enabled(path, EnabledStatistics::Chunk),
        _ => builder,
    }
}

fn properties(columns: &Arrays, level: i32) -> Result<WriterProperties> {
    let level = ZstdLevel::try_new(level).map_err(|error| Error::format(error.to_string()))?;
    let mut builder = WriterProperties::builder()
        .set_compression(Compression::ZSTD(level))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_data_page_row_count_limit(PAGE_ROWS)
        .set_dictionary_page_size_limit(DICTIONARY_BYTES)
        .set_statistics_enabled(EnabledStatistics::None)
        .set_write_batch_size(8192)
        .set_created_by("mailvane".to_owned());
    for (field, array) in columns.fields.iter().zip(&columns.arrays) {
        let path = ColumnPath::from(field.name().as_str());
        builder = statistics(builder, field.name(), path.clone());
        if let Some(encoding) = encoding(field.name(), array) {
            builder = builder.set_column_dictionary_enabled(path.clone(), false).set_column_encoding(path, encoding);
        } else if *array.data_type() == DataType::Utf8 {
            builder = builder.set_column_encoding(path, Encoding::DELTA_LENGTH_BYTE_ARRAY);
        }
    }
    Ok(builder.build())
}

/// Writes a segment, and with `sync` waits until it is on the disk. Returns its bytes.
pub(crate) fn write(path: &Path, columns: Arrays, level: i32, sync: bool) -> Result<u64> {
    let properties = properties(&columns, level)?;
    let schema = Arc::new(Schema::new(columns.fields));
    let wrong = |error: parquet::errors::ParquetError| Error::segment(path, error);
    let batch = RecordBatch::try_new(Arc::clone(&schema), columns.arrays).map_err(|error| wrong(error.into()))?;
    let file = File::create(path).map_err(|error| Error::io(path, error))?;
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(file, schema, options).map_err(wrong)?;
    writer.write(&batch).map_err(wrong)?;
    let file = writer.into_inner().map_err(wrong)?;
    if sync {
        file.sync_all().map_err(|error| Error::io(path, error))?;
    }
    Ok(file.metadata().map_err(|error| Error::io(path, error))?.len())
}

/// Which columns of a segment are read. Names that the file lacks are passed over.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Columns<'a> {
    /// All.
    #[default]
    All,
    /// These.
    Only(&'a [&'a str]),
    /// All others.
    Without(&'a [&'a str]),
}

/// Which columns and rows of a segment are read.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Wanted<'a> {
    /// Columns.
    pub(crate) columns: Columns<'a>,
    /// Row numbers, ascending, each once; `None` means all.
    pub(crate) rows: Option<&'a [u32]>,
}

/// Rows of a batch where all rows are looked at one after the other: they stay in the processor's cache.
const BATCH_ROWS: usize = 16 * 1024;

/// Hands out some columns of all rows, batch by batch, with the number of the first row.
pub(crate) fn each_batch(path: &Path, names: &[&str], mut see: impl FnMut(u32, &RecordBatch)) -> Result<()> {
    let wrong = |error: parquet::errors::ParquetError| Error::segment(path, error);
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(wrong)?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), names.iter().copied());
    let mut first = 0;
    for batch in builder.with_projection(mask).with_batch_size(BATCH_ROWS).build().map_err(wrong)? {
        let batch = batch.map_err(|error| wrong(error.into()))?;
        see(first, &batch);
        first += batch.num_rows() as u32;
    }
    Ok(())
}

/// Reads a segment as one record batch.
pub(crate) fn read(path: &Path, wanted: Wanted<'_>) -> Result<RecordBatch> {
    let wrong = |error: parquet::errors::ParquetError| Error::segment(path, error);
    let file = File::open(path).map_err(|error| Error::io(path, error))?;
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let options = match wanted.rows {
        Some(_) => options.with_offset_index_policy(parquet::file::metadata::PageIndexPolicy::Optional),
        None => options,
    };
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(file, options).map_err(wrong)?;
    let total = usize::try_from(builder.metadata().file_metadata().num_rows()).unwrap_or_default();
    let mut builder = builder.with_batch_size(wanted.rows.map_or(total, <[u32]>::len).max(1));
    let mask = match wanted.columns {
        Columns::All => None,
        Columns::Only(names) => Some(ProjectionMask::columns(builder.parquet_schema(), names.iter().copied())),
        Columns::Without(names) => {
            let all = builder.parquet_schema().columns().iter().map(|column| column.name());
            Some(ProjectionMask::columns(builder.parquet_schema(), all.filter(|name| !names.contains(name))))
        }
    };
    if let Some(mask) = mask {
        builder = builder.with_projection(mask);
    }
    if let Some(rows) = wanted.rows {
        builder = builder.with_row_selection(selection(rows, total));
    }
    let schema = builder.schema().clone();
    let reader = builder.build().map_err(wrong)?;
    let schema = match wanted.columns {
        Columns::All => schema,
        _ => arrow_array::RecordBatchReader::schema(&reader),
    };
    let mut batches = Vec::new();
    for batch in reader {
        batches.push(batch.map_err(|error| wrong(error.into()))?);
    }
    match batches.len() {
        0 => Ok(RecordBatch::new_empty(schema)),
        1 => Ok(batches.remove(0)),
        _ => arrow_select::concat::concat_batches(&schema, &batches).map_err(|error| wrong(error.into())),
    }
}

fn selection(rows: &[u32], total: usize) -> RowSelection {
    let mut selectors = Vec::new();
    let mut next = 0_usize;
    for row in rows {
        let row = *row as usize;
        if row > next {
            selectors.push(RowSelector::skip(row - next));
        }
        selectors.push(RowSelector::select(1));
        next = row + 1;
    }
    if total > next {
        selectors.push(RowSelector::skip(total - next));
    }
    RowSelection::from(selectors)
}

/// The numbers of a column, with `None` for null; all `None` when the file has no such column.
pub(crate) fn numbers(batch: &RecordBatch, name: &str) -> Vec<Option<u64>> {
    match batch.column_by_name(name) {
        Some(array) if *array.data_type() == DataType::UInt64 => array.as_primitive::<UInt64Type>().iter().collect(),
        _ => vec![None; batch.num_rows()],
    }
}

/// Whether each cell of a column is null; none is when the file has no such column.
pub(crate) fn nulls(batch: &RecordBatch, name: &str) -> Vec<bool> {
    match batch.column_by_name(name) {
        Some(array) => (0..array.len()).map(|row| array.is_null(row)).collect(),
        None => vec![false; batch.num_rows()],
    }
}
