// A table as a file: CSV for a spreadsheet, JSON for a script. Made in the page from the numbers that it shows.

/** A column of an exported table: its heading and the plain value of a row. */
export interface Column<Row> {
  name: string;
  value: (row: Row) => string | number | null;
}

/** RFC 4180. A text that a spreadsheet would take for a formula gets an apostrophe: log lines are written by strangers. */
export function csv<Row>(columns: ReadonlyArray<Column<Row>>, rows: readonly Row[]): string {
  const cell = (value: string | number | null) => {
    if (value === null) return '';
    if (typeof value === 'number') return String(value);
    const safe = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
    return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  };
  const lines = [columns.map((column) => cell(column.name)), ...rows.map((row) => columns.map((column) => cell(column.value(row))))];
  return lines.map((line) => line.join(',')).join('\r\n') + '\r\n';
}

function save(name: string, type: string, text: string): void {
  const url = URL.createObjectURL(new Blob([text], { type }));
  const anchor = document.createElement('a');
  anchor.href = url;
  anchor.download = name;
  anchor.click();
  URL.revokeObjectURL(url);
}

interface Table<Row> {
  columns: ReadonlyArray<Column<Row>>;
  rows: readonly Row[];
}

interface Props<Row> extends Partial<Table<Row>> {
  /** The name of the file, without its ending. */
  name: string;
  /** What is saved, for those who do not see where the buttons stand. */
  what?: string;
  /** The table, when it is worked out only as it is saved. */
  table?: () => Table<Row>;
}

function asJson<Row>({ columns, rows }: Table<Row>): string {
  return JSON.stringify(rows.map((row) => Object.fromEntries(columns.map((column) => [column.name, column.value(row)]))), null, 1);
}

export function Export<Row>({ name, what, columns = [], rows = [], table = () => ({ columns, rows }) }: Props<Row>) {
  const of = what && <span class="visually-hidden"> of {what}</span>;
  const asCsv = () => {
    const { columns, rows } = table();
    return csv(columns, rows);
  };
  return (
    <span class="export">
      <button type="button" class="button plain small" onClick={() => save(`${name}.csv`, 'text/csv', asCsv())}>CSV{of}</button>
      <button type="button" class="button plain small" onClick={() => save(`${name}.json`, 'application/json', asJson(table()))}>JSON{of}</button>
    </span>
  );
}
