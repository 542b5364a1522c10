// A select bound to a parameter of the address.
import { change } from '../location';

interface Props {
  name: string;
  label: string;
  value: string;
  /** The value that the address leaves out. */
  fallback: string;
  options: ReadonlyArray<readonly [string, string]>;
}

export function Choice({ name, label, value, fallback, options }: Props) {
  return (
    <select class="field" aria-label={label} value={value} onChange={(event) => {
      const picked = event.currentTarget.value;
      change({ [name]: picked === fallback ? null : picked, cursor: null });
    }}>
      {options.map(([option, text]) => <option key={option} value={option}>{text}</option>)}
    </select>
  );
}
