// A table that may be wider than its card: it scrolls, and then the keyboard reaches it. Each can be saved as a file.
import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Column, Export } from './export';

interface Props {
  label: string;
  /** Somebody else offers the same rows as a file, with more columns. */
  saved?: boolean;
  children: ComponentChildren;
}

/** What a cell says, without what is said to screen readers only and without words of buttons. */
function words(cell: Element): string {
  const copy = cell.cloneNode(true) as Element;
  copy.querySelectorAll('.visually-hidden, button, svg, [aria-hidden=true]').forEach((each) => each.remove());
  // Parts that stand below each other are told apart.
  copy.querySelectorAll('div, small, br').forEach((each) => each.before(' '));
  return (copy.textContent ?? '').replace(/\s+/g, ' ').trim();
}

/** A table as it stands on the page: its headings as columns. */
export function tableOf(table: HTMLTableElement): { columns: Array<Column<string[]>>; rows: string[][] } {
  const heads = [...table.querySelectorAll('thead th')].map((cell, index) => words(cell) || `column ${index + 1}`);
  const rows = [...table.querySelectorAll('tbody tr')].map((row) => [...row.children].map(words));
  return { columns: heads.map((name, index) => ({ name, value: (row: string[]) => row[index] ?? null })), rows };
}

export function Scroll({ label, saved, children }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const [wider, setWider] = useState(false);
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const look = () => setWider(element.scrollWidth > element.clientWidth);
    const observer = new ResizeObserver(look);
    observer.observe(element);
    if (element.firstElementChild) observer.observe(element.firstElementChild);
    return () => observer.disconnect();
  }, []);
  const table = () => {
    const found = box.current?.querySelector('table');
    return found ? tableOf(found) : { columns: [], rows: [] };
  };
  return (
    <>
      <div class="scroll" ref={box} {...(wider ? { tabIndex: 0, role: 'region', 'aria-label': label } : {})}>
        {children}
      </div>
      {!saved && <div class="save"><Export name={`mailvane-${label.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')}`} what={label} table={table} /></div>}
    </>
  );
}
