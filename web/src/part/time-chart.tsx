// Values over time, as stacked bars (parts of a whole) or lines: brush to set the range, legend to hide a series, a table for those who do not see it.
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import type { SeriesMarker } from '../api';
import { brief, count, dateTime, day } from '../format';
import { colour, colours } from '../theme';

export interface Layer {
  label: string;
  /** A colour of the style sheet, `--delivered`. */
  colour: string;
  values: ReadonlyArray<number | null>;
  /** Drawn with a broken line: the period before. */
  dashed?: boolean;
}

/** What is usual, for the first layer: values at the edges for each step. */
export interface Band {
  low: ReadonlyArray<number | null>;
  high: ReadonlyArray<number | null>;
}

interface Props {
  title: string;
  times: readonly string[];
  stepSeconds: number;
  layers: readonly Layer[];
  kind?: 'bars' | 'lines';
  /** How a value is written; counts when left out. */
  write?: (value: number | null | undefined) => string;
  /** What stands in the legend for the whole range; nothing where values cannot be added up. */
  sum?: boolean;
  band?: Band | null | undefined;
  /** Incidents and changes meanwhile. */
  markers?: readonly SeriesMarker[] | undefined;
  onBrush: (since: number, until: number) => void;
}

const HEIGHT = 232;
/** A narrower brush was a click. */
const MIN_BRUSH_PX = 8;

/** Cumulative sums over the visible layers, the last one on top. */
export function stack(layers: ReadonlyArray<{ values: ReadonlyArray<number | null> }>, hidden: ReadonlySet<number>): number[][] {
  const length = layers[0]?.values.length ?? 0;
  const sums = new Array<number>(length).fill(0);
  return layers.map((layer, index) => {
    if (!hidden.has(index)) layer.values.forEach((value, at) => (sums[at] = (sums[at] ?? 0) + (value ?? 0)));
    return sums.slice();
  });
}

function timeLabels(_: uPlot, splits: number[], __: number, ___: number, increment: number): string[] {
  return splits.map((seconds) => {
    const date = new Date(seconds * 1000);
    if (increment >= 86_400 || (date.getHours() === 0 && date.getMinutes() === 0)) return day(date.getTime());
    return `${String(date.getHours()).padStart(2, '0')}:${String(date.getMinutes()).padStart(2, '0')}`;
  });
}

/** What stands behind the values: read by the canvas each time it is drawn. */
interface Behind {
  band: Band | null;
  markers: readonly SeriesMarker[];
}

/** What nobody was woken for: a dead destination may go on for days, and must not tint them. */
const isSmall = (marker: SeriesMarker) => marker.kind === 'incident' && marker.severity !== 'page';

/** When something grave went on: incidents that overlap are one stretch, since tints over each other would hide the values. */
export function stretches(markers: readonly SeriesMarker[]): Array<[since: number, until: number]> {
  const incidents = markers.filter((marker) => marker.kind === 'incident' && !isSmall(marker));
  const spans = incidents.map((marker): [number, number] => [Date.parse(marker.since), marker.until ? Date.parse(marker.until) : Infinity]);
  const joined: Array<[number, number]> = [];
  for (const [since, until] of spans.sort((left, right) => left[0] - right[0])) {
    const last = joined.at(-1);
    if (last && last[1] >= since) last[1] = Math.max(last[1], until);
    else joined.push([since, until]);
  }
  return joined;
}

/** Grave incidents as tinted stretches, smaller ones and changes as lines where they begin, what is usual as a grey band. */
function drawBehind(plot: uPlot, { band, markers }: Behind, stepSeconds: number): void {
  const { ctx, bbox } = plot;
  ctx.save();
  ctx.beginPath();
  ctx.rect(bbox.left, bbox.top, bbox.width, bbox.height);
  ctx.clip();
  const x = (time: number) => plot.valToPos(time / 1000, 'x', true);
  ctx.fillStyle = colour('--bounced');
  ctx.globalAlpha = 0.13;
  for (const [since, until] of stretches(markers)) {
    const left = x(since);
    ctx.fillRect(left, bbox.top, Math.max((until === Infinity ? bbox.left + bbox.width : x(until)) - left, devicePixelRatio * 1.5), bbox.height);
  }
  const line = (marker: SeriesMarker) => ctx.fillRect(x(Date.parse(marker.since)), bbox.top, devicePixelRatio * 1.5, bbox.height);
  ctx.globalAlpha = 0.5;
  markers.filter(isSmall).forEach(line);
  ctx.fillStyle = colour('--expired');
  ctx.globalAlpha = 0.8;
  for (const marker of markers) if (marker.kind === 'change') line(marker);
  if (band) {
    ctx.fillStyle = colour('--muted');
    ctx.globalAlpha = 0.18;
    plot.data[0].forEach((time, index) => {
      const [low, high] = [band.low[index], band.high[index]];
      if (low === null || low === undefined || high === null || high === undefined) return;
      const left = plot.valToPos(time, 'x', true);
      const top = plot.valToPos(high, 'y', true);
      ctx.fillRect(left, top, plot.valToPos(time + stepSeconds, 'x', true) - left, plot.valToPos(low, 'y', true) - top);
    });
  }
  ctx.restore();
}

/** What went on at a step. */
function meanwhile(markers: readonly SeriesMarker[], time: string | undefined, stepSeconds: number): SeriesMarker[] {
  if (time === undefined) return [];
  const start = Date.parse(time);
  const end = start + stepSeconds * 1000;
  return markers.filter((marker) => {
    const since = Date.parse(marker.since);
    return since < end && (marker.kind === 'change' ? since >= start : !marker.until || Date.parse(marker.until) >= start);
  });
}

interface Look {
  kind: 'bars' | 'lines';
  stepSeconds: number;
  layers: readonly Layer[];
  hidden: ReadonlySet<number>;
  write: (value: number | null | undefined) => string;
}

function options({ kind, stepSeconds, layers, hidden, write }: Look, width: number, onIndex: (index: number | null) => void, onBrush: Props['onBrush'], behind: () => Behind): uPlot.Options {
  const axis = { stroke: colour('--muted'), grid: { stroke: colour('--grid'), width: 1 }, ticks: { show: false }, font: '12px system-ui, sans-serif' };
  const least = kind === 'bars' ? 4 : 0;
  // Sums are in falling order: each bar begins where the next sum ends, so that no colour shines through at the edges.
  const bars = uPlot.paths.bars?.({
    size: [0.86, 46],
    align: 1,
    disp: {
      y0: { unit: 1, values: (plot, index) => (plot.data[index + 1] ?? plot.data[0].map(() => 0)) as number[] },
      y1: { unit: 1, values: (plot, index) => plot.data[index] as number[] },
    },
  });
  return {
    width,
    height: HEIGHT,
    padding: [8, 14, 0, 0],
    legend: { show: false },
    cursor: { y: false, points: { show: false }, drag: { x: true, y: false, setScale: false } },
    // A bar begins at its time: the last one needs its width.
    scales: { x: { time: true, range: (_, min, max) => [min, max + stepSeconds] }, y: { range: (_, __, max) => [0, Math.max(least, Math.max(max ?? 0, ...(behind().band?.high ?? []).map((high) => high ?? 0)) * 1.06) || 1] } },
    axes: [
      { ...axis, values: timeLabels, size: 28 },
      { ...axis, size: kind === 'bars' ? 46 : 58, values: (_, splits) => splits.map((value) => (kind === 'lines' || Number.isInteger(value) ? write(value) : '')) },
    ],
    series: [{}, ...layers.map((layer, index) => ({ layer, index })).reverse().map(({ layer, index }) => ({
      label: layer.label,
      show: !hidden.has(index),
      stroke: colour(layer.colour),
      ...(kind === 'bars'
        ? { fill: colour(layer.colour), width: 0, points: { show: false }, ...(bars ? { paths: bars } : {}) }
        : { width: layer.dashed ? 1.5 : 2, dash: layer.dashed ? [5, 4] : [], spanGaps: false }),
    }))],
    hooks: {
      drawClear: [(plot) => drawBehind(plot, behind(), stepSeconds)],
      setCursor: [(plot) => onIndex(plot.cursor.idx ?? null)],
      setSelect: [(plot) => {
        const { left, width: wide } = plot.select;
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        if (wide >= MIN_BRUSH_PX) onBrush(plot.posToVal(left, 'x') * 1000, plot.posToVal(left + wide, 'x') * 1000);
      }],
    },
  };
}

export function TimeChart({ title, times, stepSeconds, layers, onBrush, kind = 'bars', write = brief, sum = true, band = null, markers = [] }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const [at, setAt] = useState<number | null>(null);
  const [hidden, setHidden] = useState<ReadonlySet<number>>(new Set());
  const step = useRef(stepSeconds);
  step.current = stepSeconds;
  const brush = useRef(onBrush);
  brush.current = onBrush;

  const behind = useRef<Behind>({ band, markers });
  // A band belongs to the lowest layer: it would stand at the wrong height under others, or alone.
  behind.current = { band: hidden.has(0) ? null : band, markers };

  const data = useMemo<uPlot.AlignedData>(() => {
    const seconds = times.map((time) => Date.parse(time) / 1000);
    const values = kind === 'bars' ? stack(layers, hidden) : layers.map((layer) => layer.values.slice());
    return [seconds, ...values.reverse()];
  }, [times, layers, hidden, kind]);

  // The canvas is made again for another look only; new numbers go into the one there is.
  const look = `${kind}|${stepSeconds}|${write(0.5)}|${layers.map((layer) => layer.label).join()}|${[...hidden].join()}|${colours.value}`;
  useEffect(() => {
    if (!host.current) return;
    const width = host.current.clientWidth;
    const made = new uPlot(options({ kind, stepSeconds: step.current, layers, hidden, write }, width, setAt, (since, until) => brush.current(since, until), () => behind.current), data, host.current);
    plot.current = made;
    const observer = new ResizeObserver(([entry]) => entry && made.setSize({ width: entry.contentRect.width, height: HEIGHT }));
    observer.observe(host.current);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [look]);
  useEffect(() => plot.current?.setData(data), [data, band, markers]);

  const move = (event: KeyboardEvent) => {
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0;
    if (!step) return;
    event.preventDefault();
    setAt((was) => Math.min(times.length - 1, Math.max(0, (was ?? (step > 0 ? -1 : times.length)) + step)));
  };
  const toggle = (index: number) => setHidden((was) => {
    const next = new Set(was);
    if (!next.delete(index)) next.add(index);
    return next;
  });
  const shown = at !== null && at < times.length ? at : null;
  const total = (layer: Layer) => layer.values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
  const whole = (layer: Layer) => (sum ? write(total(layer)) : '');
  const summary = `${title}: ${layers.map((layer) => (sum ? `${layer.label} ${count(total(layer))}` : layer.label)).join(', ')}. Arrow keys read single steps.`;

  return (
    <figure>
      <div class="legend">
        <span class="when number" aria-live="polite">{shown === null ? 'Whole range' : `${dateTime(times[shown])} + ${stepLabel(stepSeconds)}`}</span>
        {layers.map((layer, index) => (
          <button type="button" key={layer.label} aria-pressed={!hidden.has(index)} title="Show or hide" onClick={() => toggle(index)}>
            <i class={layer.dashed ? 'dashed' : undefined} style={{ background: `var(${layer.colour})`, borderColor: `var(${layer.colour})` }} />
            {layer.label}
            <b>{shown === null ? whole(layer) : write(layer.values[shown])}</b>
          </button>
        ))}
        {band && !hidden.has(0) && <span class="usual"><i aria-hidden="true" />usual, {layers[0]?.label.toLowerCase()}<b>{usualAt(band, shown, write)}</b></span>}
      </div>
      <div class="chart" ref={host} tabIndex={0} role="img" aria-label={summary} onKeyDown={move} onBlur={() => setAt(null)} />
      <Meanwhile markers={shown === null ? markers : meanwhile(markers, times[shown], stepSeconds)} whole={shown === null} />
      <DataTable title={title} times={times} layers={layers} write={kind === 'bars' ? count : write} />
    </figure>
  );
}

function usualAt(band: Band, at: number | null, write: NonNullable<Props['write']>): string {
  if (at === null) return '';
  const [low, high] = [band.low[at], band.high[at]];
  return low === null || low === undefined ? '–' : `${write(Math.round(low))} – ${write(Math.round(high ?? 0))}`;
}

/** As many are named; the pages behind them tell the rest. */
const NAMED = 3;

function Meanwhile({ markers, whole }: { markers: readonly SeriesMarker[]; whole: boolean }) {
  return (
    <p class="meanwhile small muted">
      {markers.length === 0 ? `No incident and no change ${whole ? 'in' : 'at'} this time.` : (
        <>
          {whole && 'Marked: '}
          {markers.slice(0, NAMED).map((marker) => (
            <span key={marker.since + marker.title}><i class={marker.kind === 'change' ? 'change' : undefined} aria-hidden="true" /><a href={marker.page}>{marker.title}</a> </span>
          ))}
          {markers.length > NAMED && <a href="/alerts/history">and {count(markers.length - NAMED)} more</a>}
        </>
      )}
    </p>
  );
}

function stepLabel(seconds: number): string {
  if (seconds >= 86_400) return `${seconds / 86_400} d`;
  if (seconds >= 3600) return `${seconds / 3600} h`;
  return seconds >= 60 ? `${seconds / 60} min` : `${seconds} s`;
}

function DataTable({ title, times, layers, write }: Required<Pick<Props, 'title' | 'times' | 'layers' | 'write'>>) {
  return (
    <div class="visually-hidden">
      <table>
        <caption>{title}</caption>
        <thead><tr><th scope="col">From</th>{layers.map((layer) => <th scope="col" key={layer.label}>{layer.label}</th>)}</tr></thead>
        <tbody>
          {times.map((time, index) => (
            <tr key={time}><th scope="row">{dateTime(time)}</th>{layers.map((layer) => <td key={layer.label}>{write(layer.values[index])}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
