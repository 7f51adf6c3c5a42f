const MAX_LENGTH = 200;

/** What a header said, for events and the log. `null`: nothing. */
export function excerpt(value: string | readonly string[] | undefined): string | null {
  return value === undefined ? null : [value].flat().join(', ').slice(0, MAX_LENGTH);
}

/** JSON in printable ASCII: a header can forge no line of the log and send no command to a terminal. */
export function quote(value: string | null): string {
  const escape = (one: string) => `\\u${one.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return JSON.stringify(value).replaceAll(/[^\u0020-\u007e]/g, escape);
}
