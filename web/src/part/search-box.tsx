// The search box: on every page, `/` jumps to it. It leads to Messages, and there searches while one types.
import { useEffect, useState } from 'preact/hooks';
import { carryRange } from '../range';
import { change, go, link, path, query } from '../location';

const TYPING_MS = 250;

export function SearchBox({ live }: { live?: boolean }) {
  const asked = query.value.get('q') ?? '';
  const [text, setText] = useState(live ? asked : '');
  useEffect(() => {
    if (live) setText(asked);
  }, [asked, live]);
  useEffect(() => {
    if (!live || text.trim() === asked) return;
    const timer = setTimeout(() => change({ q: text.trim() || null, cursor: null }, 'replace'), TYPING_MS);
    return () => clearTimeout(timer);
  }, [text]);

  const submit = (event: Event) => {
    event.preventDefault();
    if (live) change({ q: text.trim() || null, cursor: null });
    else go(link('/messages', { ...carryRange(query.value), q: text.trim() || null }));
    if (!live) setText('');
  };
  return (
    <form role="search" onSubmit={submit}>
      <label class="search-box">
        <span class="visually-hidden">Search messages</span>
        <input
          class="field" type="search" name="q" value={text} autocomplete="off" spellcheck={false} enterkeyhint="search"
          placeholder={live ? 'Address or a part of it, domain, client name or IP, queue id, message-id' : 'Find a message'}
          onInput={(event) => setText(event.currentTarget.value)}
        />
        <kbd aria-hidden="true">/</kbd>
      </label>
    </form>
  );
}

/** `/` from anywhere, unless something is being typed. */
export function watchSlash(): void {
  addEventListener('keydown', (event) => {
    const target = event.target as HTMLElement;
    if (event.key !== '/' || event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|TEXTAREA|SELECT)$/.test(target.tagName)) return;
    const boxes = [...document.querySelectorAll<HTMLInputElement>('input[type=search]')];
    const box = (path.value === '/messages' ? boxes.at(-1) : boxes[0]) ?? null;
    if (!box) return;
    event.preventDefault();
    box.focus();
    box.select();
  });
}
