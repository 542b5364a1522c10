// Where the reader is: the address bar as a signal. The address holds everything that a shared link must carry.
import { computed, signal } from '@preact/signals';

const href = signal(typeof location === 'undefined' ? '/' : location.pathname + location.search);

export const path = computed(() => href.value.split('?')[0] ?? '/');
export const query = computed(() => new URLSearchParams(href.value.split('?')[1] ?? ''));

/** Goes to an address of ours. A change of page moves to its top and tells screen readers by focus (see Shell). */
export function go(to: string, how: 'push' | 'replace' = 'push'): void {
  if (to === href.value) return;
  const otherPage = to.split('?')[0] !== path.value;
  if (how === 'push') history.pushState(null, '', to);
  else history.replaceState(null, '', to);
  href.value = to;
  if (otherPage) scrollTo(0, 0);
}

/** `path` with `change` laid over the parameters of `from`; null takes one out. */
export function link(to: string, change: Record<string, string | null> = {}, from: URLSearchParams = new URLSearchParams()): string {
  const next = new URLSearchParams(from);
  for (const [name, value] of Object.entries(change)) {
    if (value === null || value === '') next.delete(name);
    else next.set(name, value);
  }
  const text = next.toString().replaceAll('%3A', ':').replaceAll('%2C', ',').replaceAll('%40', '@').replaceAll('%2F', '/');
  return text ? `${to}?${text}` : to;
}

/** What follows `start` in a path, decoded; as it stands where it is no percent-encoding. */
export function part(at: string, start: string): string {
  const text = at.slice(start.length);
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

/** Changes parameters of the page we are on. */
export function change(parameters: Record<string, string | null>, how: 'push' | 'replace' = 'push'): void {
  go(link(path.value, parameters, query.value), how);
}

/** Follows the back button and plain clicks on links of ours. */
export function listen(): void {
  addEventListener('popstate', () => {
    href.value = location.pathname + location.search;
  });
  document.addEventListener('click', (event) => {
    if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey || event.altKey) return;
    const anchor = (event.target as Element | null)?.closest?.('a');
    if (!anchor || anchor.target || anchor.hasAttribute('download') || anchor.origin !== location.origin) return;
    if (anchor.pathname.startsWith('/api/') || (anchor.hash && anchor.pathname === location.pathname)) return;
    event.preventDefault();
    go(anchor.pathname + anchor.search);
  });
}
