// A row of thin bars, one a minute. The words beside it carry the numbers.

/** The bars of a sparkline as one SVG path in a box of `values.length` x 20. */
export function sparkPath(values: readonly number[]): string {
  const top = Math.max(1, ...values);
  return values
    .map((value, index) => {
      if (value <= 0) return '';
      const height = Math.max(1, (value / top) * 20);
      return `M${index} 20v${-round(height)}h.8v${round(height)}z`;
    })
    .join('');
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}

export function Spark({ values, colour }: { values: readonly number[]; colour: string }) {
  return (
    <svg viewBox={`0 0 ${values.length} 20`} preserveAspectRatio="none" aria-hidden="true">
      <path d={sparkPath(values)} style={{ fill: `var(${colour})` }} />
      <path d={`M0 19.75h${values.length}`} style={{ stroke: 'var(--line)', strokeWidth: 0.5 }} />
    </svg>
  );
}
