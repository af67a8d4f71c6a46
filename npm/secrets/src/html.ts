/** HTML in which everything is escaped that is not HTML already. */

/** Text that is HTML. */
export class Html {
  constructor(readonly text: string) {}

  toString(): string {
    return this.text;
  }
}

type Part = Html | string | number | null | undefined;

const ESCAPES: Record<string, string> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' };
/** Characters that control a terminal, or turn text around, so that it reads as something else. */
const CONTROLS = /[\0-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff]/g;

/** A template whose parts are escaped, for text and for attributes in double quotes. */
export function html(strings: TemplateStringsArray, ...parts: readonly (Part | readonly Part[])[]): Html {
  const escaped = parts.map((part) => [part].flat().map(escape).join(''));
  return new Html(String.raw({ raw: strings }, ...escaped));
}

function escape(part: Part): string {
  if (part instanceof Html) return part.text;
  return String(part ?? '').replace(CONTROLS, '\ufffd').replace(/[&<>"']/g, (character) => ESCAPES[character]!);
}
