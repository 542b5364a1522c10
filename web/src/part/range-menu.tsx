// The button that shows the time range and changes it.
import { useEffect, useRef, useState } from 'preact/hooks';
import { now } from '../live';
import { change, query } from '../location';
import { fixedRange, PRESETS, type Range, rangeLabel, spanRange, toLocalInput } from '../range';
import { zoneLabel } from '../format';

export function RangeMenu({ range }: { range: Range }) {
  const [open, setOpen] = useState(false);
  const [wrong, setWrong] = useState(false);
  const root = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (!open) return;
    const close = (event: Event) => {
      if (event instanceof KeyboardEvent ? event.key === 'Escape' : !root.current?.contains(event.target as Node)) setOpen(false);
    };
    addEventListener('pointerdown', close);
    addEventListener('keydown', close);
    return () => {
      removeEventListener('pointerdown', close);
      removeEventListener('keydown', close);
    };
  }, [open]);

  const pick = (parameters: Record<string, string | null>) => {
    change(parameters);
    setOpen(false);
  };
  const own = (event: Event) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const since = Date.parse(String(form.get('since')));
    const until = Date.parse(String(form.get('until')));
    if (since < until) pick(fixedRange(since, until));
    else setWrong(true);
  };
  const end = range.moving ? now.value : Date.parse(range.until);
  const start = Number.isNaN(Date.parse(range.since)) ? end - 86_400_000 : Date.parse(range.since);
  return (
    <div class="menu" ref={root}>
      <button type="button" class="button" aria-expanded={open} onClick={() => setOpen(!open)}>
        <span aria-hidden="true">◷</span>
        <span><span class="visually-hidden">Time range: </span>{rangeLabel(range)}</span>
      </button>
      {open && (
        <div>
          {PRESETS.map((preset) => (
            <button type="button" class="pick" key={preset.span} aria-pressed={range.moving && range.since === preset.span && !query.value.get('since')} onClick={() => pick(spanRange(preset.span))}>
              {preset.label}
            </button>
          ))}
          <form onSubmit={own}>
            <fieldset>
              <label>From<input class="field" type="datetime-local" name="since" required defaultValue={toLocalInput(start)} /></label>
              <label>To<input class="field" type="datetime-local" name="until" required defaultValue={toLocalInput(end)} /></label>
              {wrong && <p class="small" role="alert">The end must come after the start.</p>}
              <div class="row"><button type="submit" class="button">Apply</button><span class="small muted">{zoneLabel()}</span></div>
            </fieldset>
          </form>
        </div>
      )}
    </div>
  );
}
